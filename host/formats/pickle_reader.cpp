#include "formats/pickle_reader.hpp"

#include <bit>
#include <utility>

#include <fmt/format.h>

#include "formats/byte_order.hpp"
#include "formats/format_error.hpp"
#include "formats/pickle_machine.hpp"
#include "formats/pickle_text_forms.hpp"

namespace weighbridge {

PickleReader::PickleReader(std::string bytes, const PickleOptions& options, std::string_view file,
                           std::string_view subject)
    : memory_{*arena_.memory_},
      options_{options},
      file_{file},
      subject_{subject},
      bytes_{memory_.texts.emplace_back(std::move(bytes))} {}

Result<PickleDocument> PickleReader::run() {
  while (true) {
    const auto found = next_instruction(bytes_.substr(at_));
    if (!found.instruction) {
      if (found.cut == PickleCut::truncated)
        fail("the pickle is truncated");
      else
        fail(fmt::format("unknown pickle opcode 0x{:02x}", static_cast<unsigned char>(bytes_[at_])));
      return std::move(*error_);
    }
    if (found.instruction->op == PickleOp::stop) break;
    if (!step(*found.instruction)) return std::move(*error_);
    at_ += found.instruction->length;
  }
  if (!need(1)) return std::move(*error_);
  const auto root = pop();
  if (!free_of_cycles(root)) return std::move(*error_);
  return PickleDocument{std::move(arena_), root, at_ + 1};
}

bool PickleReader::step(const PickleInstruction& instruction) {
  switch (instruction.op) {
    case PickleOp::proto:
      return static_cast<unsigned char>(instruction.argument[0]) <= 5 || fail("pickle protocols above 5 are unknown");
    case PickleOp::frame:
      return little_endian_at<std::uint64_t>(instruction.argument, 0) <= bytes_.size() - at_ - instruction.length ||
             fail("a frame is longer than the rest of the pickle");
    case PickleOp::stop: return true;
    case PickleOp::mark: marks_.push_back(stack_.size()); return true;
    case PickleOp::pop:
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
        return true;
      }
      if (!need(1)) return false;
      pop();
      return true;
    case PickleOp::pop_mark:
      if (const auto from = pop_mark()) {
        stack_.resize(*from);
        return true;
      }
      return false;
    case PickleOp::dup: return need(1) && push(stack_.back());
    case PickleOp::none: return push({});
    case PickleOp::newtrue: return push(arena_.boolean(true));
    case PickleOp::newfalse: return push(arena_.boolean(false));
    case PickleOp::int_line:
    case PickleOp::binint:
    case PickleOp::binint1:
    case PickleOp::binint2:
    case PickleOp::long_line:
    case PickleOp::long1:
    case PickleOp::long4:
    case PickleOp::float_line:
    case PickleOp::binfloat: return push_number(instruction);
    case PickleOp::string:
    case PickleOp::binstring:
    case PickleOp::short_binstring:
    case PickleOp::unicode:
    case PickleOp::binunicode:
    case PickleOp::short_binunicode:
    case PickleOp::binunicode8:
    case PickleOp::binbytes:
    case PickleOp::short_binbytes:
    case PickleOp::binbytes8:
    case PickleOp::bytearray8: return push_text(instruction);
    case PickleOp::get:
    case PickleOp::binget:
    case PickleOp::long_binget:
    case PickleOp::put:
    case PickleOp::binput:
    case PickleOp::long_binput:
    case PickleOp::memoize: return memo(instruction);
    case PickleOp::append:
    case PickleOp::appends:
    case PickleOp::setitem:
    case PickleOp::setitems:
    case PickleOp::additems:
    case PickleOp::dict:
    case PickleOp::empty_dict:
    case PickleOp::list:
    case PickleOp::empty_list:
    case PickleOp::tuple:
    case PickleOp::empty_tuple:
    case PickleOp::tuple1:
    case PickleOp::tuple2:
    case PickleOp::tuple3:
    case PickleOp::empty_set:
    case PickleOp::frozenset: return collect(instruction);
    case PickleOp::global: return push_global(instruction.argument, instruction.argument.find('\n'));
    case PickleOp::inst: return inst(instruction.argument);
    case PickleOp::persid:
      return push_copied(PickleKind::text, std::string{instruction.argument}) && persistent_id(pop());
    case PickleOp::stack_global:
    case PickleOp::binpersid:
    case PickleOp::reduce:
    case PickleOp::build:
    case PickleOp::newobj:
    case PickleOp::newobj_ex:
    case PickleOp::obj: return construct(instruction.op);
    case PickleOp::ext1:
    case PickleOp::ext2:
    case PickleOp::ext4: return fail("the pickle uses the extension registry");
    case PickleOp::next_buffer:
    case PickleOp::readonly_buffer: return fail("the pickle refers to buffers outside of it");
  }
  return fail("unknown pickle opcode");
}

