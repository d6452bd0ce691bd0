#include "conversion/decoded_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weighbridge {
namespace {

Result<StoredRun> run_of(const StoredTensor& tensor, bool fits, const Decoding& decoding, const Catalogue& source) {
  const auto fault = [&](Error::Kind kind, std::string problem, std::string remedy) {
    return Error{kind, source.files[tensor.extents.front().file].string(), "tensor " + tensor.name, std::move(problem), std::move(remedy)};
  };
  if (!fits)
    return fault(Error::Kind::mismatch, fmt::format("is {}, which codec {} does not hold", to_string(tensor.dtype), to_string(decoding.form.codec)),
                 "Check the file against quantization_config in config.json");
  const auto& extent = tensor.extents.front();
  if (tensor.extents.size() != 1 || extent.strides != row_major_strides(tensor.shape))
    return fault(Error::Kind::unsupported, "is encoded and stored in strides", "Save the checkpoint as safetensors");
  return StoredRun{extent.file, extent.offset, tensor.dtype};
}

}  // namespace

StoredTensor LeafTensors::operator[](std::size_t leaf) const {
  const auto& of = of_[leaf];
  if (of.stored) return *of.stored;
  const auto& shape = of.decoded->shape;
  return {of.decoded->name, DType::f32, shape, {{of.number, 0, whole(shape), row_major_strides(shape)}}};
}

Result<LeafTensors> tensors_of_leaves(const Algebra& algebra, const Catalogue& source, Plan& plan) {
  LeafTensors tensors;
  const auto& leaves = algebra.leaves();
  tensors.reserve(leaves.size());
  plan.decoded.reserve(plan.decoded.size() + static_cast<std::size_t>(std::ranges::count_if(leaves, [](const Leaf& leaf) { return leaf.decoding != nullptr; })));
  for (const auto& leaf : leaves) {
    if (!leaf.decoding) {
      tensors.add(source.tensors.find(leaf.name)->second);
      continue;
    }
    const auto& decoding = *leaf.decoding;
    const auto codec = decoding.form.codec;
    const auto data = tensors[decoding.data];
    auto data_run = run_of(data, holds_values(codec, data.dtype), decoding, source);
    if (!data_run) return data_run.error();
    DecodedSource decoded{leaf.name, decoding.form, *data_run, std::nullopt};
    if (decoding.scales) {
      const auto scales = tensors[*decoding.scales];
      auto scales_run = run_of(scales, holds_scales(codec, scales.dtype), decoding, source);
      if (!scales_run) return scales_run.error();
      decoded.scales = *scales_run;
    }
    const auto number = static_cast<std::uint32_t>(plan.sources.size() + plan.decoded.size());
    plan.decoded.push_back(std::move(decoded));
    tensors.add_decoded(leaf, number);
  }
  return tensors;
}

}  // namespace weighbridge
