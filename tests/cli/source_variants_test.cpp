// The same model in other files: experts packed into one tensor, layers listed or counted, prediction layers left out, rows
// scaled. Golden sources are rewritten for it.

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <tuple>
#include <utility>

#include "checkpoints/safetensors_bytes.hpp"
#include "cli/program_run.hpp"

namespace weighbridge {
namespace {

using test::content;
using test::golden;
using test::run_weighbridge;
using testing::HasSubstr;

struct Stored {
  boost::json::array shape;
  std::string dtype, bytes;
};
using Tensors = std::map<std::string, Stored>;

Tensors tensors_of(const std::filesystem::path& file) {
  const auto all = content(file);
  std::uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8U | static_cast<unsigned char>(all[static_cast<std::size_t>(i)]);
  const auto header = boost::json::parse(all.substr(8, size));
  Tensors tensors;
  for (const auto& [name, entry] : header.as_object()) {
    if (name == "__metadata__") continue;
    const auto begin = entry.at("data_offsets").at(0).to_number<std::size_t>(), end = entry.at("data_offsets").at(1).to_number<std::size_t>();
    tensors[name] = {entry.at("shape").as_array(), std::string{entry.at("dtype").as_string()}, all.substr(8 + size + begin, end - begin)};
  }
  return tensors;
}

std::string file_of(const Tensors& tensors) {
  boost::json::object header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {data.size(), data.size() + tensor.bytes.size()}}};
    data += tensor.bytes;
  }
  return test::safetensors_bytes(boost::json::serialize(header), data);
}

// Gate above up of every expert after those of another, and likewise down.
void pack_experts(Tensors& tensors, const std::string& layer, std::int64_t experts, const std::string& suffix) {
  const auto at = layer + "mlp.experts.";
  const auto shape = tensors.at(at + "0.gate_proj.weight").shape;
  const auto width = shape[0].to_number<std::int64_t>(), hidden = shape[1].to_number<std::int64_t>();
  Stored first{{experts, 2 * width, hidden}, "BF16", {}}, second{{experts, hidden, width}, "BF16", {}};
  for (std::int64_t e = 0; e < experts; ++e) {
    const auto take = [&](const char* name) {
      const auto found = tensors.extract(at + std::to_string(e) + name);
      return found.mapped().bytes;
    };
    first.bytes += take(".gate_proj.weight");
    first.bytes += take(".up_proj.weight");
    second.bytes += take(".down_proj.weight");
  }
  tensors[at + "gate_up_proj" + suffix] = first;
  tensors[at + "down_proj" + suffix] = second;
}

class SourceVariants : public testing::Test {
 protected:
  // A copy of a golden source with other tensors and another config.json.
  std::filesystem::path rewritten(const std::string& name, const std::function<void(Tensors&)>& tensors,
                                  const std::function<void(boost::json::object&)>& config = [](auto&) {}) {
    const auto hf = folder / ("hf-" + std::to_string(count++));
    std::filesystem::copy(golden(name + "/hf"), hf, std::filesystem::copy_options::recursive);
    auto found = tensors_of(hf / "model.safetensors");
    tensors(found);
    std::ofstream{hf / "model.safetensors", std::ios::binary} << file_of(found);
    auto document = boost::json::parse(content(hf / "config.json")).as_object();
    config(document);
    std::ofstream{hf / "config.json"} << boost::json::serialize(document);
    return hf;
  }
  test::Ran import(const std::filesystem::path& hf, const std::filesystem::path& megatron) {
    return run_weighbridge({"import", "--hf-model", hf, "--megatron-path", megatron, "--no-progress"});
  }
  static void expect_same(const std::filesystem::path& one, const std::filesystem::path& other) {
    const auto compared = run_weighbridge({"compare", one, other, "--weights-only", "--no-progress"});
    EXPECT_EQ(compared.code, 0) << compared.out << compared.err;
  }
  test::Ran refused(const std::function<void(boost::json::object&)>& config, const std::string& name = "glm52") {
    return run_weighbridge({"plan", "--hf-model", rewritten(name, [](auto&) {}, config), "--no-progress"});
  }

  test::TemporaryFolder folder;
  int count{};
};

