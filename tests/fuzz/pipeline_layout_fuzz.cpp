// The text of --pipeline-model-parallel-layout: what is accepted puts every layer into one cell, in order.
#include <algorithm>

#include "bytes_as_file.hpp"
#include "checkpoints/placement.hpp"

using weighbridge::as_text;
using weighbridge::ParallelLayout;
using weighbridge::Placement;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  ParallelLayout layout;
  layout.pipeline = data[0] % 8 + 1;
  if (data[1] % 2) layout.virtual_pipeline = data[1] / 2 % 4 + 1;
  layout.stages = as_text(data + 3, size - 3);
  const auto placement = Placement::of(layout, {{"num_layers", std::int64_t{data[2]}}, {"mtp_num_layers", std::ranges::count(layout.stages, 'm') ? 1 : 0}});
  if (!placement) {
    require_message(placement.error());
    return 0;
  }
  if (placement->layers() != data[2] || placement->stages() != layout.pipeline) std::abort();
  for (std::int64_t layer = 1; layer < placement->layers(); ++layer) {
    const auto before = placement->layer(layer - 1), here = placement->layer(layer);
    const bool same_cell = before.cell == here.cell;
    if (here.layer != (same_cell ? before.layer + 1 : 0)) std::abort();
    if (here.cell.stage >= placement->stages() || here.cell.chunk >= placement->chunks()) std::abort();
  }
  return 0;
}
