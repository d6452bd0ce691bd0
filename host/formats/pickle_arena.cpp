#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "formats/pickle_node.hpp"
#include "formats/pickle_value.hpp"

namespace weighbridge {

PickleNode* PickleArena::Memory::make(PickleKind kind) {
  auto* node = new (pool.allocate(sizeof(PickleNode), alignof(PickleNode))) PickleNode;
  node->kind = kind;
  ++nodes;
  return node;
}

PickleOrigin* PickleArena::Memory::origin(PickleValue callable, PickleValue args, bool new_object) {
  return new (pool.allocate(sizeof(PickleOrigin), alignof(PickleOrigin))) PickleOrigin{callable, args, {}, new_object};
}

std::string_view PickleArena::Memory::keep(std::string_view text) {
  if (text.empty()) return {"", 0};
  auto* copy = static_cast<char*>(pool.allocate(text.size(), 1));
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

void PickleArena::Memory::append(PickleNode& node, std::span<const PickleValue> children) {
  if (children.empty()) return;
  if (node.size + children.size() > node.capacity) {
    // Exact the first time, since most containers are filled at once; doubled after that.
    const auto capacity = node.size == 0 ? children.size() : std::max(2 * node.capacity, node.size + children.size());
    auto* larger = static_cast<PickleValue*>(pool.allocate(capacity * sizeof(PickleValue), alignof(PickleValue)));
    std::uninitialized_copy_n(node.children, node.size, larger);
    node.children = larger;
    node.capacity = capacity;
  }
  std::uninitialized_copy(children.begin(), children.end(), node.children + node.size);
  node.size += children.size();
}

PickleArena::PickleArena() : memory_{std::make_unique<Memory>()} {}
PickleArena::PickleArena(PickleArena&&) noexcept = default;
PickleArena& PickleArena::operator=(PickleArena&&) noexcept = default;
PickleArena::~PickleArena() = default;

PickleValue PickleArena::none() { return {}; }

PickleValue PickleArena::boolean(bool value) {
  auto* node = memory_->make(PickleKind::boolean);
  node->boolean = value;
  return PickleValue{node};
}

PickleValue PickleArena::integer(std::int64_t value) {
  auto* node = memory_->make(PickleKind::integer);
  node->integer = value;
  return PickleValue{node};
}

PickleValue PickleArena::real(double value) {
  auto* node = memory_->make(PickleKind::real);
  node->real = value;
  return PickleValue{node};
}

namespace {

PickleValue with_text(PickleNode* node, std::string_view kept) {
  node->text = kept.data();
  node->size = kept.size();
  return PickleValue{node};
}

std::vector<PickleValue> flat(std::span<const PicklePair> pairs) {
  std::vector<PickleValue> items;
  for (const auto& [key, value] : pairs) items.insert(items.end(), {key, value});
  return items;
}

}  // namespace

PickleValue PickleArena::big_integer(std::string_view twos_complement) {
  return with_text(memory_->make(PickleKind::big_integer), memory_->keep(twos_complement));
}
PickleValue PickleArena::text(std::string_view value) {
  return with_text(memory_->make(PickleKind::text), memory_->keep(value));
}
PickleValue PickleArena::bytes(std::string_view value) {
  return with_text(memory_->make(PickleKind::bytes), memory_->keep(value));
}

PickleValue PickleArena::global(std::string_view module, std::string_view name) {
  std::string both{module};
  both.append("\n").append(name);
  auto* node = memory_->make(PickleKind::global);
  node->name = static_cast<std::uint32_t>(module.size() + 1);
  return with_text(node, memory_->keep(both));
}

PickleValue PickleArena::container(PickleKind kind, std::span<const PickleValue> items) {
  auto* node = memory_->make(kind);
  node->children = nullptr;
  memory_->append(*node, items);
  return PickleValue{node};
}

PickleValue PickleArena::list(std::span<const PickleValue> items) { return container(PickleKind::list, items); }
PickleValue PickleArena::tuple(std::span<const PickleValue> items) { return container(PickleKind::tuple, items); }
PickleValue PickleArena::set(std::span<const PickleValue> items) { return container(PickleKind::set, items); }
PickleValue PickleArena::persistent_id(PickleValue id) { return container(PickleKind::persistent_id, {&id, 1}); }

PickleValue PickleArena::dict(std::span<const PicklePair> pairs) {
  const auto value = container(PickleKind::dict, flat(pairs));
  open_node(value).pairs = true;
  return value;
}

PickleValue PickleArena::ordered_dict(std::span<const PicklePair> pairs) {
  const auto value = dict(pairs);
  open_node(value).origin = memory_->origin(global("collections", "OrderedDict"), tuple({}), false);
  return value;
}

PickleValue PickleArena::call(PickleValue callable, std::span<const PickleValue> args) {
  const auto value = container(PickleKind::object, {});
  open_node(value).origin = memory_->origin(callable, tuple(args), false);
  return value;
}

PickleValue PickleArena::instance(PickleValue cls, PickleValue state) {
  const auto value = container(PickleKind::object, {});
  open_node(value).origin = memory_->origin(cls, tuple({}), true);
  open_node(value).origin->state = state;
  return value;
}

PickleValue PickleArena::tensor(PickledTensor tensor) {
  auto* node = memory_->make(PickleKind::tensor);
  node->tensor = &memory_->tensors.emplace_back(std::move(tensor));
  return PickleValue{node};
}

PickleValue PickleArena::argparse_namespace(std::span<const PicklePair> attributes) {
  return instance(global("argparse", "Namespace"), dict(attributes));
}

PickleValue PickleArena::torch_dtype(DType dtype) { return global("torch", torch_name(dtype)); }

PickleValue PickleArena::torch_size(const Shape& shape) {
  std::vector<PickleValue> extents;
  for (const auto extent : shape) extents.push_back(integer(extent));
  const auto inner = tuple(extents);
  return call(global("torch", "Size"), {&inner, 1});
}

PickleValue PickleArena::enum_member(std::string_view module, std::string_view name, PickleValue value) {
  return call(global(module, name), {&value, 1});
}

}  // namespace weighbridge
