#pragma once
// What is behind a PickleValue. Private to this room.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory_resource>
#include <string>

#include "formats/pickle_value.hpp"

namespace weighbridge {

// How an object (or an OrderedDict) came about.
struct PickleOrigin {
  PickleValue callable, args, state;
  bool new_object{};
};

struct PickleNode {
  PickleKind kind{};
  bool pairs{};            // children are keys and values by turns
  std::uint8_t mark{};     // of the reader's search for cycles
  std::uint16_t height{};  // likewise: the longest way down from here
  std::uint32_t name{};    // of a global: where its name begins in text
  union {
    bool boolean;
    std::int64_t integer;
    double real;
    const char* text;  // text, bytes, big_integer; of a global "module\nname"
    PickleValue* children;
    const PickledTensor* tensor;
  };
  std::size_t size{};      // bytes of text, or number of children
  std::size_t capacity{};  // room for children
  PickleOrigin* origin{};

  PickleNode() : integer{0} {}
  bool holds_children() const {
    switch (kind) {
      case PickleKind::list:
      case PickleKind::tuple:
      case PickleKind::dict:
      case PickleKind::set:
      case PickleKind::object:
      case PickleKind::persistent_id: return true;
      default: return false;
    }
  }
};

// Nothing in it is freed before the arena. Children that outgrow their room are copied, as in a vector.
struct PickleArena::Memory {
  std::pmr::monotonic_buffer_resource pool;
  std::deque<PickledTensor> tensors;
  std::deque<std::string> texts;  // whole pickles, whose nodes point into them
  std::size_t nodes{};

  PickleNode* make(PickleKind kind);
  PickleOrigin* origin(PickleValue callable, PickleValue args, bool new_object);
  std::string_view keep(std::string_view text);  // a copy that lives as long as the arena
  void append(PickleNode& node, std::span<const PickleValue> children);
};

// The nodes of one reader are still open to it: they were made by its own arena, never const.
inline PickleNode& open_node(PickleValue value) { return *const_cast<PickleNode*>(value.node()); }

}  // namespace weighbridge
