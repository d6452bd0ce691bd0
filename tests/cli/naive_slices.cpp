#include "cli/naive_slices.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <regex>
#include <stdexcept>

#include "cli/program_run.hpp"
#include "formats/safetensors.hpp"

namespace weighbridge::test {
namespace {

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

// The parts that torch_dist keeps apart and a state dict has as one tensor, in the order of the module's split.
std::vector<std::string> parts_of(std::string_view name) {
  if (name.find("mixer.") != std::string_view::npos) {
    if (name.ends_with("mixer.in_proj.weight")) return {"z", "x", "B", "C", "dt"};
    if (ends_with_any(name, {"mixer.conv1d.weight", "mixer.conv1d.bias"})) return {"x", "B", "C"};
  }
  if (name.ends_with("self_attention.in_proj.weight")) return {"query", "key", "value", "z", "beta", "alpha"};
  if (name.ends_with("self_attention.conv1d.weight")) return {"query", "key", "value"};
  return {};
}

void replace(std::string& name, std::string_view from, std::string_view to) {
  if (const auto at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
}

}  // namespace

PlainTensor slice(const PlainTensor& tensor, std::size_t axis, std::int64_t rank, std::int64_t ranks) {
  if (tensor.shape.at(axis) % ranks != 0) throw std::runtime_error("an axis does not divide");
  const auto element = static_cast<std::uint64_t>(*byte_count({1}, tensor.dtype));
  std::int64_t before = 1, behind = 1;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) (i < axis ? before : behind) *= i == axis ? 1 : tensor.shape[i];
  const auto share = tensor.shape[axis] / ranks;
  PlainTensor made{tensor.dtype, tensor.shape, {}};
  made.shape[axis] = share;
  for (std::int64_t i = 0; i < before; ++i)
    made.bytes += tensor.bytes.substr(static_cast<std::uint64_t>((i * tensor.shape[axis] + rank * share) * behind) * element,
                                      static_cast<std::uint64_t>(share * behind) * element);
  return made;
}

PlainTensor join_rows(const std::vector<PlainTensor>& parts) {
  PlainTensor made = parts.at(0);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    made.shape[0] += parts[i].shape[0];
    made.bytes += parts[i].bytes;
  }
  return made;
}

Dealt dealt(std::string_view name, bool gated, bool head_norms_dealt) {
  // Encoders that are Hugging Face's own modules, but for one projection of Megatron's.
  if (name.ends_with("multi_modal_projector.proj.weight")) return Dealt::rows;
  if (name.starts_with("audio_tower.") || name.starts_with("vision_tower.") || name.starts_with("multi_modal_projector.")) return Dealt::whole;
  if (ends_with_any(name, {"layer_norm_weight", "layer_norm_bias", "linear_proj.bias", "linear_fc2.bias"})) return Dealt::whole;
  if (ends_with_any(name, {".linear_fc1.weight", ".linear_fc1.bias"})) return gated ? Dealt::halves_of_rows : Dealt::rows;
  if (ends_with_any(name, {".linear_proj.weight", ".linear_fc2.weight", ".out_proj.weight", ".o_proj.weight"})) return Dealt::columns;
  if (ends_with_any(name, {"word_embeddings.weight", "output_layer.weight", ".linear_qkv.weight", ".linear_qkv.bias", ".linear_q_up_proj.weight", ".linear_q_proj.weight",
                           ".linear_kv_up_proj.weight", ".linear_kv_proj.weight", ".eh_proj.weight", ".e_proj.weight", ".h_proj.weight", ".attn_sink", ".q_proj.weight", ".k_proj.weight",
                           ".v_proj.weight", ".g_proj.weight", ".b_proj.weight", ".f_b_proj.weight", ".q_b_proj.weight", ".kv_b_proj.weight", "_conv1d.weight", ".softmax_offset", "mixer.A_log", "mixer.D", "mixer.dt_bias",
                           "mixer.norm.weight", "self_attention.A_log", "self_attention.dt_bias"}))
    return Dealt::rows;
  if (ends_with_any(name, {".q_layernorm.weight", ".k_layernorm.weight"})) return head_norms_dealt ? Dealt::rows : Dealt::whole;
  // A linear layer in place of attention or mlp.
  if (ends_with_any(name, {".self_attention.weight", ".mlp.weight"})) return Dealt::rows;
  if (!parts_of(name).empty()) return Dealt::rows;
  return Dealt::whole;
}

WholeModel::WholeModel(const std::string& safetensors, bool head_norms_dealt) : head_norms_dealt_{head_norms_dealt} {
  const auto input = InputFile::open(safetensors);
  if (!input) throw std::runtime_error(input.error().text());
  const auto header = read_safetensors_header(*input);
  if (!header) throw std::runtime_error(header.error().text());
  const auto bytes = content(safetensors);
  for (const auto& entry : header->tensors)
    tensors_[entry.name] = {entry.dtype, entry.shape, bytes.substr(entry.begin, static_cast<std::uint64_t>(*byte_count(entry.shape, entry.dtype)))};
}

