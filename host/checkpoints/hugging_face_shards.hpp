#pragma once
// Which file each tensor of a Hugging Face folder to be written goes to. The rules are those of HuggingFaceLayout.

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoints/hugging_face_layout.hpp"

namespace weighbridge {

struct Shard {
  std::string file;                  // "model-00001-of-00003.safetensors"
  std::vector<std::size_t> tensors;  // positions in the request, ascending
};

struct SizedTensor {
  std::string name;
  std::uint64_t bytes{};
};

// None of the shards is empty, and their files are distinct.
std::vector<Shard> split_by_size(const std::vector<SizedTensor>& tensors, std::uint64_t max_shard_size);
// `reference` lists at least one of the tensors.
std::vector<Shard> split_by_reference(const std::vector<SizedTensor>& tensors, const ReferenceShards& reference,
                                      std::uint64_t max_shard_size);

// The safetensors file that stands for a reference's file: pytorch_model-00001-of-00002.bin becomes
// model-00001-of-00002.safetensors.
std::string safetensors_name(const std::string& reference_file);

}  // namespace weighbridge