TEST_F(SourceVariants, PackedExpertsAreTheSameModelAndComeBack) {
  ASSERT_EQ(import(golden("glm45/hf"), folder / "apart").code, 0);
  for (const auto* suffix : {"", ".weight"}) {
    const auto hf = rewritten("glm45", [&](Tensors& tensors) {
      pack_experts(tensors, "model.layers.1.", 3, suffix);
      pack_experts(tensors, "model.layers.2.", 3, suffix);
    });
    const auto megatron = folder / ("packed" + std::string{suffix});
    const auto imported = import(hf, megatron);
    ASSERT_EQ(imported.code, 0) << imported.err;
    expect_same(folder / "apart", megatron);
    const auto exported = run_weighbridge({"export", "--megatron-path", megatron, "--hf-path", folder / "back", "--hf-model", hf, "--no-progress", "--overwrite"});
    ASSERT_EQ(exported.code, 0) << exported.err;
    expect_same(hf, folder / "back");
    const auto judged = run_weighbridge({"verify", "--forward", "--hf-model", hf, "--megatron-path", megatron, "--expected",
                                         golden("glm45/expected/logits.safetensors"), "--no-progress"});
    EXPECT_EQ(judged.code, 0) << judged.out << judged.err;
  }
}

// Rows of one output projection as codes 0x38 + 8k, which are 2^k, and a scale for each row: 1/2, 2, 1/2 …
TEST_F(SourceVariants, RowsScaledUnderTheNameOfCompressedTensorsAreValues) {
  const auto name = std::string{"model.layers.0.self_attn.o_proj.weight"};
  const auto fill = [&](Tensors& tensors, bool scaled) {
    auto& weight = tensors.at(name);
    const auto rows = weight.shape[0].to_number<int>(), columns = weight.shape[1].to_number<int>();
    const auto bfloat16 = [](std::string& bytes, int exponent) {  // 2^exponent
      const auto bits = static_cast<unsigned>(exponent + 127) << 7U;
      bytes += static_cast<char>(bits & 0xFFU);
      bytes += static_cast<char>(bits >> 8U);
    };
    std::string codes, plain, scales;
    for (int i = 0; i < rows; ++i) {
      bfloat16(scales, i % 2 == 0 ? -1 : 1);
      for (int j = 0; j < columns; ++j) {
        const auto power = (i + j) % 5 - 2;
        codes += static_cast<char>(0x38 + 8 * power);
        bfloat16(plain, power + (i % 2 == 0 ? -1 : 1));
      }
    }
    weight.bytes = scaled ? codes : plain;
    if (!scaled) return;
    weight.dtype = "F8_E4M3";
    tensors[name + "_scale"] = {{rows, 1}, "BF16", scales};
  };
  const auto plain = rewritten("glm45", [&](Tensors& tensors) { fill(tensors, false); });
  const auto scaled = rewritten("glm45", [&](Tensors& tensors) { fill(tensors, true); });
  ASSERT_EQ(import(plain, folder / "plain").code, 0);
  const auto imported = import(scaled, folder / "scaled");
  ASSERT_EQ(imported.code, 0) << imported.err;
  expect_same(folder / "plain", folder / "scaled");
  const auto exported = run_weighbridge({"export", "--megatron-path", folder / "scaled", "--hf-path", folder / "back", "--hf-model", scaled, "--quantize",
                                         "reference", "--no-progress"});
  ASSERT_EQ(exported.code, 0) << exported.err;
  expect_same(scaled, folder / "back");
}

TEST_F(SourceVariants, PredictionLayersThatAreCountedButLeftOutAreTold) {
  for (const auto* name : {"glm45", "glm47-flash"}) {
    const auto hf = rewritten(name, [](Tensors& tensors) { std::erase_if(tensors, [](const auto& entry) { return entry.first.starts_with("model.layers.2."); }); });
    const auto megatron = folder / name;
    const auto imported = import(hf, megatron);
    ASSERT_EQ(imported.code, 0) << imported.err;
    EXPECT_THAT(imported.out, HasSubstr("num_nextn_predict_layers is not 0, but the source holds no such layers")) << name;
    const auto exported = run_weighbridge({"export", "--megatron-path", megatron, "--hf-path", folder / "back", "--hf-model", hf, "--no-progress", "--overwrite"});
    ASSERT_EQ(exported.code, 0) << exported.err;
    EXPECT_EQ(boost::json::parse(content(folder / "back/config.json")), boost::json::parse(content(hf / "config.json")));
    expect_same(hf, folder / "back");
  }
}

