#pragma once
// Values of Python's pickle format as plain data. A value is a handle to an immutable node; nodes live in an arena that
// the reader, or whoever builds a value to be written, owns. Values form a directed graph without cycles: one node may
// be reached on several ways, so a walk over a foreign value should remember where it has been.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/shape.hpp"

namespace weighbridge {

class PickleValue;

// A tensor as torch.save pickles it: a strided view into a storage. Offset and strides are in elements, never negative.
struct PickledTensor {
  DType dtype{};
  Shape shape;
  Shape strides;
  std::int64_t storage_offset{};
  std::uint32_t storage{};  // index into the storages of the file it came from or goes to
};

enum class PickleKind : std::uint8_t {
  none = 1,
  boolean,
  integer,
  big_integer,
  real,
  text,
  bytes,
  list,
  tuple,
  dict,
  set,
  global,
  object,
  persistent_id,
  tensor,
};
std::string_view to_string(PickleKind kind);

// A node; made by PickleArena only.
struct PickleNode;

// A handle of one pointer; valid as long as the arena that made it. Accessors for another kind give nothing or empty.
class PickleValue {
 public:
  PickleValue();  // None
  explicit PickleValue(const PickleNode* node) : node_{node} {}

  PickleKind kind() const;
  bool is(PickleKind wanted) const { return kind() == wanted; }
  bool is_none() const { return is(PickleKind::none); }

  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer() const;  // a bool is no integer here
  std::optional<double> real() const;           // an integer is no real here
  std::optional<std::string_view> text() const;
  std::optional<std::string_view> bytes() const;
  std::string_view big_integer() const;  // little-endian two's complement, more than 8 bytes

  // Elements of a list, tuple or set; keys and values by turns of a dict; of an object, what a list or dict subclass
  // holds.
  std::span<const PickleValue> items() const;
  std::size_t size() const;  // elements, or pairs of a dict
  // The value of a text key in a dict, in a dict subclass, or among an object's attributes; the last of several.
  std::optional<PickleValue> find(std::string_view key) const;

  std::string_view module() const;  // of a global: "torch"
  std::string_view name() const;    // of a global: "bfloat16"
  bool is_global(std::string_view module, std::string_view name) const;

  // Of an object, or of an OrderedDict (which is a dict): what made it, with which arguments, and its state (None if
  // none was set). new_object() says whether it was made by cls.__new__(cls, *args) rather than callable(*args).
  PickleValue callable() const;
  PickleValue args() const;
  PickleValue state() const;
  bool new_object() const;
  bool ordered() const;  // an OrderedDict

  PickleValue persistent_id() const;    // the identifying value
  const PickledTensor* tensor() const;  // null for another kind

  // Extents held by a tuple, a list or a torch.Size; nothing if an element is no integer.
  std::optional<Shape> shape() const;

  const PickleNode* node() const { return node_; }

 private:
  const PickleNode* node_;
};

using PicklePair = std::pair<PickleValue, PickleValue>;

// Makes values and owns them. Not for several threads at once; finished values may be read by many.
class PickleArena {
 public:
  PickleArena();
  PickleArena(PickleArena&&) noexcept;
  PickleArena& operator=(PickleArena&&) noexcept;
  ~PickleArena();

  PickleValue none();
  PickleValue boolean(bool value);
  PickleValue integer(std::int64_t value);
  PickleValue big_integer(std::string_view twos_complement);
  PickleValue real(double value);
  PickleValue text(std::string_view value);
  PickleValue bytes(std::string_view value);
  PickleValue list(std::span<const PickleValue> items);
  PickleValue tuple(std::span<const PickleValue> items);
  PickleValue set(std::span<const PickleValue> items);
  PickleValue dict(std::span<const PicklePair> pairs);
  PickleValue ordered_dict(std::span<const PicklePair> pairs);
  PickleValue global(std::string_view module, std::string_view name);
  PickleValue call(PickleValue callable, std::span<const PickleValue> args);  // callable(*args)
  PickleValue instance(PickleValue cls, PickleValue state);                   // cls.__new__(cls) with this state
  PickleValue persistent_id(PickleValue id);
  PickleValue tensor(PickledTensor tensor);

  // Common objects.
  PickleValue argparse_namespace(std::span<const PicklePair> attributes);
  PickleValue torch_dtype(DType dtype);
  PickleValue torch_size(const Shape& shape);
  PickleValue enum_member(std::string_view module, std::string_view name, PickleValue value);

 private:
  friend class PickleReader;
  struct Memory;
  PickleValue container(PickleKind kind, std::span<const PickleValue> items);
  std::unique_ptr<Memory> memory_;
};

}  // namespace weighbridge
