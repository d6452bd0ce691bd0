// Every mutation of the table is caught by `weighbridge verify`, and named. The table is written to mutation_table.txt in the
// folder of the build.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "cli/program_run.hpp"
#include "mutations/mutation.hpp"

namespace weighbridge::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view field) {
  const auto* value = object.if_contains(field);
  return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

// The difference that says what the mutation should be called; nothing if there is none.
std::optional<json::object> named(const Mutation& mutation, const json::object& report) {
  const auto* differences = report.if_contains("differences");
  if (differences == nullptr) return {};
  for (const auto& entry : differences->as_array()) {
    const auto& difference = entry.as_object();
    if (text_of(difference, "kind") == mutation.kind && text_of(difference, "name").find(mutation.name) != std::string::npos &&
        text_of(difference, "cause").find(mutation.cause) != std::string::npos)
      return difference;
  }
  return {};
}

// A model of the golden folder in float32, for what is lost when it is rounded.
bool is_wide(const Mutation& mutation) { return mutation.what.starts_with("a float32 model"); }

ModelFolder golden_model(const Mutation& mutation) {
  auto model = ModelFolder::read(golden(mutation.model + "/hf"));
  if (!is_wide(mutation)) return model;
  for (auto& [name, tensor] : model.tensors) tensor = widened(tensor);
  model.config["torch_dtype"] = "float32";
  return model;
}

class MutationTable : public testing::Test {
 protected:
  // Gives the program's answer on the two folders, one of which is spoilt.
  Ran verified(const Mutation& mutation) {
    const TemporaryFolder folder;
    auto model = golden_model(mutation);
    if (is_wide(mutation)) model.write(folder / "hf");
    else fs::copy(golden(mutation.model + "/hf"), folder / "hf", fs::copy_options::recursive);
    if (mutation.spoilt == Spoilt::converted) mutation.change(model);
    if (mutation.spoilt == Spoilt::converted) model.write(folder / "source");
    std::vector<std::string> import{"import", "--hf-model", mutation.spoilt == Spoilt::converted ? folder / "source" : folder / "hf",
                                    "--megatron-path", folder / "megatron", "--no-progress"};
    import.insert(import.end(), mutation.import_options.begin(), mutation.import_options.end());
    const auto imported = run_weighbridge(import);
    EXPECT_EQ(imported.code, 0) << imported.err;
    const auto verify = [&] { return run_weighbridge({"verify", "--hf-model", folder / "hf", "--megatron-path", folder / "megatron", "--json"}); };
    if (mutation.spoilt != Spoilt::converted) {
      const auto whole = verify();
      EXPECT_EQ(whole.code, 0) << "before it was spoilt: " << whole.out << whole.err;
    }
    if (mutation.spoilt == Spoilt::hugging_face) {
      mutation.change(model);
      fs::remove_all(folder / "hf");
      model.write(folder / "hf");
    }
    if (mutation.change_files) mutation.change_files(folder / (mutation.spoilt == Spoilt::megatron_files ? "megatron" : "hf"));
    return verify();
  }
};

TEST_F(MutationTable, EveryOneIsCaughtAndNamed) {
  std::vector<Mutation> all = weight_mutations();
  for (auto&& more : {model_mutations(), file_mutations()}) all.insert(all.end(), more.begin(), more.end());
  std::string table = fmt::format("{:<42} {:<16} {:<11} {}\n", "mutation", "checkpoint", "caught as", "named");
  std::size_t caught = 0;
  for (const auto& mutation : all) {
    SCOPED_TRACE(mutation.what);
    const auto ran = verified(mutation);
    EXPECT_EQ(ran.code, 1) << ran.out << ran.err;
    std::string said;
    if (mutation.kind == "error") {
      EXPECT_THAT(ran.out + ran.err, testing::HasSubstr(mutation.name));
      EXPECT_THAT(ran.out + ran.err, testing::HasSubstr(mutation.cause));
      said = mutation.name;
    } else {
      const auto report = ran.out.starts_with("{") ? json::parse(ran.out).as_object() : json::object{};
      const auto found = named(mutation, report);
      EXPECT_TRUE(found) << ran.out;
      if (!found) continue;
      said = text_of(*found, "name") + ": ";
      if (mutation.kind == "config" || text_of(*found, "cause").empty()) said += text_of(*found, "actual") + ", expected " + text_of(*found, "expected") + "; ";
      said += text_of(*found, "cause");
    }
    ++caught;
    table += fmt::format("{:<42} {:<16} {:<11} {}\n", mutation.what, mutation.model, mutation.kind, said);
  }
  EXPECT_GE(all.size(), 40U);
  table += fmt::format("{} of {} mutations caught and named\n", caught, all.size());
  std::ofstream{WEIGHBRIDGE_MUTATION_TABLE} << table;
}

// compare has no equations; it knows what a tensor's name says, and the rest is the same.
TEST_F(MutationTable, CompareNamesTheCausesOfTwoOfOneKind) {
  struct Expected {
    std::string mutation, hugging_face, of_hugging_face, megatron, of_megatron;
  };
  const std::string layer = "model.layers.0.", decoder = "decoder.layers.0.";
  const Expected all[] = {
      {"gate and up exchanged", layer + "mlp.gate_proj.weight", "it holds what model.layers.0.mlp.up_proj.weight should hold", decoder + "mlp.linear_fc1.weight",
       "gate and up have changed places"},
      {"query, key, value not interleaved", layer + "self_attn.q_proj.weight", "", decoder + "self_attention.linear_qkv.weight",
       "query, key and value lie one after the other, not interleaved by query group"},
      {"query transposed", layer + "self_attn.q_proj.weight", "it is transposed", decoder + "self_attention.linear_qkv.weight", ""},
      {"rotary pairs interleaved", layer + "self_attn.k_proj.weight", "the rows of k_proj are in the order of interleaved rotary pairs",
       decoder + "self_attention.linear_qkv.weight", ""},
      {"layers exchanged", layer + "mlp.down_proj.weight", "layers are in another order: it holds layer 1's", decoder + "mlp.linear_fc2.weight",
       "layers are in another order: it holds layer 1's"},
      {"experts rotated", layer + "mlp.experts.0.down_proj.weight", "experts are in another order: it holds expert 1's", "", ""},
      {"norm less one", layer + "input_layernorm.weight", "every element is 1 too small", decoder + "self_attention.linear_qkv.layer_norm_weight", "every element is 1 too small"},
      {"rounded to FP8", layer + "mlp.down_proj.weight", "it is rounded to FP8 E4M3", decoder + "mlp.linear_fc2.weight", "it is rounded to FP8 E4M3"},
      {"end of the vocabulary zero", "model.embed_tokens.weight", "elements are 0 in rows 32 to 39", "embedding.word_embeddings.weight", "elements are 0 in rows 32 to 39"},
  };
  const auto mutations = weight_mutations();
  for (const auto& expected : all) {
    SCOPED_TRACE(expected.mutation);
    const auto mutation = std::ranges::find(mutations, expected.mutation, &Mutation::what);
    ASSERT_NE(mutation, mutations.end());
    const TemporaryFolder folder;
    auto model = golden_model(*mutation);
    model.write(folder / "hf");
    mutation->change(model);
    model.write(folder / "spoilt-hf");
    for (const std::string side : {"", "spoilt-"}) {
      const auto ran = run_weighbridge({"import", "--hf-model", folder / (side + "hf"), "--megatron-path", folder / (side + "megatron"), "--no-progress"});
      ASSERT_EQ(ran.code, 0) << ran.err;
    }
    const auto expect_named = [&](const std::string& kind, const std::string& name, const std::string& cause) {
      if (name.empty()) return;
      const auto ran = run_weighbridge({"compare", folder / kind, folder / ("spoilt-" + kind), "--json"});
      EXPECT_EQ(ran.code, 1) << ran.out << ran.err;
      Mutation wanted = *mutation;
      wanted.name = name;
      wanted.cause = cause;
      EXPECT_TRUE(named(wanted, json::parse(ran.out).as_object())) << ran.out;
    };
    expect_named("hf", expected.hugging_face, expected.of_hugging_face);
    expect_named("megatron", expected.megatron, expected.of_megatron);
  }
}

}  // namespace
}  // namespace weighbridge::test
