// How long the headers of a very large model take: none of this reads a tensor, all of it precedes the first byte moved.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "formats/dcp_metadata.hpp"
#include "formats/safetensors.hpp"
#include "formats/weight_index.hpp"

namespace weighbridge {
namespace {

std::string tensor_name(std::int64_t number) { return "model.layers." + std::to_string(number / 9) + ".part." + std::to_string(number % 9); }

// A sparse safetensors file with as many small tensors as asked for.
class HeaderOnDisk {
 public:
  explicit HeaderOnDisk(std::int64_t tensors) : path_{std::filesystem::temp_directory_path() / "weighbridge-bench.safetensors"} {
    std::vector<SafetensorsTensor> all;
    for (std::int64_t i = 0; i < tensors; ++i) all.push_back({tensor_name(i), DType::bf16, {64, 64}});
    const auto layout = lay_out_safetensors(all);
    std::ofstream{path_, std::ios::binary} << layout->header;
    std::filesystem::resize_file(path_, layout->file_size);
  }
  HeaderOnDisk(const HeaderOnDisk&) = delete;
  HeaderOnDisk& operator=(const HeaderOnDisk&) = delete;
  ~HeaderOnDisk() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void safetensors_header(benchmark::State& state) {
  const HeaderOnDisk file{state.range(0)};
  for (auto _ : state) {
    const auto header = read_safetensors_header(*InputFile::open(file.path()));
    benchmark::DoNotOptimize(header->tensors.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(safetensors_header)->Arg(1000)->Arg(100000)->Unit(benchmark::kMillisecond);

void weight_index(benchmark::State& state) {
  WeightIndex index;
  for (std::int64_t i = 0; i < state.range(0); ++i) index.weight_map[tensor_name(i)] = "model-00001-of-00002.safetensors";
  const auto text = write_weight_index(index, 1);
  for (auto _ : state) benchmark::DoNotOptimize(parse_weight_index(text, "index")->weight_map.size());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(weight_index)->Arg(100000)->Unit(benchmark::kMillisecond);

void dcp_metadata(benchmark::State& state) {
  DcpMetadata metadata;
  metadata.files = {"__0_0.distcp"};
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const auto place = static_cast<std::uint64_t>(i);
    metadata.tensors[tensor_name(i)] = {DType::bf16, {64, 64}, {{whole({64, 64}), {0, place * 10000, 9000}}}};
  }
  const auto bytes = write_dcp_metadata(metadata);
  for (auto _ : state) benchmark::DoNotOptimize(parse_dcp_metadata(*bytes, ".metadata")->tensors.size());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(dcp_metadata)->Arg(100000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weighbridge
