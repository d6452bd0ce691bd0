// Every mutation of the table is caught by `weighbridge verify`, and named. The table is written to mutation_table.txt in the
// folder of the build.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

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

}  // namespace
}  // namespace weighbridge::test
