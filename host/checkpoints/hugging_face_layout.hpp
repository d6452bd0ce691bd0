#pragma once
// What a Hugging Face folder that is about to be written looks like, to the byte: files, headers, index, and where
// each tensor goes.

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/hugging_face_repository.hpp"
#include "mapping/plan.hpp"
#include "tensor/dtype.hpp"
#include "tensor/result.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

// Five gigabytes of ten to the ninth, as huggingface_hub counts them.
inline constexpr std::uint64_t kDefaultMaxShardSize = 5'000'000'000;

// "5GB", "500MB", "1.5TB" (powers of ten), "2GiB" (of two), "1048576" or "10B"; letter case and spaces do not matter.
// Error::Kind::usage for anything else, zero included.
Result<std::uint64_t> parse_size(std::string_view text);

struct LaidTensor {
  std::string name;
  DType dtype{};
  Shape shape;
};

// The shards of a checkpoint whose names an output keeps.
struct ReferenceShards {
  std::vector<WeightLocation> weight_map;
  bool has_index = false;
  boost::json::object index_metadata;
};
ReferenceShards reference_shards(const HuggingFaceRepository& repository);

// A small text file of the output: config.json, generation_config.json.
struct TextFile {
  std::string name;
  std::string text;
};

struct HuggingFaceLayoutRequest {
  std::vector<LaidTensor> tensors;  // distinct names; the order decides which shard a tensor goes to
  // With an entry for at least one of the tensors, its file names are kept; else tensors are split by size.
  ReferenceShards reference;
  std::uint64_t max_shard_size = kDefaultMaxShardSize;
  std::vector<TextFile> texts;
};

struct HuggingFaceLayout {
  std::vector<OutputFile> files;           // texts, index, then shards
  std::vector<OutputTensor> tensors;       // by file, then offset; no copies yet
  std::vector<Literal> literals;           // with the tensors they tile the files
  std::vector<WeightLocation> weight_map;  // in the order of the request
  std::uint64_t total_size{};              // bytes of all tensors
};

// How shards are chosen:
// - By size, as huggingface_hub splits: in order, a shard is closed when the next tensor would exceed the limit; a
//   tensor above it gets a shard of its own at once. One shard is model.safetensors, several are
//   model-XXXXX-of-YYYYY.safetensors.
// - By reference: a listed tensor goes to its file (pytorch_model….bin becomes model….safetensors). An unlisted one
//   goes to the file of the listed tensor before it (else after it) while that file stays within max_shard_size, else
//   to further shards by size. Files without a tensor are not written; the counts in names of the form
//   …-XXXXX-of-YYYYY are made new only if files were added or left out.
// Inside a file, tensors lie as the reference writer puts them: wider types first, then by name. The index lists
// exactly what is written; a lone model.safetensors has one only if the reference's lone model.safetensors had. Index
// metadata of the reference is kept, with total_size and total_parameters made true.
// Errors: mismatch for a name given twice or no tensor at all; unsupported for a shape that the format cannot hold.
Result<HuggingFaceLayout> lay_out_hugging_face(const HuggingFaceLayoutRequest& request);

}  // namespace weighbridge