// Which layers have an indexer may be listed, drawn or counted.
TEST_F(SourceVariants, SharedIndexersAreReadInEverySpelling) {
  ASSERT_EQ(import(golden("glm52/hf"), folder / "listed").code, 0);
  const auto drop = [](boost::json::object& c) { for (const auto* field : {"indexer_types", "index_topk_freq", "index_skip_topk_offset"}) c.erase(field); };
  const std::function<void(boost::json::object&)> spellings[] = {
      [&](auto& c) { drop(c); c["index_topk_pattern"] = "FSF"; },
      [&](auto& c) { drop(c); c["indexer_types"] = {"full", "shared", "full"}; },
      [&](auto& c) { c.erase("indexer_types"); },
  };
  for (const auto& spelling : spellings) {
    const auto megatron = folder / ("megatron-" + std::to_string(count));
    const auto imported = import(rewritten("glm52", [](auto&) {}, spelling), megatron);
    ASSERT_EQ(imported.code, 0) << imported.err;
    expect_same(folder / "listed", megatron);
    EXPECT_THAT(content(megatron / "iter_0000000/run_config.yaml"), HasSubstr("dsa_indexer_topk_freq: 2"));
    EXPECT_THAT(content(megatron / "iter_0000000/run_config.yaml"), HasSubstr("dsa_indexer_skip_topk_offset: 1"));
  }
}

TEST_F(SourceVariants, IndexersThatMegatronCannotCountAreRefused) {
  const auto first = refused([](auto& c) { c["indexer_types"] = {"shared", "full", "full"}; });
  EXPECT_NE(first.code, 0);
  EXPECT_THAT(first.err, HasSubstr("the first layer's indexer is shared"));
  const auto few = refused([](auto& c) { c["indexer_types"] = {"full", "full"}; });
  EXPECT_THAT(few.err, HasSubstr("indexer_types names 2 layers; num_hidden_layers is 3"));
  const auto irregular = refused([](auto& c) {
    c["num_hidden_layers"] = 6;
    c["indexer_types"] = {"full", "shared", "full", "shared", "shared", "full"};
  });
  EXPECT_THAT(irregular.err, HasSubstr("follow each other irregularly"));
}

TEST_F(SourceVariants, LayersMayBeListedAsDenseAndSparse) {
  ASSERT_EQ(import(golden("glm47-flash/hf"), folder / "counted").code, 0);
  const auto hf = rewritten("glm47-flash", [](auto&) {}, [](auto& c) {
    c.erase("first_k_dense_replace");
    c["mlp_layer_types"] = {"dense", "sparse"};
  });
  const auto imported = import(hf, folder / "listed");
  ASSERT_EQ(imported.code, 0) << imported.err;
  expect_same(folder / "counted", folder / "listed");
}

TEST_F(SourceVariants, PackedExpertsOfOtherMixturesAreReadToo) {
  for (const auto& [name, first] : {std::pair{"hy-v3", 1}, {"ernie45-moe", 1}, {"olmoe", 0}}) {
    SCOPED_TRACE(name);
    ASSERT_EQ(import(golden(name + std::string{"/hf"}), folder / name).code, 0);
    const auto hf = rewritten(name, [&](Tensors& tensors) {
      for (auto layer = first; tensors.contains("model.layers." + std::to_string(layer) + ".mlp.experts.0.up_proj.weight"); ++layer)
        pack_experts(tensors, "model.layers." + std::to_string(layer) + ".", 3, "");
    });
    const auto megatron = folder / (name + std::string{"-packed"});
    const auto imported = import(hf, megatron);
    ASSERT_EQ(imported.code, 0) << imported.err;
    expect_same(folder / name, megatron);
    const auto judged = run_weighbridge({"verify", "--forward", "--hf-model", hf, "--megatron-path", megatron, "--expected",
                                         golden(name + std::string{"/expected/logits.safetensors"}), "--no-progress"});
    EXPECT_EQ(judged.code, 0) << judged.out << judged.err;
  }
}

// HY V3's tensors as transformers calls them, with the layers listed.
TEST_F(SourceVariants, NamesOfTransformersAreReadAndComeBack) {
  ASSERT_EQ(import(golden("hy-v3/hf"), folder / "published").code, 0);
  const auto hf = rewritten("hy-v3", [](Tensors& tensors) {
    Tensors renamed;
    for (const auto& [published, tensor] : tensors) {
      auto name = published;
      for (const auto& [from, to] :
           {std::pair{".mlp.router.gate.", ".mlp.gate."}, {".mlp.expert_bias", ".mlp.e_score_correction_bias"}, {".mlp.shared_mlp.", ".mlp.shared_experts."}})
        if (const auto at = name.find(from); at != std::string::npos) name.replace(at, std::string_view{from}.size(), to);
      renamed[name] = tensor;
    }
    tensors = renamed;
  }, [](auto& c) {
    c.erase("first_k_dense_replace");
    c["mlp_layer_types"] = {"dense", "sparse"};
  });
  const auto imported = import(hf, folder / "megatron");
  ASSERT_EQ(imported.code, 0) << imported.err;
  expect_same(folder / "published", folder / "megatron");
  const auto exported = run_weighbridge({"export", "--megatron-path", folder / "megatron", "--hf-path", folder / "back", "--hf-model", hf, "--no-progress"});
  ASSERT_EQ(exported.code, 0) << exported.err;
  expect_same(hf, folder / "back");
}

