#include "formats/pickle_emitter.hpp"

#include <bit>
#include <limits>
#include <utility>

#include "formats/byte_order.hpp"

namespace weighbridge {

PickleEmitter::PickleEmitter(std::size_t expected) {
  bytes_.reserve(expected);
  bytes_ = "\x80\x02";
}

void PickleEmitter::none() { op('N'); }
void PickleEmitter::boolean(bool value) { op(value ? '\x88' : '\x89'); }

void PickleEmitter::integer(std::int64_t value) {
  if (value >= 0 && value <= 0xff) {
    op('K');
    append_little_endian(bytes_, static_cast<std::uint8_t>(value));
  } else if (value >= 0 && value <= 0xffff) {
    op('M');
    append_little_endian(bytes_, static_cast<std::uint16_t>(value));
  } else if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max()) {
    op('J');
    append_little_endian(bytes_, static_cast<std::int32_t>(value));
  } else {
    std::string number;
    append_little_endian(number, value);
    // The shortest form that keeps the sign.
    while (number.size() > 1 && ((number.back() == 0 && number[number.size() - 2] >= 0) ||
                                 (number.back() == -1 && number[number.size() - 2] < 0)))
      number.pop_back();
    big_integer(number);
  }
}

void PickleEmitter::big_integer(std::string_view number) {
  op('\x8a');
  append_little_endian(bytes_, static_cast<std::uint8_t>(number.size()));
  bytes_ += number;
}

void PickleEmitter::real(double value) {
  op('G');
  const auto pattern = std::bit_cast<std::uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) bytes_.push_back(static_cast<char>(pattern >> shift & 0xff));
}

void PickleEmitter::text(std::string_view value, bool again) {
  if (again)
    if (const auto known = texts_.find(value); known != texts_.end()) return recall(known->second);
  op('X');
  append_little_endian(bytes_, static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
  if (again) texts_.emplace(value, remember());
}

void PickleEmitter::bytes(std::string_view value) {
  std::string utf8;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      utf8 += c;
    else
      utf8.append({static_cast<char>(0xc0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3f))});
  }
  global("_codecs", "encode");
  text(utf8);
  text("latin1", true);
  end_tuple(2);
  reduce();
}

void PickleEmitter::global(std::string_view module, std::string_view name) {
  std::string both{module};
  both.append("\n").append(name).append("\n");
  if (const auto known = globals_.find(both); known != globals_.end()) return recall(known->second);
  op('c');
  bytes_ += both;
  globals_.emplace(std::move(both), remember());
}

void PickleEmitter::mark() { op('('); }
void PickleEmitter::empty_tuple() { op(')'); }
void PickleEmitter::end_tuple(std::size_t items) {
  op(items == 1 ? '\x85' : items == 2 ? '\x86' : items == 3 ? '\x87' : 't');
}
void PickleEmitter::empty_list() { op(']'); }
void PickleEmitter::empty_dict() { op('}'); }
void PickleEmitter::append() { op('a'); }
void PickleEmitter::appends() { op('e'); }
void PickleEmitter::set_item() { op('s'); }
void PickleEmitter::set_items() { op('u'); }
void PickleEmitter::reduce() { op('R'); }
void PickleEmitter::new_object() { op('\x81'); }
void PickleEmitter::build() { op('b'); }
void PickleEmitter::persistent_id() { op('Q'); }

std::uint32_t PickleEmitter::remember() {
  if (numbered_ <= 0xff) {
    op('q');
    append_little_endian(bytes_, static_cast<std::uint8_t>(numbered_));
  } else {
    op('r');
    append_little_endian(bytes_, numbered_);
  }
  return numbered_++;
}

void PickleEmitter::recall(std::uint32_t number) {
  if (number <= 0xff) {
    op('h');
    append_little_endian(bytes_, static_cast<std::uint8_t>(number));
  } else {
    op('j');
    append_little_endian(bytes_, number);
  }
}

std::string PickleEmitter::finish() {
  op('.');
  return std::move(bytes_);
}

}  // namespace weighbridge
