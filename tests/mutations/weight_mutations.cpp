// Elements that are not where, or what, they should be.

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "mutations/mutation.hpp"

namespace weighbridge::test {
namespace {

const std::string kLayer = "model.layers.0.";
const std::string kGate = kLayer + "mlp.gate_proj.weight", kUp = kLayer + "mlp.up_proj.weight", kDown = kLayer + "mlp.down_proj.weight";
const std::string kQuery = kLayer + "self_attn.q_proj.weight", kKey = kLayer + "self_attn.k_proj.weight", kValue = kLayer + "self_attn.v_proj.weight";
const std::string kEmbedding = "model.embed_tokens.weight";

Mutation converted(std::string what, std::string model, std::string name, std::string cause, std::function<void(ModelFolder&)> change) {
  return {std::move(what), std::move(model), Spoilt::converted, std::move(change), {}, "bits", std::move(name), std::move(cause)};
}

std::vector<std::size_t> counted(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<std::size_t> moved_by_one(std::size_t count) {
  auto order = counted(count);
  std::rotate(order.begin(), order.end() - 1, order.end());
  return order;
}

// Row 2i of a head becomes row i, row 2i + 1 row i + width / 2; or back.
std::vector<std::size_t> rotary_order(std::size_t rows, std::size_t width, bool to_interleaved) {
  std::vector<std::size_t> order(rows);
  for (std::size_t head = 0; head < rows; head += width)
    for (std::size_t i = 0; i < width / 2; ++i) {
      const auto low = head + i, high = head + width / 2 + i, even = head + 2 * i, odd = even + 1;
      if (to_interleaved) order[even] = low, order[odd] = high;
      else order[low] = even, order[high] = odd;
    }
  return order;
}

// Query, key and value that, interleaved by group as they are converted, come out one after the other. Llama's golden case:
// 2 groups of 2 queries of 4 rows.
void lie_one_after_the_other(ModelFolder& model) {
  constexpr std::size_t kGroup = 16, kQueries = 8, kWidth = 4;
  const auto fused = joined({model[kQuery], model[kKey], model[kValue]});
  std::vector<HeldTensor> query, key, value;
  for (std::size_t at = 0; at < fused.rows(); at += kGroup) {
    query.push_back(rows_of(fused, at, at + kQueries));
    key.push_back(rows_of(fused, at + kQueries, at + kQueries + kWidth));
    value.push_back(rows_of(fused, at + kQueries + kWidth, at + kGroup));
  }
  model[kQuery] = joined(query);
  model[kKey] = joined(key);
  model[kValue] = joined(value);
}

// Gate and up that, one above the other as they are converted, come out as `order` of both says.
void arrange_gate_and_up(ModelFolder& model, const std::vector<std::size_t>& order) {
  const auto both = reordered(joined({model[kGate], model[kUp]}), order);
  model[kGate] = rows_of(both, 0, both.rows() / 2);
  model[kUp] = rows_of(both, both.rows() / 2, both.rows());
}

void exchange(ModelFolder& model, const std::string& one, const std::string& other) { std::swap(model[one], model[other]); }

void add_arrangements(std::vector<Mutation>& all) {
  const std::string fc1 = "decoder.layers.0.mlp.linear_fc1.weight", qkv = "decoder.layers.0.self_attention.linear_qkv.weight";
  all.push_back(converted("gate and up exchanged", "llama3", fc1, "gate_proj and up_proj have changed places", [](auto& m) { exchange(m, kGate, kUp); }));
  all.push_back(converted("key and value exchanged", "llama3", qkv, "k_proj and v_proj have changed places", [](auto& m) { exchange(m, kKey, kValue); }));
  all.push_back(converted("query, key, value not interleaved", "llama3", qkv, "not interleaved by query group", lie_one_after_the_other));
  all.push_back(converted("shards of two ranks joined", "llama3", fc1, "the shards of 2 tensor-parallel ranks", [](auto& m) {
    auto order = counted(48);
    std::rotate(order.begin() + 12, order.begin() + 24, order.begin() + 36);
    arrange_gate_and_up(m, order);
  }));
  all.push_back(converted("rows of gate and up alternate", "llama3", fc1, "alternate", [](auto& m) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < 24; ++i) order.insert(order.end(), {i, i + 24});
    arrange_gate_and_up(m, order);
  }));
  all.push_back(converted("output projection transposed", "llama3", "decoder.layers.0.self_attention.linear_proj.weight", "it is transposed",
                          [](auto& m) { m[kLayer + "self_attn.o_proj.weight"] = transposed(m[kLayer + "self_attn.o_proj.weight"]); }));
  all.push_back(converted("query transposed", "llama3", qkv, "q_proj is transposed", [](auto& m) { m[kQuery] = transposed(m[kQuery]); }));
  all.push_back(converted("rotary pairs interleaved", "llama3", qkv, "q_proj and k_proj are in the order of interleaved rotary pairs", [](auto& m) {
    for (const auto& name : {kQuery, kKey}) m[name] = reordered(m[name], rotary_order(m[name].rows(), 4, true));
  }));
  all.push_back(converted("rotary pairs of the key half-split", "qwen3-moe", qkv, "k_proj are in the order of half-split rotary pairs",
                          [](auto& m) { m[kKey] = reordered(m[kKey], rotary_order(m[kKey].rows(), 8, false)); }));
  all.push_back(converted("layers exchanged", "llama3", "decoder.layers.0.mlp.linear_fc2.weight", "layers are in another order: it holds layer 1's", [](auto& m) {
    for (auto& [name, tensor] : m.tensors)
      if (name.starts_with(kLayer)) std::swap(tensor, m["model.layers.1." + name.substr(kLayer.size())]);
  }));
  all.push_back(converted("experts rotated", "qwen3-moe", "decoder.layers.0.mlp.experts.linear_fc1.weight0", "experts are in another order: it holds expert 1's", [](auto& m) {
    for (const auto* part : {"gate_proj.weight", "up_proj.weight", "down_proj.weight"}) {
      const auto expert = [&](int number) { return kLayer + "mlp.experts." + std::to_string(number) + "." + part; };
      const auto first = m[expert(0)];
      m[expert(0)] = m[expert(1)];
      m[expert(1)] = m[expert(2)];
      m[expert(2)] = first;
    }
  }));
  all.push_back(converted("router's rows in another order", "qwen3-moe", "decoder.layers.0.mlp.router.weight", "the rows are moved down by 1",
                          [](auto& m) { m[kLayer + "mlp.gate.weight"] = reordered(m[kLayer + "mlp.gate.weight"], moved_by_one(3)); }));
  all.push_back(converted("norms exchanged", "llama3", "decoder.layers.0.self_attention.linear_qkv.layer_norm_weight",
                          "it holds what decoder.layers.0.mlp.linear_fc1.layer_norm_weight should hold",
                          [](auto& m) { exchange(m, kLayer + "input_layernorm.weight", kLayer + "post_attention_layernorm.weight"); }));
  all.push_back(converted("output layer tied by mistake", "llama3", "output_layer.weight", "it holds what embedding.word_embeddings.weight should hold",
                          [](auto& m) { m["lm_head.weight"] = m[kEmbedding]; }));
  all.push_back(converted("vocabulary moved by one", "llama3", "embedding.word_embeddings.weight", "the rows are moved down by 1",
                          [](auto& m) { m[kEmbedding] = reordered(m[kEmbedding], moved_by_one(40)); }));
  all.push_back(converted("columns in another order", "llama3", "decoder.layers.0.mlp.linear_fc2.weight", "the columns are in another order", [](auto& m) {
    auto order = counted(24);
    std::swap(order[3], order[7]);
    std::swap(order[11], order[20]);
    m[kDown] = transposed(reordered(transposed(m[kDown]), order));
  }));
}

void add_values(std::vector<Mutation>& all) {
  const std::string norm = "decoder.layers.0.self_attention.linear_qkv.layer_norm_weight", fc2 = "decoder.layers.0.mlp.linear_fc2.weight";
  const auto shift = [](float by) { return [by](ModelFolder& m) { change(m[kLayer + "input_layernorm.weight"], [by](float x, std::size_t) { return x + by; }); }; };
  const auto values = [](std::function<float(float, std::size_t)> of) { return [of = std::move(of)](ModelFolder& m) { change(m[kDown], of); }; };
  all.push_back(converted("norm less one", "llama3", norm, "1 too small", shift(-1)));
  all.push_back(converted("norm and one", "gemma3", norm, "1 too large", shift(1)));
  all.push_back(converted("rounded to FP8", "llama3", fc2, "it is rounded to FP8 E4M3", values([](float x, std::size_t) { return rounded(x, 3); })));
  all.push_back(converted("rounded to FP8 of the other kind", "llama3", fc2, "it is rounded to FP8 E5M2", values([](float x, std::size_t) { return rounded(x, 2); })));
  all.push_back(converted("scaled", "llama3", "embedding.word_embeddings.weight", "4 times what they should be",
                          [](auto& m) { change(m[kEmbedding], [](float x, std::size_t) { return 4 * x; }); }));
  all.push_back(converted("sign turned round", "llama3", fc2, "the sign is turned round", values([](float x, std::size_t) { return -x; })));
  all.push_back(converted("bytes in the other order", "llama3", fc2, "the bytes of each element are in the other order", [](auto& m) {
    for (std::size_t i = 0; i < m[kDown].bytes.size(); i += 2) std::swap(m[kDown].bytes[i], m[kDown].bytes[i + 1]);
  }));
  all.push_back(converted("a NaN", "llama3", fc2, "1 elements are no number in row 2",
                          values([](float x, std::size_t i) { return i == 50 ? std::numeric_limits<float>::quiet_NaN() : x; })));
  all.push_back(converted("zeros", "llama3", fc2, "elements are 0: they were never written", values([](float, std::size_t) { return 0.0F; })));
  all.push_back(converted("filled with one value", "llama3", fc2, "elements are all 0.5", values([](float, std::size_t) { return 0.5F; })));
  all.push_back(converted("end of the vocabulary zero", "llama3", "embedding.word_embeddings.weight", "elements are 0 in rows 32 to 39",
                          [](auto& m) { change(m[kEmbedding], [](float x, std::size_t i) { return i >= 512 ? 0 : x; }); }));
  all.push_back(converted("some rows overwritten", "llama3", fc2, "only elements in rows 3 to 5 differ",
                          values([](float x, std::size_t i) { return i >= 72 && i < 144 ? x * static_cast<float>(i % 5) + 0.25F : x; })));
  all.push_back(converted("scales of FP8 changed", "deepseek-v3-fp8", "decoder.layers.0.mlp.linear_fc2.weight", "2 times what they should be",
                          [](auto& m) { change(m[kLayer + "mlp.down_proj.weight_scale_inv"], [](float x, std::size_t) { return 2 * x; }); }));
}

}  // namespace

std::vector<Mutation> weight_mutations() {
  std::vector<Mutation> all;
  add_arrangements(all);
  add_values(all);
  return all;
}

}  // namespace weighbridge::test
