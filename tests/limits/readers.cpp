#include "limits/readers.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "formats/archive_index.hpp"
#include "checkpoints/python_json.hpp"
#include "checkpoints/run_config.hpp"
#include "checkpoints/yaml_document.hpp"
#include "families/manifest.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/safetensors.hpp"
#include "formats/torch_object.hpp"
#include "formats/weight_index.hpp"

namespace weighbridge::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kAny = std::uint64_t{1} << 30;

template <class Read>
auto of_file(Read read) {
  return [read](const fs::path& path) {
    const auto file = InputFile::open(path);
    return file && static_cast<bool>(read(*file));
  };
}

template <class Read>
auto of_text(Read read) {
  return [read](const fs::path& path) {
    auto text = read_whole_file(path, kAny);
    return text && static_cast<bool>(read(std::move(*text), path.string()));
  };
}

bool object(const InputFile& file, const PickleGlobals& globals) {
  TorchOptions options;
  options.globals = globals;
  return static_cast<bool>(read_torch_object(file, options));
}

}  // namespace

// A pickle's shortest opcode is a byte and makes a node of 64, which lies in blocks that double; of a zip's or an archive's
// index little is kept. JSON's shortest value is two bytes and becomes one of 24 in a list that doubles.
const std::vector<Reader>& readers() {
  static const std::vector<Reader> all{
      {"safetensors", of_file([](const auto& file) { return read_safetensors_header(file); }), 16, 32},
      {"state dict", of_file([](const auto& file) { return object(file, PickleGlobals::weights_only()); }), 256, 512},
      {"common state", of_file([](const auto& file) { return object(file, PickleGlobals::megatron()); }), 256, 512},
      {"metadata", of_text([](auto text, const auto& name) { return parse_dcp_metadata(std::move(text), name); }), 256, 512},
      {"config", of_text([](auto text, const auto& name) { return parse_python_json(text, name); }), 64, 128},
      {"index", of_text([](auto text, const auto& name) { return parse_weight_index(text, name); }), 64, 128},
      {"manifest", [](const fs::path& path) { return static_cast<bool>(read_manifest(path)); }, 64, 128},
      {"run_config", of_text([](auto text, const auto& name) { return parse_run_config(text, name); }), 1024, 8192},
      {"archive", of_file([](const auto& file) { return read_archive_index(file); }), 16, 32},
  };
  return all;
}

const Reader& reader(std::string_view name) {
  for (const auto& one : readers())
    if (one.name == name) return one;
  throw std::runtime_error("no such reader");
}

bool expect_bounded(const Reader& reader, const fs::path& file) {
  bool accepted = false;
  const auto size = static_cast<std::size_t>(fs::file_size(file));
  const auto use = measured(kStack, [&] { accepted = reader.read(file); });
  EXPECT_LE(use.peak, reader.held_per_byte * size + kFixed) << reader.name << " of " << file << ", " << size << " bytes";
  EXPECT_LE(use.total, reader.total_per_byte * size + kFixedTotal) << reader.name << " of " << file << ", " << size << " bytes";
  return accepted;
}

}  // namespace weighbridge::test
