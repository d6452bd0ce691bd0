#pragma once
// The opcodes of pickle protocols 0 to 5 (Python's pickletools) and how each one's argument is encoded. Private to this
// room.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weighbridge {

enum class PickleOp : std::uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  float_line = 'F',
  int_line = 'I',
  binint = 'J',
  binint1 = 'K',
  long_line = 'L',
  binint2 = 'M',
  none = 'N',
  persid = 'P',
  binpersid = 'Q',
  reduce = 'R',
  string = 'S',
  binstring = 'T',
  short_binstring = 'U',
  unicode = 'V',
  binunicode = 'X',
  append = 'a',
  build = 'b',
  global = 'c',
  dict = 'd',
  empty_dict = '}',
  appends = 'e',
  get = 'g',
  binget = 'h',
  inst = 'i',
  long_binget = 'j',
  list = 'l',
  empty_list = ']',
  obj = 'o',
  put = 'p',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  empty_tuple = ')',
  setitems = 'u',
  binfloat = 'G',
  proto = 0x80,
  newobj = 0x81,
  ext1 = 0x82,
  ext2 = 0x83,
  ext4 = 0x84,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  long4 = 0x8b,
  binbytes = 'B',
  short_binbytes = 'C',
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  binbytes8 = 0x8e,
  empty_set = 0x8f,
  additems = 0x90,
  frozenset = 0x91,
  newobj_ex = 0x92,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  bytearray8 = 0x96,
  next_buffer = 0x97,
  readonly_buffer = 0x98,
};

// One instruction at the start of a byte string: `argument` is what follows the opcode, without a count in front of it
// and without line ends (two lines are joined by '\n').
struct PickleInstruction {
  PickleOp op{};
  std::string_view argument;
  std::size_t length{};  // bytes in all
};

enum class PickleCut { truncated = 1, unknown_opcode };

// The instruction that `bytes` begins with, or why there is none. Never looks beyond `bytes`.
struct PickleStep {
  std::optional<PickleInstruction> instruction;
  PickleCut cut{};
};
PickleStep next_instruction(std::string_view bytes);

}  // namespace weighbridge
