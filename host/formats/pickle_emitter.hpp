#pragma once
// Appends the opcodes of one protocol-2 pickle. Knows how each value is spelled, not what a whole value means. Private
// to this room.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weighbridge {

class PickleEmitter {
 public:
  explicit PickleEmitter(std::size_t expected = 0);  // the pickle begins; room for `expected` bytes is made at once

  void none();
  void boolean(bool value);
  void integer(std::int64_t value);
  void big_integer(std::string_view twos_complement);  // at most 255 bytes
  void real(double value);
  // A string. If `again`, it is remembered and named by its number from its second time on; `value` must then outlive
  // the emitter.
  void text(std::string_view value, bool again = false);
  void bytes(std::string_view value);                           // as protocol 2 does: encoded from Latin-1 text
  void global(std::string_view module, std::string_view name);  // written once, whatever happens

  void mark();
  void empty_tuple();
  void end_tuple(std::size_t items);  // of up to 3 items without a mark before them, else with one
  void empty_list();
  void empty_dict();
  void append();     // one item to a list
  void appends();    // the items above the mark
  void set_item();   // one key and value to a dict
  void set_items();  // the keys and values above the mark
  void reduce();
  void new_object();
  void build();
  void persistent_id();

  std::uint32_t remember();  // numbers the value on top of the stack
  void recall(std::uint32_t number);

  std::string finish();  // the pickle ends

 private:
  void op(char code) { bytes_.push_back(code); }

  std::string bytes_;
  std::uint32_t numbered_{};
  std::unordered_map<std::string_view, std::uint32_t> texts_;
  std::unordered_map<std::string, std::uint32_t> globals_;
};

// A batch of SETITEMS or APPENDS holds this many entries at most, as Python's own pickler does.
inline constexpr std::size_t kPickleBatch = 1000;

}  // namespace weighbridge
