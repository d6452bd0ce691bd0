#include "archive/tensor_ranges.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "checkpoints/hugging_face_repository.hpp"
#include "checkpoints/megatron_checkpoint.hpp"
#include "checkpoints/torch_dist_blob.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/safetensors.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestMetadata = 4ull << 30;

unsigned width_of(DType dtype) {
  switch (dtype) {
    case DType::f16:
    case DType::bf16: return 2;
    case DType::f32:
    case DType::c64: return 4;
    case DType::f64: return 8;
    default: return 1;  // 8-bit floats have next to no redundancy beyond what their bytes show
  }
}

// Elements from the first to the last that the strides reach; nothing where the numbers do not do.
std::optional<TensorRange> range_of(const Extent& extent, DType dtype) {
  std::int64_t last = 0;
  for (std::size_t axis = 0; axis < extent.box.sizes.size(); ++axis) {
    if (extent.box.sizes[axis] <= 0) return std::nullopt;
    const auto reach = checked_multiply(extent.box.sizes[axis] - 1, extent.strides[axis]);
    const auto sum = reach && *reach >= 0 ? checked_add(last, *reach) : std::nullopt;
    if (!sum) return std::nullopt;
    last = *sum;
  }
  const auto elements = checked_add(last, 1);
  const auto all = elements ? checked_multiply(*elements, bits(dtype)) : std::nullopt;
  if (!all) return std::nullopt;
  return TensorRange{extent.offset, extent.offset + static_cast<std::uint64_t>(*all) / 8, width_of(dtype)};
}

class Search {
 public:
  Search(const fs::path& folder, const FolderContent& content) : content_{content} {
    std::error_code ignored;
    root_ = fs::canonical(folder, ignored);
    found.of_file.resize(content.files.size());
    for (std::size_t i = 0; i < content.files.size(); ++i) numbers_[content.files[i].path] = i;
  }

  void run() {
    std::set<std::string> rank_folders, torch_folders;
    for (std::size_t i = 0; i < content_.files.size(); ++i) {
      const fs::path path{content_.files[i].path};
      const auto name = path.filename().string(), above = path.parent_path().generic_string();
      if (name.ends_with(".safetensors")) add_safetensors(i);
      if (name == ".metadata") add_torch_dist(i, path.parent_path());
      if (name.starts_with("pytorch_model") && name.ends_with(".bin")) torch_folders.insert(above);
      if (name == "model_optim_rng.pt") rank_folders.insert(path.parent_path().parent_path().generic_string());
    }
    for (const auto& folder : torch_folders) add_torch_files(folder);
    for (const auto& folder : rank_folders) add_rank_files(folder);
    for (std::size_t i = 0; i < found.of_file.size(); ++i) tidy(found.of_file[i], content_.files[i].size);
  }

  TensorRanges found;

 private:
  void note(const Error& error) {
    found.notes.push_back("packed as bytes, without its tensors: " + error.text().substr(0, error.text().size() - 1));
  }

  void add_safetensors(std::size_t number) {
    const auto file = InputFile::open(content_.files[number].source);
    if (!file) return note(file.error());
    const auto header = read_safetensors_header(*file);
    if (!header) return note(header.error());
    for (const auto& tensor : header->tensors)
      found.of_file[number].push_back({tensor.begin, tensor.end, width_of(tensor.dtype)});
  }

  // Training states are tensors like the model's, so the metadata is read rather than the checkpoint.
  void add_torch_dist(std::size_t number, const fs::path& folder) {
    const auto& source = content_.files[number].source;
    const auto bytes = read_whole_file(source, kLargestMetadata);
    if (!bytes) return note(bytes.error());
    const auto metadata = parse_dcp_metadata(*bytes, source.string());
    if (!metadata) return note(metadata.error());
    std::map<std::uint32_t, std::optional<InputFile>> files;
    BlobReader blobs;
    for (const auto& [key, tensor] : metadata->tensors) {
      for (const auto& chunk : tensor.chunks) {
        const auto place = numbers_.find((folder / metadata->files[chunk.item.file]).generic_string());
        if (place == numbers_.end()) continue;
        auto& file = files[chunk.item.file];
        if (!file) {
          auto opened = InputFile::open(content_.files[place->second].source);
          if (!opened) return note(opened.error());
          file = *std::move(opened);
        }
        const auto blob = blobs.read(*file, chunk.item, chunk.box.sizes, key);
        if (!blob) return note(blob.error());
        add({0, blob->offset, chunk.box, blob->strides}, blob->dtype, place->second);
      }
    }
  }

  void add_torch_files(const std::string& folder) {
    const auto repository = HuggingFaceRepository::open(root_ / folder, {.strict = false});
    if (!repository) return note(repository.error());
    if (repository->format == WeightFormat::torch) add_catalogue(repository->catalogue);
  }

  void add_rank_files(const std::string& folder) {
    const auto location = locate_megatron(root_ / folder);
    if (!location) return note(location.error());
    const auto checkpoint = MegatronCheckpoint::open(*location, {.configuration = false});
    if (!checkpoint) return note(checkpoint.error());
    add_catalogue(checkpoint->catalogue);
  }

  void add_catalogue(const Catalogue& catalogue) {
    for (const auto& [name, tensor] : catalogue.tensors) {
      for (const auto& extent : tensor.extents) {
        const auto place = numbers_.find(catalogue.files[extent.file].lexically_relative(root_).generic_string());
        if (place != numbers_.end()) add(extent, tensor.dtype, place->second);
      }
    }
  }

  void add(const Extent& extent, DType dtype, std::size_t number) {
    if (const auto range = range_of(extent, dtype)) found.of_file[number].push_back(*range);
  }

  // Tensors may share their storage, in parts too: what lies in an earlier range is not counted again.
  static void tidy(std::vector<TensorRange>& ranges, std::uint64_t size) {
    std::ranges::sort(ranges, {}, [](const TensorRange& range) { return std::pair{range.begin, ~range.end}; });
    std::uint64_t end = 0;
    std::vector<TensorRange> kept;
    for (auto range : ranges) {
      range.end = std::min(range.end, size);
      if (range.begin < end) range.begin += (end - range.begin + range.width - 1) / range.width * range.width;
      if (range.begin >= range.end) continue;
      kept.push_back(range);
      end = range.end;
    }
    ranges = std::move(kept);
  }

  fs::path root_;
  const FolderContent& content_;
  std::map<std::string, std::size_t, std::less<>> numbers_;  // of a path
};

}  // namespace

TensorRanges find_tensors(const fs::path& folder, const FolderContent& content) {
  Search search{folder, content};
  search.run();
  return std::move(search.found);
}

}  // namespace weighbridge