bool PickleReader::push_number(const PickleInstruction& instruction) {
  const auto argument = instruction.argument;
  switch (instruction.op) {
    case PickleOp::binint: return push(arena_.integer(little_endian_at<std::int32_t>(argument, 0)));
    case PickleOp::binint1: return push(arena_.integer(little_endian_at<std::uint8_t>(argument, 0)));
    case PickleOp::binint2: return push(arena_.integer(little_endian_at<std::uint16_t>(argument, 0)));
    case PickleOp::long1:
    case PickleOp::long4: return push_long(argument);
    case PickleOp::binfloat: {
      std::uint64_t pattern = 0;  // the one big-endian number of the format
      for (const char c : argument) pattern = pattern << 8 | static_cast<unsigned char>(c);
      return push(arena_.real(std::bit_cast<double>(pattern)));
    }
    case PickleOp::float_line:
      if (const auto value = decimal_real(argument)) return push(arena_.real(*value));
      return fail("a float is not written as a number");
    default:
      if (instruction.op == PickleOp::int_line && (argument == "00" || argument == "01"))
        return push(arena_.boolean(argument == "01"));
      if (const auto value = decimal(argument)) return push(arena_.integer(*value));
      return fail("an integer is not a number of at most 64 bits");
  }
}

bool PickleReader::push_text(const PickleInstruction& instruction) {
  switch (instruction.op) {
    // What Python 2 wrote as str: text, in all files of interest.
    case PickleOp::string: return push_copied(PickleKind::text, quoted_string(instruction.argument));
    case PickleOp::unicode: return push_copied(PickleKind::text, raw_unicode(instruction.argument));
    case PickleOp::binbytes:
    case PickleOp::short_binbytes:
    case PickleOp::binbytes8:
    case PickleOp::bytearray8: return push_kept(PickleKind::bytes, instruction.argument);
    default: return push_kept(PickleKind::text, instruction.argument);
  }
}

bool PickleReader::memo(const PickleInstruction& instruction) {
  std::uint64_t index = memo_.size();
  const auto argument = instruction.argument;
  const auto op = instruction.op;
  if (op == PickleOp::binget || op == PickleOp::binput) index = little_endian_at<std::uint8_t>(argument, 0);
  if (op == PickleOp::long_binget || op == PickleOp::long_binput) index = little_endian_at<std::uint32_t>(argument, 0);
  if (op == PickleOp::get || op == PickleOp::put) {
    const auto number = decimal(argument);
    if (!number || *number < 0) return fail("a memo index is not a number");
    index = static_cast<std::uint64_t>(*number);
  }
  if (op == PickleOp::get || op == PickleOp::binget || op == PickleOp::long_binget) {
    if (index >= memo_.size() || !memo_set_[index]) return fail(fmt::format("the memo has no entry {}", index));
    return push(memo_[index]);
  }
  // Every entry takes at least one byte of pickle, so an honest index is below the position.
  if (index > at_) return fail(fmt::format("the memo index {} is larger than the pickle so far", index));
  if (!need(1)) return false;
  if (index >= memo_.size()) {
    memo_.resize(index + 1);
    memo_set_.resize(index + 1);
  }
  memo_[index] = stack_.back();
  memo_set_[index] = true;
  return true;
}

bool PickleReader::collect(const PickleInstruction& instruction) {
  const auto op = instruction.op;
  const auto above = [&](std::size_t count) {
    return need(count) ? std::optional{stack_.size() - count} : std::nullopt;
  };
  std::optional<std::size_t> from;
  switch (op) {
    case PickleOp::empty_dict:
    case PickleOp::empty_list:
    case PickleOp::empty_tuple:
    case PickleOp::empty_set: from = stack_.size(); break;
    case PickleOp::append:
    case PickleOp::tuple1: from = above(1); break;
    case PickleOp::setitem:
    case PickleOp::tuple2: from = above(2); break;
    case PickleOp::tuple3: from = above(3); break;
    default: from = pop_mark(); break;
  }
  if (!from) return false;
  switch (op) {
    case PickleOp::append:
    case PickleOp::appends: return put_into(*from, false, false);
    case PickleOp::setitem:
    case PickleOp::setitems: return put_into(*from, true, false);
    case PickleOp::additems: return put_into(*from, false, true);
    case PickleOp::dict:
    case PickleOp::empty_dict: return push_container(PickleKind::dict, *from);
    case PickleOp::list:
    case PickleOp::empty_list: return push_container(PickleKind::list, *from);
    case PickleOp::empty_set:
    case PickleOp::frozenset: return push_container(PickleKind::set, *from);
    default: return push_container(PickleKind::tuple, *from);
  }
}

Result<PickleDocument> read_pickle(std::string bytes, const PickleOptions& options, std::string_view file,
                                   std::string_view subject) {
  return PickleReader{std::move(bytes), options, file, subject}.run();
}

}  // namespace weighbridge
