#pragma once
// A Hugging Face folder made of nothing but equations: every value encodes tensor, row and column.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "conformance/recorded_call.hpp"
#include "tensor/dtype.hpp"
#include "tensor/result.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

struct SyntheticTensor {
  std::string name;
  Shape shape;
  std::size_t number{};  // among the model's tensors
  bool added_to{};       // an equation adds a constant: values are such that the sum is exact
};

class SyntheticModel {
 public:
  // The tensors that the equations name, decoded ones left out. `config` gets `dtype` wherever it states one.
  SyntheticModel(const Recording& stated, ConfigDocument config, DType dtype);

  const std::vector<SyntheticTensor>& tensors() const { return tensors_; }
  const SyntheticTensor* find(const std::string& name) const;
  std::int64_t elements() const;

  // The bits of element `index` (row-major), and what they mean. Finite, and exact in every type that they are cast to.
  std::uint64_t bits_of(const SyntheticTensor& tensor, std::int64_t index) const;
  double value_of(const SyntheticTensor& tensor, std::int64_t index) const;
  // "model.layers.0.mlp.up_proj.weight[3, 4]", of an element that has this value; empty if none has.
  std::string holder_of(double value) const;

  // config.json and model.safetensors.
  Status write(const std::filesystem::path& folder) const;
  Catalogue catalogue() const;  // names, types and shapes

 private:
  ConfigDocument config_;
  DType dtype_;
  std::vector<SyntheticTensor> tensors_;
  std::map<std::string, std::size_t> numbers_;
};

}  // namespace weighbridge
