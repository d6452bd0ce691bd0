// Live parameters in a catalogue of keys.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "checkpoints/megatron_checkpoint.hpp"
#include "checkpoints/torch_dist_experts.hpp"
#include "mapping/live_name.hpp"

namespace weighbridge {
namespace {

const StoredTensor* tensor_at(const Catalogue& catalogue, const std::string& key) {
  const auto found = catalogue.tensors.find(key);
  return found == catalogue.tensors.end() ? nullptr : &found->second;
}

// Gate and up halves that were saved apart, as one tensor: rows of `gate` first.
std::optional<StoredTensor> joined(const StoredTensor& gate, const StoredTensor& up) {
  if (gate.dtype != up.dtype || gate.shape.empty() || gate.shape.size() != up.shape.size() ||
      !std::equal(gate.shape.begin() + 1, gate.shape.end(), up.shape.begin() + 1))
    return {};
  const auto rows = checked_add(gate.shape[0], up.shape[0]);
  if (!rows) return {};
  auto both = gate;
  both.shape[0] = *rows;
  for (auto extent : up.extents) {
    extent.box.offsets[0] += gate.shape[0];
    both.extents.push_back(std::move(extent));
  }
  return both;
}

// Row `rows[0]` of the first axis, of that row `rows[1]`, …; nothing if the tensor has none such.
std::optional<StoredTensor> row_of(const StoredTensor& tensor, std::span<const std::int64_t> rows) {
  if (tensor.shape.size() < rows.size()) return {};
  for (std::size_t axis = 0; axis < rows.size(); ++axis)
    if (rows[axis] < 0 || rows[axis] >= tensor.shape[axis]) return {};
  if (rows.empty()) return tensor;
  auto row = leading_slice(tensor, rows[0]);
  for (const auto index : rows.subspan(1)) row = leading_slice(row, index);
  return row;
}

// What lies at a key, or of halves at `key` + "_w" and "_v"; of it the given rows.
std::optional<LiveTensor> at_key(const Catalogue& catalogue, const std::string& key, const std::string& live_name,
                                 std::span<const std::int64_t> rows = {}) {
  LiveTensor live{key, {}, {}};
  if (const auto* tensor = tensor_at(catalogue, key)) {
    auto row = row_of(*tensor, rows);
    if (!row) return {};
    live.tensor = *std::move(row);
    live.joined.assign(tensor->shape.begin(), tensor->shape.begin() + static_cast<std::ptrdiff_t>(rows.size()));
  } else {
    const auto* gate = tensor_at(catalogue, key + "_w");
    const auto* up = tensor_at(catalogue, key + "_v");
    if (!gate || !up) return {};
    const auto gate_row = row_of(*gate, rows), up_row = row_of(*up, rows);
    auto both = gate_row && up_row ? joined(*gate_row, *up_row) : std::nullopt;
    if (!both) return {};
    live.key = key + "_w";
    live.tensor = *std::move(both);
    live.joined.assign(gate->shape.begin(), gate->shape.begin() + static_cast<std::ptrdiff_t>(rows.size()));
  }
  live.tensor.name = live_name;
  return live;
}

// "12.mlp.linear_fc1.weight" is layer 12; nothing for a name that starts otherwise.
std::optional<std::int64_t> layer_number(std::string_view rest) {
  std::int64_t layer = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
  if (error != std::errc{} || end == rest.data() + rest.size() || *end != '.' || layer < 0) return {};
  return layer;
}

}  // namespace

StoredTensor leading_slice(const StoredTensor& tensor, std::int64_t index) {
  StoredTensor slice{tensor.name, tensor.dtype, Shape(tensor.shape.begin() + 1, tensor.shape.end()), {}};
  const auto element = static_cast<std::uint64_t>(bits(tensor.dtype)) / 8;
  std::int64_t found = 0;  // elements
  const auto add = [&](const Extent& extent) {
    const auto inside = index - extent.box.offsets[0];
    if (inside < 0 || inside >= extent.box.sizes[0]) return;
    Extent cut{extent.file, extent.offset, {}, Shape(extent.strides.begin() + 1, extent.strides.end())};
    cut.offset += static_cast<std::uint64_t>(inside * extent.strides[0]) * element;
    cut.box.offsets.assign(extent.box.offsets.begin() + 1, extent.box.offsets.end());
    cut.box.sizes.assign(extent.box.sizes.begin() + 1, extent.box.sizes.end());
    found += element_count(cut.box.sizes).value_or(0);
    slice.extents.push_back(std::move(cut));
  };
  // Chunks mostly lie in order along the first axis: then two bisections find them. What they find is all there is if
  // it fills the slice, since extents tile; else every extent is looked at.
  const auto ends_before = [&](const Extent& e) { return e.box.offsets[0] + e.box.sizes[0] <= index; };
  const auto begins_before = [&](const Extent& e) { return e.box.offsets[0] <= index; };
  const auto first = std::partition_point(tensor.extents.begin(), tensor.extents.end(), ends_before);
  std::for_each(first, std::partition_point(first, tensor.extents.end(), begins_before), add);
  if (found == element_count(slice.shape)) return slice;
  slice.extents.clear();
  std::for_each(tensor.extents.begin(), tensor.extents.end(), add);
  return slice;
}

std::optional<LiveTensor> find_live(const Catalogue& catalogue, std::string_view key) {
  return at_key(catalogue, std::string(key), std::string(key));
}

std::optional<LiveTensor> find_live(const Catalogue& catalogue, std::string_view prefix, std::int64_t layer,
                                    std::string_view rest) {
  if (layer < 0) return {};
  const auto name = fmt::format("{}{}.{}", prefix, layer, rest);
  if (auto live = at_key(catalogue, name, name)) return live;
  return at_key(catalogue, fmt::format("{}{}", prefix, rest), name, std::array{layer});
}

std::optional<LiveTensor> find_live_expert(const Catalogue& catalogue, std::string_view prefix, std::int64_t layer,
                                           std::string_view rest, std::int64_t expert) {
  const auto apart = expert_key(rest, expert), together = experts_key(rest);
  const auto name = live_name(prefix, layer, rest, expert, expert + 1);
  if (prefix.empty()) {
    if (auto live = at_key(catalogue, apart, name)) return live;
    return at_key(catalogue, together, name, std::array{expert});
  }
  if (auto live = at_key(catalogue, fmt::format("{}{}.{}", prefix, layer, apart), name)) return live;
  if (auto live = at_key(catalogue, fmt::format("{}{}.{}", prefix, layer, together), name, std::array{expert})) return live;
  if (auto live = at_key(catalogue, fmt::format("{}{}", prefix, apart), name, std::array{layer})) return live;
  return at_key(catalogue, fmt::format("{}{}", prefix, together), name, std::array{layer, expert});
}

std::optional<std::int64_t> count_layers(const Catalogue& catalogue, std::string_view prefix) {
  std::optional<std::int64_t> count;
  for (auto it = catalogue.tensors.lower_bound(prefix); it != catalogue.tensors.end() && it->first.starts_with(prefix);
       ++it) {
    const auto& [key, tensor] = *it;
    const auto apart = layer_number(std::string_view{key}.substr(prefix.size()));
    const auto layers = apart ? *apart + 1 : tensor.shape.empty() ? 0 : tensor.shape[0];
    count = std::max(count.value_or(0), layers);
  }
  return count;
}

}  // namespace weighbridge
