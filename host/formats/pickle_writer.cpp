#include "formats/pickle_writer.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "formats/pickle_emitter.hpp"
#include "formats/pickle_node.hpp"
#include "formats/torch_types.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kMostDepth = 1000;

class ValueWriter {
 public:
  explicit ValueWriter(std::span<const PickledStorage> storages) : storages_{storages} {
    for (std::size_t i = 0; i < storages.size(); ++i) keys_.push_back(std::to_string(i));
  }

  Result<std::string> write(PickleValue root) {
    if (!count(root, 0) || !emit(root)) return std::move(*error_);
    return to_.finish();
  }

 private:
  bool fail(std::string problem, std::string remedy) {
    error_ = Error{Error::Kind::unsupported, {}, {}, std::move(problem), std::move(remedy)};
    return false;
  }

  // How often each string and each node occurs, so that what occurs once is not numbered. Goes into a node once.
  bool count(PickleValue value, std::size_t depth) {
    if (depth > kMostDepth)
      return fail(fmt::format("a value is nested more than {} deep", kMostDepth), "Simplify the value");
    if (const auto text = value.text()) {
      ++texts_[*text];
      return true;
    }
    const bool compound = value.node()->holds_children() || value.is(PickleKind::bytes) || value.is(PickleKind::tensor);
    if (!compound || ++nodes_[value.node()].times > 1) return true;
    if (value.is(PickleKind::persistent_id)) return count(value.persistent_id(), depth + 1);
    for (const auto item : value.items())
      if (!count(item, depth + 1)) return false;
    if (!value.node()->origin) return true;
    return count(value.args(), depth + 1) && count(value.state(), depth + 1);
  }

  bool emit(PickleValue value) {
    const auto node = nodes_.find(value.node());
    if (node != nodes_.end() && node->second.number) return to_.recall(*node->second.number), true;
    if (!emit_new(value)) return false;
    if (node != nodes_.end() && node->second.times > 1) node->second.number = to_.remember();
    return true;
  }

  bool emit_new(PickleValue value) {
    switch (value.kind()) {
      case PickleKind::none: to_.none(); return true;
      case PickleKind::boolean: to_.boolean(*value.boolean()); return true;
      case PickleKind::integer: to_.integer(*value.integer()); return true;
      case PickleKind::big_integer:
        if (value.big_integer().size() > 255) return fail("an integer has more than 255 bytes", "Leave this value out");
        to_.big_integer(value.big_integer());
        return true;
      case PickleKind::real: to_.real(*value.real()); return true;
      case PickleKind::text: to_.text(*value.text(), texts_[*value.text()] > 1); return true;
      case PickleKind::bytes: to_.bytes(*value.bytes()); return true;
      case PickleKind::global: to_.global(value.module(), value.name()); return true;
      case PickleKind::tuple: return tuple(value.items());
      case PickleKind::list: to_.empty_list(); return elements(value.items());
      case PickleKind::set:
        to_.global("__builtin__", "set");
        to_.empty_list();
        if (!elements(value.items())) return false;
        to_.end_tuple(1);
        to_.reduce();
        return true;
      case PickleKind::dict:
        if (value.ordered()) return object(value);
        to_.empty_dict();
        return pairs(value.items());
      case PickleKind::object: return object(value);
      case PickleKind::persistent_id:
        if (!emit(value.persistent_id())) return false;
        to_.persistent_id();
        return true;
      case PickleKind::tensor: return tensor(*value.tensor());
    }
    return true;
  }

  bool tuple(std::span<const PickleValue> items) {
    if (items.empty()) return to_.empty_tuple(), true;
    if (items.size() > 3) to_.mark();
    for (const auto item : items)
      if (!emit(item)) return false;
    to_.end_tuple(items.size());
    return true;
  }

  bool elements(std::span<const PickleValue> items) {
    if (items.size() == 1) {
      if (!emit(items[0])) return false;
      to_.append();
      return true;
    }
    for (; !items.empty(); items = items.subspan(std::min(items.size(), kPickleBatch))) {
      to_.mark();
      for (const auto item : items.first(std::min(items.size(), kPickleBatch)))
        if (!emit(item)) return false;
      to_.appends();
    }
    return true;
  }

  bool pairs(std::span<const PickleValue> items) {
    if (items.size() == 2) {
      if (!emit(items[0]) || !emit(items[1])) return false;
      to_.set_item();
      return true;
    }
    for (; !items.empty(); items = items.subspan(std::min(items.size(), 2 * kPickleBatch))) {
      to_.mark();
      for (const auto item : items.first(std::min(items.size(), 2 * kPickleBatch)))
        if (!emit(item)) return false;
      to_.set_items();
    }
    return true;
  }

  bool object(PickleValue value) {
    if (!emit(value.callable()) || !emit(value.args())) return false;
    if (value.new_object())
      to_.new_object();
    else
      to_.reduce();
    if (!(value.node()->pairs ? pairs(value.items()) : elements(value.items()))) return false;
    if (value.state().is_none()) return true;
    if (!emit(value.state())) return false;
    to_.build();
    return true;
  }

  bool tensor(const PickledTensor& tensor) {
    if (!torch_can_hold(tensor.dtype) || tensor.storage >= storages_.size())
      return fail(fmt::format("torch.save cannot hold a tensor of {}", to_string(tensor.dtype)),
                  "Choose another dtype for this tensor");
    const auto& storage = storages_[tensor.storage];
    const auto storage_class = torch_storage_class(tensor.dtype);
    const bool untyped = storage_class.empty();
    to_.global("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    to_.mark();
    to_.mark();
    to_.text("storage", true);
    if (untyped)
      to_.global("torch.storage", "UntypedStorage");
    else
      to_.global("torch", storage_class);
    to_.text(keys_[tensor.storage], true);
    to_.text("cpu", true);
    to_.integer(untyped ? storage.elements * bits(storage.dtype) / 8 : storage.elements);
    to_.end_tuple(5);
    to_.persistent_id();
    to_.integer(tensor.storage_offset);
    integers(tensor.shape);
    integers(tensor.strides);
    to_.boolean(false);  // requires_grad
    to_.global("collections", "OrderedDict");
    to_.empty_tuple();
    to_.reduce();
    if (untyped) to_.global("torch", torch_name(tensor.dtype));
    to_.end_tuple(7);
    to_.reduce();
    return true;
  }

  void integers(const Shape& values) {
    if (values.empty()) return to_.empty_tuple();
    if (values.size() > 3) to_.mark();
    for (const auto value : values) to_.integer(value);
    to_.end_tuple(values.size());
  }

  struct Seen {
    std::size_t times{};
    std::optional<std::uint32_t> number;
  };

  std::span<const PickledStorage> storages_;
  std::vector<std::string> keys_;
  PickleEmitter to_;
  std::unordered_map<const PickleNode*, Seen> nodes_;
  std::unordered_map<std::string_view, std::size_t> texts_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::string> write_pickle(PickleValue root, std::span<const PickledStorage> storages) {
  return ValueWriter{storages}.write(root);
}

}  // namespace weighbridge
