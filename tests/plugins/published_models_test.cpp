// The published models that a manifest lists are models of its family: the plugin translates their configurations, and by its
// equations they have as many parameters as the manifest says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "cli/inspect_text.hpp"
#include "families/call.hpp"
#include "families/variants.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

// Every folder of plugins/ is a plugin of that name.
std::vector<std::string> own_plugins() {
  std::vector<std::string> ids;
  for (const auto& entry : fs::directory_iterator{WEIGHBRIDGE_PLUGIN_SOURCES})
    if (fs::exists(entry.path() / (entry.path().filename().string() + ".json"))) ids.push_back(entry.path().filename().string());
  std::ranges::sort(ids);
  return ids;
}

// Elements of all tensors that the equations speak of. Values that are stored in blocks count, their scales do not.
std::int64_t elements_of(const EquationSet& set) {
  std::int64_t count = 0;
  for (const auto& leaf : set.algebra.leaves())
    if (!leaf.storage) count += element_count(leaf.shape).value_or(0);
  return count;
}

class PublishedModels : public ::testing::TestWithParam<std::string> {};

TEST_P(PublishedModels, HaveAsManyParametersAsIsSaid) {
  auto registry = Registry::scan({fs::path{WEIGHBRIDGE_PLUGINS}});
  const auto manifest = std::ranges::find(registry.manifests(), GetParam(), &Manifest::id);
  ASSERT_NE(manifest, registry.manifests().end());
  ASSERT_EQ(manifest->variants_file, fs::path{WEIGHBRIDGE_PLUGINS} / (GetParam() + ".variants.json"));
  const auto variants = read_variants(*manifest);
  ASSERT_TRUE(variants) << variants.error().text();
  ASSERT_FALSE(variants->empty());
  for (const auto& variant : *variants) {
    SCOPED_TRACE(variant.name);
    const ConfigDocument config{variant.config};
    ASSERT_EQ(config.string("architectures.0"), variant.architecture);
    const auto family = registry.find(variant.architecture, "");
    ASSERT_TRUE(family) << family.error().text();
    std::vector<std::string> notes;
    const auto megatron = to_megatron(*family, config, notes);
    ASSERT_TRUE(megatron) << megatron.error().text();
    const auto equations = state_equations(*family, config, nullptr, notes, &*megatron);
    ASSERT_TRUE(equations) << equations.error().text();
    EXPECT_EQ(readable_parameters(elements_of(*equations)), variant.parameters) << elements_of(*equations);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PublishedModels, ::testing::ValuesIn(own_plugins()), [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace weighbridge
