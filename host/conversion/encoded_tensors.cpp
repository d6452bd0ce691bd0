#include "conversion/encoded_tensors.hpp"

namespace weighbridge {
namespace {

DType usual_data_type(Codec codec) {
  switch (codec) {
    case Codec::fp8_e4m3: return DType::f8_e4m3;
    case Codec::mxfp4: return DType::u8;
    case Codec::int4: return DType::i32;
  }
  return DType::u8;
}

DType usual_scale_type(Codec codec) {
  switch (codec) {
    case Codec::fp8_e4m3: return DType::f32;
    case Codec::mxfp4: return DType::u8;
    case Codec::int4: return DType::bf16;
  }
  return DType::f32;
}

}  // namespace

std::vector<EncodedPart> encoded_parts(const std::deque<Leaf>& leaves, const Decoding& decoding, DType held, const Catalogue& known) {
  const auto stored = [&](std::uint32_t leaf) -> const StoredTensor* {
    const auto found = known.tensors.find(leaves[leaf].name);
    return found == known.tensors.end() ? nullptr : &found->second;
  };
  const auto codec = decoding.form.codec;
  const auto* data = stored(decoding.data);
  Encoding encoding{Encoding::Part::data, decoding.form, decoding.scales.has_value(), usual_scale_type(codec), held, {}};
  if (decoding.scales) {
    if (const auto* scales = stored(*decoding.scales)) {
      encoding.scales_dtype = scales->dtype;
      if (scales->extents.size() == 1) {
        const auto& extent = scales->extents.front();
        encoding.original = StoredRun{extent.file, extent.offset, scales->dtype};
      }
    }
  }
  std::vector<EncodedPart> parts{{{leaves[decoding.data].name, data ? data->dtype : usual_data_type(codec), leaves[decoding.data].shape}, encoding}};
  if (decoding.scales) {
    const auto& leaf = leaves[*decoding.scales];
    parts.push_back({{leaf.name, encoding.scales_dtype, leaf.shape}, encoding});
    parts.back().encoding.part = Encoding::Part::scales;
  }
  return parts;
}

}  // namespace weighbridge
