#include "formats/torch_tensors.hpp"

#include <utility>

#include <fmt/format.h>

#include "formats/format_error.hpp"
#include "formats/torch_types.hpp"

namespace weighbridge {
namespace {

std::optional<std::uint64_t> bytes_of(std::int64_t elements, std::optional<DType> dtype) {
  const auto bytes = byte_count({elements}, dtype.value_or(DType::u8));
  return bytes ? std::optional{static_cast<std::uint64_t>(*bytes)} : std::nullopt;
}

// Whether every element of the view lies in a storage of `available` elements.
bool inside(const PickledTensor& tensor, std::int64_t available) {
  if (tensor.storage_offset < 0) return false;
  std::int64_t last = tensor.storage_offset;
  bool empty = false;
  for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    if (tensor.shape[axis] < 0 || tensor.strides[axis] < 0) return false;
    if (tensor.shape[axis] == 0) {
      empty = true;
      continue;
    }
    const auto reach = checked_multiply(tensor.shape[axis] - 1, tensor.strides[axis]);
    const auto sum = reach ? checked_add(last, *reach) : std::nullopt;
    if (!sum) return false;
    last = *sum;
  }
  return empty ? tensor.storage_offset <= available : last < available;
}

}  // namespace

Error TorchTensors::fault(std::string problem) const { return damaged(file_, subject_, std::move(problem)); }

PickleOptions TorchTensors::options(const PickleGlobals& globals) {
  PickleOptions options;
  options.globals = globals;
  options.resolve_persistent_id = [this](PickleArena& arena, PickleValue id) { return resolve_id(arena, id); };
  options.resolve_call = [this](PickleArena& arena, PickleValue callable, PickleValue args) {
    return resolve_call(arena, callable, args);
  };
  return options;
}

// ("storage", class, key, location, elements[, None or (view key, offset, elements)])
Result<PickleValue> TorchTensors::resolve_id(PickleArena& arena, PickleValue id) {
  const auto parts = id.items();
  if (!id.is(PickleKind::tuple) || parts.empty() || parts[0].text() != "storage")
    return not_supported(file_, subject_, "holds a whole module, or another object that only Python can rebuild",
                         "Save the module's state_dict() with torch.save, or as safetensors");
  const auto key = parts.size() >= 5 ? parts[2].text() : std::nullopt;
  const auto elements = parts.size() >= 5 ? parts[4].integer() : std::nullopt;
  if (!key || !elements || *elements < 0 || !parts[1].is(PickleKind::global))
    return fault("a storage is not described as torch.save does it");
  DescribedStorage described{std::string{*key}, std::nullopt, *elements, 0, std::nullopt, 0};
  if (parts[1].name() != "UntypedStorage" && parts[1].name() != "_UntypedStorage") {
    described.dtype = dtype_of_storage_class(parts[1].name());
    if (!described.dtype)
      return not_supported(file_, subject_, fmt::format("holds a storage of the type {}", parts[1].name()),
                           "Save it in another element type");
  }
  const auto bytes = bytes_of(*elements, described.dtype);
  if (!bytes) return fault(fmt::format("storage '{}' claims {} elements", *key, *elements));
  described.bytes = *bytes;

  const auto root = storage_number(described);
  if (!root) return root.error();
  auto number = *root;
  if (parts.size() == 6 && !parts[5].is_none()) {
    const auto view = parts[5].items();
    const auto view_key = view.size() == 3 ? view[0].text() : std::nullopt;
    const auto offset = view.size() == 3 ? view[1].integer() : std::nullopt,
               count = view.size() == 3 ? view[2].integer() : std::nullopt;
    if (!view_key || !offset || !count || *offset < 0 || *count < 0 || *offset > *elements ||
        *count > *elements - *offset)
      return fault(fmt::format("a view of storage '{}' does not lie inside it", *key));
    DescribedStorage part{std::string{*view_key},
                          described.dtype,
                          *count,
                          *bytes_of(*count, described.dtype),
                          number,
                          *bytes_of(*offset, described.dtype)};
    const auto viewed = storage_number(std::move(part));
    if (!viewed) return viewed.error();
    number = *viewed;
  }
  const auto value = arena.persistent_id(id);
  numbers_of_nodes_.emplace(value.node(), number);
  return value;
}

