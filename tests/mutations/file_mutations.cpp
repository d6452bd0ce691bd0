// Files that are cut off, gone, changed on disk.

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "cli/program_run.hpp"
#include "mutations/mutation.hpp"

namespace weighbridge::test {
namespace {

namespace fs = std::filesystem;

Mutation in(Spoilt side, std::string what, std::string model, std::string kind, std::string name, std::string cause, std::function<void(const fs::path&)> change) {
  return {std::move(what), std::move(model), side, {}, std::move(change), std::move(kind), std::move(name), std::move(cause)};
}

void overwrite(const fs::path& file, const std::string& bytes) {
  std::ofstream stream{file, std::ios::binary};
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// The first file below the folder whose name ends so.
fs::path file_in(const fs::path& folder, const std::string& ending) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator{folder})
    if (entry.is_regular_file() && entry.path().filename().string().ends_with(ending)) found.push_back(entry.path());
  if (found.empty()) throw std::runtime_error("nothing ends with " + ending);
  return *std::ranges::min_element(found);
}

void cut(const fs::path& file, std::uintmax_t bytes) { fs::resize_file(file, fs::file_size(file) - bytes); }

// Every occurrence, in place.
void replace(const fs::path& file, const std::string& from, const std::string& to) {
  auto bytes = content(file);
  std::size_t count = 0;
  for (auto at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + to.size()), ++count) bytes.replace(at, from.size(), to);
  if (count == 0) throw std::runtime_error(file.string() + " does not hold what is to be replaced");
  overwrite(file, bytes);
}

// The golden model's tensor as its bytes lie on disk, one row if the whole is cut apart there.
std::string bytes_of(const std::string& model, const std::string& tensor) { return ModelFolder::read(golden(model + "/hf"))[tensor].bytes; }

void add_hugging_face(std::vector<Mutation>& all) {
  const auto side = Spoilt::hugging_face_files;
  all.push_back(in(side, "weights cut off", "llama3", "error", "model-00002-of-00003.safetensors", "", [](const auto& f) { cut(f / "model-00002-of-00003.safetensors", 10); }));
  all.push_back(in(side, "a file of weights gone", "llama3", "error", "model-00002-of-00003.safetensors", "", [](const auto& f) { fs::remove(f / "model-00002-of-00003.safetensors"); }));
  all.push_back(in(side, "header of weights broken", "qwen3-moe", "error", "model.safetensors", "", [](const auto& f) { replace(f / "model.safetensors", "\"dtype\"", "\"dtipe\""); }));
  all.push_back(in(side, "index names a tensor that is not there", "llama3", "error", "model.norm.weighs", "", [](const auto& f) { replace(f / "model.safetensors.index.json", "model.norm.weight", "model.norm.weighs"); }));
  all.push_back(in(side, "config.json broken", "llama3", "error", "config.json", "", [](const auto& f) { cut(f / "config.json", 5); }));
  all.push_back(in(side, "tokenizer changed", "llama3", "file", "tokenizer.json", "", [](const auto& f) { replace(f / "tokenizer.json", "\"model\"", "\"madel\""); }));
  all.push_back(in(side, "generation settings changed", "llama3", "config", "generation_config.json: temperature", "", [](const auto& f) { overwrite(f / "generation_config.json", R"({"temperature": 0.5})"); }));
  all.push_back(in(side, "a template that the import never saw", "llama3", "file", "chat_template.jinja", "", [](const auto& f) { overwrite(f / "chat_template.jinja", "{{ x }}"); }));
}