std::string WholeModel::backbone() const { return tensors_.contains("embedding.word_embeddings.weight") ? "" : "language_model."; }

int WholeModel::experts() const {
  for (const auto& [key, tensor] : tensors_)
    if (key.ends_with("experts.experts.linear_fc1.weight")) return static_cast<int>(tensor.shape[tensor.shape.size() - 3]);
  return 0;
}

int WholeModel::layers(const std::string& stack) const {
  int count = 0;
  for (auto it = tensors_.lower_bound(stack); it != tensors_.end() && it->first.starts_with(stack); ++it) {
    const auto behind = it->first.substr(stack.size());
    count = std::max(count, std::isdigit(static_cast<unsigned char>(behind[0])) ? std::stoi(behind) + 1 : static_cast<int>(it->second.shape[0]));
  }
  return count;
}

std::optional<PlainTensor> WholeModel::whole(const std::string& live_name, std::optional<int> expert, int rank, int ranks) {
  std::vector<std::int64_t> leading;
  auto key = live_name;
  if (expert) replace(key, "mlp.experts.", "mlp.experts.experts.");
  auto found = tensors_.find(key);
  // Layers that are alike lie one behind the other under one key.
  if (std::smatch match; found == tensors_.end() && std::regex_search(key, match, std::regex{R"(\.(\d+)\.)"})) {
    leading.push_back(std::stoi(match[1]));
    key = match.prefix().str() + "." + match.suffix().str();
    found = tensors_.find(key);
    // Of two layers with attention of two kinds each is the only one of its kind: first one with a window, then one without.
    if (constexpr std::string_view attention = ".self_attention."; found == tensors_.end() && leading[0] < 2 && key.find(attention) != std::string::npos) {
      replace(key, attention, leading[0] == 0 ? ".self_attention_sliding." : ".self_attention_global.");
      found = tensors_.find(key);
      leading[0] = 0;
    }
  }
  if (found == tensors_.end()) return {};
  if (expert) leading.push_back(*expert);
  auto tensor = found->second;
  std::uint64_t begin = 0, size = tensor.bytes.size();
  for (const auto index : leading) {
    if (tensor.shape.empty() || index >= tensor.shape[0]) return {};
    size /= static_cast<std::uint64_t>(tensor.shape[0]);
    begin += static_cast<std::uint64_t>(index) * size;
    tensor.shape.erase(tensor.shape.begin());
  }
  tensor.bytes = tensor.bytes.substr(begin, size);
  auto& asked = asked_[key][begin];
  asked.bytes = size;
  asked.ranks = ranks;
  asked.shares.insert(rank);
  return tensor;
}

std::optional<PlainTensor> WholeModel::share(const std::string& live_name, std::optional<int> expert, int rank, int ranks, bool gated, std::int64_t rows) {
  auto name = live_name;
  replace(name, ".mtp_model_layer.", ".transformer_layer.");
  replace(name, "mixer.conv1d_", "mixer.conv1d.");
  if (const auto parts = parts_of(name); !parts.empty()) {
    std::vector<PlainTensor> shares;
    for (const auto& part : parts) {
      const auto tensor = whole(name + "." + part, {}, rank, ranks);
      if (!tensor) return {};
      shares.push_back(slice(*tensor, 0, rank, ranks));
    }
    return join_rows(shares);
  }
  auto tensor = whole(name, expert, rank, ranks);
  // A tied output layer is the embedding.
  if (!tensor && name == backbone() + "output_layer.weight") tensor = whole(backbone() + "embedding.word_embeddings.weight", {}, rank, ranks);
  if (!tensor) return {};
  if (name.ends_with("word_embeddings.weight") || name.ends_with("output_layer.weight")) {
    tensor->bytes.resize(tensor->bytes.size() / static_cast<std::uint64_t>(tensor->shape[0]) * static_cast<std::uint64_t>(rows), '\0');
    tensor->shape[0] = rows;
  }
  switch (dealt(name, gated, head_norms_dealt_)) {
    case Dealt::whole: return tensor;
    case Dealt::rows: return slice(*tensor, 0, rank, ranks);
    case Dealt::columns: return slice(*tensor, 1, rank, ranks);
    case Dealt::halves_of_rows: return join_rows({slice(slice(*tensor, 0, 0, 2), 0, rank, ranks), slice(slice(*tensor, 0, 1, 2), 0, rank, ranks)});
  }
  return {};
}

std::vector<std::string> WholeModel::unasked() const {
  std::vector<std::string> names;
  for (const auto& [key, tensor] : tensors_) {
    std::uint64_t bytes = 0;
    bool all_shares = true;
    if (const auto found = asked_.find(key); found != asked_.end())
      for (const auto& [begin, asked] : found->second) {
        bytes += asked.bytes;
        all_shares &= static_cast<int>(asked.shares.size()) == asked.ranks;
      }
    if (bytes != tensor.bytes.size() || !all_shares) names.push_back(key);
  }
  return names;
}

}  // namespace weighbridge::test
