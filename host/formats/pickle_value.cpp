#include "formats/pickle_value.hpp"

#include <algorithm>
#include <array>

#include "formats/pickle_node.hpp"

namespace weighbridge {
namespace {

constexpr std::array<std::string_view, 16> kKindNames{"?",      "None",   "bool",          "int",   "big int", "float",
                                                      "str",    "bytes",  "list",          "tuple", "dict",    "set",
                                                      "global", "object", "persistent id", "tensor"};

const PickleNode& none_node() {
  static const PickleNode node = [] {
    PickleNode made;
    made.kind = PickleKind::none;
    return made;
  }();
  return node;
}

std::optional<PickleValue> find_in(std::span<const PickleValue> pairs, std::string_view key) {
  for (std::size_t i = pairs.size() / 2; i-- > 0;)
    if (pairs[2 * i].text() == key) return pairs[2 * i + 1];
  return std::nullopt;
}

}  // namespace

std::string_view to_string(PickleKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

PickleValue::PickleValue() : node_{&none_node()} {}
PickleKind PickleValue::kind() const { return node_->kind; }

std::optional<bool> PickleValue::boolean() const {
  return is(PickleKind::boolean) ? std::optional{node_->boolean} : std::nullopt;
}
std::optional<std::int64_t> PickleValue::integer() const {
  return is(PickleKind::integer) ? std::optional{node_->integer} : std::nullopt;
}
std::optional<double> PickleValue::real() const {
  return is(PickleKind::real) ? std::optional{node_->real} : std::nullopt;
}
std::optional<std::string_view> PickleValue::text() const {
  return is(PickleKind::text) ? std::optional{std::string_view{node_->text, node_->size}} : std::nullopt;
}
std::optional<std::string_view> PickleValue::bytes() const {
  return is(PickleKind::bytes) ? std::optional{std::string_view{node_->text, node_->size}} : std::nullopt;
}
std::string_view PickleValue::big_integer() const {
  return is(PickleKind::big_integer) ? std::string_view{node_->text, node_->size} : std::string_view{};
}

std::span<const PickleValue> PickleValue::items() const {
  if (!node_->holds_children() || is(PickleKind::persistent_id)) return {};
  return {node_->children, node_->size};
}
std::size_t PickleValue::size() const { return node_->pairs ? items().size() / 2 : items().size(); }

std::optional<PickleValue> PickleValue::find(std::string_view key) const {
  if (node_->pairs)
    if (auto found = find_in(items(), key)) return found;
  if (!is(PickleKind::object)) return std::nullopt;
  if (state().is(PickleKind::dict)) return find_in(state().items(), key);
  // A class with __slots__ has the pair (attributes or None, slots) as its state.
  if (state().is(PickleKind::tuple) && state().items().size() == 2)
    for (const auto part : state().items())
      if (part.is(PickleKind::dict))
        if (auto found = find_in(part.items(), key)) return found;
  return std::nullopt;
}

std::string_view PickleValue::module() const {
  return is(PickleKind::global) ? std::string_view{node_->text, node_->name - std::size_t{1}} : std::string_view{};
}
std::string_view PickleValue::name() const {
  return is(PickleKind::global) ? std::string_view{node_->text, node_->size}.substr(node_->name) : std::string_view{};
}
bool PickleValue::is_global(std::string_view wanted_module, std::string_view wanted_name) const {
  return module() == wanted_module && name() == wanted_name;
}

PickleValue PickleValue::callable() const { return node_->origin ? node_->origin->callable : PickleValue{}; }
PickleValue PickleValue::args() const { return node_->origin ? node_->origin->args : PickleValue{}; }
PickleValue PickleValue::state() const { return node_->origin ? node_->origin->state : PickleValue{}; }
bool PickleValue::new_object() const { return node_->origin && node_->origin->new_object; }
bool PickleValue::ordered() const { return is(PickleKind::dict) && node_->origin; }

PickleValue PickleValue::persistent_id() const {
  return is(PickleKind::persistent_id) ? node_->children[0] : PickleValue{};
}
const PickledTensor* PickleValue::tensor() const { return is(PickleKind::tensor) ? node_->tensor : nullptr; }

std::optional<Shape> PickleValue::shape() const {
  auto extents = *this;
  if (is(PickleKind::object) && callable().is_global("torch", "Size") && args().items().size() == 1)
    extents = args().items()[0];
  if (!extents.is(PickleKind::tuple) && !extents.is(PickleKind::list)) return std::nullopt;
  Shape shape;
  shape.reserve(extents.items().size());
  for (const auto extent : extents.items()) {
    const auto number = extent.integer();
    if (!number) return std::nullopt;
    shape.push_back(*number);
  }
  return shape;
}

}  // namespace weighbridge
