#include "formats/pickle_opcodes.hpp"

#include "formats/byte_order.hpp"
#include "formats/pickle_reader.hpp"

namespace weighbridge {
namespace {

enum class Form : std::uint8_t { nothing, fixed, line, two_lines, counted, unknown };

struct Argument {
  Form form{};
  std::size_t bytes{};  // of a fixed argument, or of the count
};

Argument argument_of(PickleOp op) {
  switch (op) {
    case PickleOp::mark:
    case PickleOp::stop:
    case PickleOp::pop:
    case PickleOp::pop_mark:
    case PickleOp::dup:
    case PickleOp::none:
    case PickleOp::binpersid:
    case PickleOp::reduce:
    case PickleOp::append:
    case PickleOp::build:
    case PickleOp::dict:
    case PickleOp::empty_dict:
    case PickleOp::appends:
    case PickleOp::list:
    case PickleOp::empty_list:
    case PickleOp::obj:
    case PickleOp::setitem:
    case PickleOp::tuple:
    case PickleOp::empty_tuple:
    case PickleOp::setitems:
    case PickleOp::newobj:
    case PickleOp::tuple1:
    case PickleOp::tuple2:
    case PickleOp::tuple3:
    case PickleOp::newtrue:
    case PickleOp::newfalse:
    case PickleOp::empty_set:
    case PickleOp::additems:
    case PickleOp::frozenset:
    case PickleOp::newobj_ex:
    case PickleOp::stack_global:
    case PickleOp::memoize:
    case PickleOp::next_buffer:
    case PickleOp::readonly_buffer: return {Form::nothing, 0};
    case PickleOp::binint1:
    case PickleOp::binget:
    case PickleOp::binput:
    case PickleOp::proto:
    case PickleOp::ext1: return {Form::fixed, 1};
    case PickleOp::binint2:
    case PickleOp::ext2: return {Form::fixed, 2};
    case PickleOp::binint:
    case PickleOp::long_binget:
    case PickleOp::long_binput:
    case PickleOp::ext4: return {Form::fixed, 4};
    case PickleOp::binfloat:
    case PickleOp::frame: return {Form::fixed, 8};
    case PickleOp::float_line:
    case PickleOp::int_line:
    case PickleOp::long_line:
    case PickleOp::persid:
    case PickleOp::string:
    case PickleOp::unicode:
    case PickleOp::get:
    case PickleOp::put: return {Form::line, 0};
    case PickleOp::global:
    case PickleOp::inst: return {Form::two_lines, 0};
    case PickleOp::short_binstring:
    case PickleOp::long1:
    case PickleOp::short_binbytes:
    case PickleOp::short_binunicode: return {Form::counted, 1};
    case PickleOp::binstring:
    case PickleOp::binunicode:
    case PickleOp::long4:
    case PickleOp::binbytes: return {Form::counted, 4};
    case PickleOp::binunicode8:
    case PickleOp::binbytes8:
    case PickleOp::bytearray8: return {Form::counted, 8};
  }
  return {Form::unknown, 0};
}

}  // namespace

PickleStep next_instruction(std::string_view bytes) {
  if (bytes.empty()) return {std::nullopt, PickleCut::truncated};
  const auto op = static_cast<PickleOp>(static_cast<unsigned char>(bytes[0]));
  const auto [form, width] = argument_of(op);
  const auto rest = bytes.substr(1);
  switch (form) {
    case Form::unknown: return {std::nullopt, PickleCut::unknown_opcode};
    case Form::nothing: return {PickleInstruction{op, {}, 1}, {}};
    case Form::fixed:
      if (rest.size() < width) break;
      return {PickleInstruction{op, rest.substr(0, width), 1 + width}, {}};
    case Form::line:
    case Form::two_lines: {
      auto end = rest.find('\n');
      if (form == Form::two_lines && end != std::string_view::npos) end = rest.find('\n', end + 1);
      if (end == std::string_view::npos) break;
      return {PickleInstruction{op, rest.substr(0, end), 2 + end}, {}};
    }
    case Form::counted: {
      if (rest.size() < width) break;
      std::uint64_t count = 0;
      if (width == 1) count = little_endian_at<std::uint8_t>(rest, 0);
      if (width == 4) count = little_endian_at<std::uint32_t>(rest, 0);
      if (width == 8) count = little_endian_at<std::uint64_t>(rest, 0);
      if (rest.size() - width < count) break;
      return {PickleInstruction{op, rest.substr(width, count), 1 + width + count}, {}};
    }
  }
  return {std::nullopt, PickleCut::truncated};
}

std::optional<std::size_t> pickle_length(std::string_view bytes) {
  std::size_t at = 0;
  while (true) {
    const auto step = next_instruction(bytes.substr(at));
    if (!step.instruction) return std::nullopt;
    at += step.instruction->length;
    if (step.instruction->op == PickleOp::stop) return at;
  }
}

}  // namespace weighbridge