TEST_F(SourceVariants, TensorsThatPredictAreCarriedWhereMegatronHasNoPlace) {
  for (const auto& [name, tensor] : {std::pair{"ernie45-moe", "model.mtp_linear_proj.0.weight"}, {"minimax-m2", "model.layers.2.eh_proj.weight"}}) {
    SCOPED_TRACE(name);
    const auto hf = rewritten(name, [&](Tensors& tensors) { tensors[tensor] = {{2, 1}, "BF16", "abcd"}; }, [](auto& c) { c["num_mtp_modules"] = 1; });
    const auto megatron = folder / name;
    const auto imported = import(hf, megatron);
    ASSERT_EQ(imported.code, 0) << imported.err;
    EXPECT_THAT(imported.out, HasSubstr(tensor));
    const auto exported = run_weighbridge({"export", "--megatron-path", megatron, "--hf-path", folder / "back", "--no-progress", "--overwrite"});
    ASSERT_EQ(exported.code, 0) << exported.err;
    expect_same(hf, folder / "back");
  }
}

TEST_F(SourceVariants, WhatMixturesHaveNoPlaceForIsRefusedByName) {
  const std::tuple<const char*, const char*, boost::json::value> cases[] = {
      {"bailing-v2", "use_bias", true},          {"bailing-v2", "score_function", "softmax"}, {"minimax-m2", "scoring_func", "softmax"},
      {"minimax-m2", "qk_norm_type", "per_head"}, {"minimax-m2", "shared_intermediate_size", 8}, {"hy-v3", "attention_bias", true},
      {"hy-v3", "moe_router_use_sigmoid", false}, {"ernie45-moe", "use_bias", true},           {"olmoe", "clip_qkv", 8.0},
      {"olmoe", "attention_bias", true},         {"olmoe", "num_key_value_heads", 2}};
  for (const auto& [name, field, value] : cases) {
    const auto ran = refused([&](auto& c) { c[field] = value; }, name);
    EXPECT_NE(ran.code, 0) << name << " " << field;
    EXPECT_THAT(ran.err, HasSubstr(field)) << name;
  }
}

// A_log of 2 heads is followed by three zeros in the golden source; here by none, and by something else.
TEST_F(SourceVariants, EntriesBehindTheHeadsMayBeLeftOutAndMustBeZeros) {
  const std::string name = "language_model.model.layers.0.self_attn.A_log";
  const auto cut = rewritten("kimi-k3", [&](Tensors& tensors) {
    auto& tensor = tensors.at(name);
    ASSERT_EQ(tensor.shape, (boost::json::array{5}));
    EXPECT_EQ(tensor.bytes.substr(8), std::string(12, '\0'));
    tensor.shape = {2};
    tensor.bytes.resize(8);
  });
  ASSERT_EQ(import(cut, folder / "cut").code, 0);
  ASSERT_EQ(import(golden("kimi-k3/hf"), folder / "padded").code, 0);
  expect_same(folder / "cut", folder / "padded");
  const auto back = run_weighbridge({"export", "--megatron-path", folder / "cut", "--hf-path", folder / "back", "--no-progress"});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_EQ(tensors_of(folder / "back/model.safetensors").at(name).shape, (boost::json::array{2}));

  const auto other = rewritten("kimi-k3", [&](Tensors& tensors) { tensors.at(name).bytes[16] = 1; });
  const auto refused = import(other, folder / "other");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("tensor " + name + ": element 4 is not zero, and Megatron has no place for it: entries behind those of the heads are zeros. "
                                     "Check config.json against the weights; one of them is of another model"));
  EXPECT_FALSE(std::filesystem::exists(folder / "other"));
  const auto verified = run_weighbridge({"verify", "--hf-model", other, "--megatron-path", folder / "padded", "--no-progress"});
  EXPECT_EQ(verified.code, 1);
  EXPECT_THAT(verified.out + verified.err, HasSubstr(name));
}

}  // namespace
}  // namespace weighbridge