Result<std::uint32_t> TorchTensors::storage_number(DescribedStorage described) {
  const auto [known, added] = numbers_.emplace(described.key, static_cast<std::uint32_t>(storages_.size()));
  if (added) {
    storages_.push_back(std::move(described));
  } else if (storages_[known->second].bytes != described.bytes || storages_[known->second].root != described.root) {
    return fault(fmt::format("storage '{}' is described twice, differently", described.key));
  }
  return known->second;
}

Result<std::optional<PickleValue>> TorchTensors::resolve_call(PickleArena& arena, PickleValue callable,
                                                              PickleValue args) {
  // A tensor subclass: (function, class, arguments of the function, attributes).
  if (callable.is_global("torch._tensor", "_rebuild_from_type_v2")) {
    const auto parts = args.items();
    if (parts.size() != 4 || parts[0].module() != "torch._utils" || !parts[2].is(PickleKind::tuple))
      return std::optional<PickleValue>{};
    return rebuild(arena, parts[0].name(), parts[2].items());
  }
  if (callable.module() != "torch._utils") return std::optional<PickleValue>{};
  return rebuild(arena, callable.name(), args.items());
}

// _rebuild_tensor(storage, offset, size, stride), and v2 and v3 with requires_grad, hooks (and dtype) after these.
Result<std::optional<PickleValue>> TorchTensors::rebuild(PickleArena& arena, std::string_view function,
                                                         std::span<const PickleValue> args) {
  if (function == "_rebuild_parameter" || function == "_rebuild_parameter_with_state") {
    if (args.empty() || !args[0].is(PickleKind::tensor)) return fault("a parameter is not made of a tensor");
    return std::optional{args[0]};
  }
  const bool typed = function == "_rebuild_tensor_v3";
  if (!typed && function != "_rebuild_tensor_v2" && function != "_rebuild_tensor") return std::optional<PickleValue>{};
  const auto number = args.empty() ? numbers_of_nodes_.end() : numbers_of_nodes_.find(args[0].node());
  const std::size_t fewest = typed ? 7 : function == "_rebuild_tensor" ? 4 : 6;
  if (args.size() < fewest || number == numbers_of_nodes_.end())
    return fault("a tensor is not described as torch.save does it");
  const auto& storage = storages_[number->second];

  auto dtype = storage.dtype;
  if (typed) {
    dtype = args[6].module() == "torch" ? dtype_from_torch(args[6].name()) : std::nullopt;
    if (!dtype || !torch_can_hold(*dtype))
      return not_supported(file_, subject_, fmt::format("holds a tensor of the type {}", args[6].name()),
                           "Save it in another element type");
  }
  if (!dtype) return fault("a tensor has no element type");
  const auto offset = args[1].integer();
  auto shape = args[2].shape(), strides = args[3].shape();
  if (!offset || !shape || !strides || shape->size() != strides->size() || shape->size() > kMostAxes)
    return fault("a tensor's offset, size or stride is not given in whole numbers");
  PickledTensor tensor{*dtype, std::move(*shape), std::move(*strides), *offset, number->second};
  const auto available = storage.bytes / static_cast<std::uint64_t>(bits(*dtype) / 8);
  if (!byte_count(tensor.shape, tensor.dtype) || !inside(tensor, static_cast<std::int64_t>(available)))
    return fault(fmt::format(
        "a tensor of shape {}, strides {} and offset {} does not lie in its storage '{}' of {} bytes",
        to_string(tensor.shape), to_string(tensor.strides), tensor.storage_offset, storage.key, storage.bytes));
  return std::optional{arena.tensor(std::move(tensor))};
}

}  // namespace weighbridge
