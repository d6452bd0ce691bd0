#include "conformance/synthetic_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "formats/safetensors.hpp"
#include "verify/element_value.hpp"

namespace weighbridge {
namespace {

void state_dtype(ConfigDocument& config, DType dtype) {
  const auto& known = std::as_const(config);
  for (const std::string part : {"", "text_config.", "audio_config.", "vision_config."})
    for (const auto* key : {"torch_dtype", "dtype"})
      if (const auto* value = known.find(part + key); value != nullptr && value->is_string())
        (void)config.set(part + key, boost::json::value(torch_name(dtype)));
  if (known.find("torch_dtype") == nullptr && known.find("dtype") == nullptr)
    (void)config.set("torch_dtype", boost::json::value(torch_name(dtype)));
}

Error cannot_write(const std::filesystem::path& file) {
  return {Error::Kind::io,
          file.string(),
          {},
          "cannot be written",
          "Free space in the temporary folder, or name another with TMPDIR"};
}

}  // namespace

SyntheticModel::SyntheticModel(const Recording& stated, ConfigDocument config, DType dtype)
    : config_{std::move(config)}, dtype_{dtype} {
  state_dtype(config_, dtype);
  const auto& leaves = stated.set.algebra.leaves();
  std::vector<bool> added(leaves.size());
  for (const auto& equation : stated.set.equations)
    for (const auto& piece : equation.expression.pieces) added[piece.leaf] = added[piece.leaf] || piece.addend != 0;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].decoding || leaves[i].storage) continue;
    numbers_[leaves[i].name] = tensors_.size();
    tensors_.push_back({leaves[i].name, leaves[i].shape, tensors_.size(), added[i]});
  }
}

const SyntheticTensor* SyntheticModel::find(const std::string& name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? nullptr : &tensors_[found->second];
}

std::int64_t SyntheticModel::elements() const {
  std::int64_t sum = 0;
  for (const auto& tensor : tensors_) sum += element_count(tensor.shape).value_or(0);
  return sum;
}

std::uint64_t SyntheticModel::bits_of(const SyntheticTensor& tensor, std::int64_t index) const {
  const auto width = tensor.shape.empty() ? 1 : tensor.shape.back();
  const auto row = static_cast<std::uint64_t>(index / width), column = static_cast<std::uint64_t>(index % width);
  const auto mixed = tensor.number * 7919 + row * 131 + column;
  if (tensor.added_to) return exact_bits((static_cast<double>(mixed % 64) - 32) / 128, dtype_).value_or(0);
  const auto number = mixed % 16384;  // of consecutive bit patterns, all of them finite and normal
  switch (dtype_) {
    case DType::f16: return 0x1000 + number;
    case DType::f32: return (0x2000 + number) << 16 | (row * 31 + column) % 65536;
    default: return 0x2000 + number;
  }
}

double SyntheticModel::value_of(const SyntheticTensor& tensor, std::int64_t index) const {
  return real_value(dtype_, bits_of(tensor, index)).value_or(0);
}

std::string SyntheticModel::holder_of(double value) const {
  for (const auto& tensor : tensors_)
    for (std::int64_t i = 0; i < element_count(tensor.shape).value_or(0); ++i)
      if (value_of(tensor, i) == value) return tensor.name + to_string(coordinates_of(i, tensor.shape));
  return {};
}

Status SyntheticModel::write(const std::filesystem::path& folder) const {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  std::ofstream{folder / "config.json"} << config_.text();
  std::vector<SafetensorsTensor> laid;
  for (const auto& tensor : tensors_) laid.push_back({tensor.name, dtype_, tensor.shape});
  auto layout = lay_out_safetensors(laid);
  if (!layout) return layout.error();
  auto bytes = std::move(layout->header);
  bytes.resize(layout->file_size);
  const auto size = static_cast<std::size_t>(bits(dtype_) / 8);
  for (std::size_t i = 0; i < tensors_.size(); ++i)
    for (std::int64_t k = 0; k < element_count(tensors_[i].shape).value_or(0); ++k) {
      const auto pattern = bits_of(tensors_[i], k);
      for (std::size_t byte = 0; byte < size; ++byte)
        bytes[static_cast<std::size_t>(layout->offsets[i]) + static_cast<std::size_t>(k) * size + byte] =
            static_cast<char>(pattern >> (8 * byte) & 255);
    }
  const auto file = folder / "model.safetensors";
  std::ofstream stream{file, std::ios::binary};
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) return cannot_write(file);
  return done();
}

Catalogue SyntheticModel::catalogue() const {
  Catalogue catalogue;
  for (const auto& tensor : tensors_) catalogue.tensors[tensor.name] = {tensor.name, dtype_, tensor.shape, {}};
  return catalogue;
}

}  // namespace weighbridge