void add_megatron(std::vector<Mutation>& all) {
  const auto side = Spoilt::megatron_files;
  all.push_back(in(side, "shard cut off", "llama3", "error", ".distcp", "", [](const auto& f) { cut(file_in(f, ".distcp"), 2000); }));
  all.push_back(in(side, "shard gone", "llama3", "error", ".distcp", "", [](const auto& f) { fs::remove(file_in(f, ".distcp")); }));
  all.push_back(in(side, "metadata cut off", "llama3", "error", ".metadata", "", [](const auto& f) { cut(file_in(f, ".metadata"), 50); }));
  all.push_back(in(side, "metadata gone", "llama3", "error", ".metadata", "", [](const auto& f) { fs::remove(file_in(f, ".metadata")); }));
  all.push_back(in(side, "configuration gone", "llama3", "config", "configuration", "does not say what model it is", [](const auto& f) { fs::remove(file_in(f, "run_config.yaml")); }));
  all.push_back(in(side, "configuration changed", "llama3", "config", "rotary_base", "rope theta", [](const auto& f) { replace(file_in(f, "run_config.yaml"), "rotary_base: 500000", "rotary_base: 500001"); }));
  all.push_back(in(side, "type of the model changed", "llama3", "dtype", "output_layer.weight", "the values are the same",
                   [](const auto& f) { replace(file_in(f, "run_config.yaml"), "torch.bfloat16", "torch.float32"); }));
  all.push_back(in(side, "tracker of another iteration", "llama3", "error", "iter_0000007", "", [](const auto& f) {
    overwrite(f / "latest_checkpointed_iteration.txt", "7");
    fs::remove(f / "latest_train_state.pt");
  }));
  all.push_back(in(side, "a key renamed", "llama3", "missing", "decoder.layers.0.mlp.linear_fc2.weight", "the checkpoint is incomplete",
                   [](const auto& f) { replace(file_in(f, ".metadata"), "mlp.linear_fc2.weight", "mlp.linear_fcX.weight"); }));
  all.push_back(in(side, "a norm renamed", "llama3", "missing", "decoder.final_layernorm.weight", "perhaps it is the key decoder.final_layerNorm.weight",
                   [](const auto& f) { replace(file_in(f, ".metadata"), "decoder.final_layernorm.weight", "decoder.final_layerNorm.weight"); }));
  all.push_back(in(side, "a bit flipped on disk", "llama3", "bits", "decoder.final_layernorm.weight", "a single bit is flipped in 1 of its elements in row 2", [](const auto& f) {
    const auto norm = bytes_of("llama3", "model.norm.weight");
    auto flipped = norm;
    flipped[5] ^= 8;
    replace(file_in(f, ".distcp"), norm, flipped);
  }));
  all.push_back(in(side, "kept tokenizer gone", "llama3", "file", "tokenizer.json", "", [](const auto& f) { fs::remove(file_in(f, "tokenizer.json")); }));
  Mutation copies = in(side, "ranks hold different copies", "llama3", "copy", "decoder.final_layernorm.weight", "ranks of different runs", [](const auto& f) {
    const auto norm = bytes_of("llama3", "model.norm.weight");
    auto changed = norm;
    changed[5] ^= 8;
    replace(f / "iter_0000000" / "mp_rank_01" / "model_optim_rng.pt", norm, changed);
  });
  copies.import_options = {"--ckpt-format", "torch", "--tp", "2"};
  all.push_back(copies);
  copies.what = "file of a rank gone";
  copies.kind = "error";
  copies.name = "are of 1 tensor-parallel ranks, but args say 2";
  copies.cause = "Copy the rank files that are missing";
  copies.change_files = [](const fs::path& f) { fs::remove_all(f / "iter_0000000" / "mp_rank_01"); };
  all.push_back(copies);
  copies.what = "shard of another rank in its place";
  copies.kind = "bits";
  copies.name = "decoder.layers.0.mlp.linear_fc1.weight";
  copies.cause = "the shard of tensor-parallel rank 1 of 2 is that of rank 0";
  copies.change_files = [](const fs::path& f) {
    fs::copy_file(f / "iter_0000000" / "mp_rank_00" / "model_optim_rng.pt", f / "iter_0000000" / "mp_rank_01" / "model_optim_rng.pt", fs::copy_options::overwrite_existing);
  };
  all.push_back(copies);
}

}  // namespace

std::vector<Mutation> file_mutations() {
  std::vector<Mutation> all;
  add_hugging_face(all);
  add_megatron(all);
  return all;
}

}  // namespace weighbridge::test
