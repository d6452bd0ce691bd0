// The engine against the plain model, over random plans cut in random ways.
#include <string>

#include <gtest/gtest.h>

#include "engine/faulty_files.hpp"
#include "engine/plain_execution.hpp"
#include "engine/random_plan.hpp"
#include "engine/run.hpp"
#include "engine/work_folder.hpp"

namespace weighbridge {
namespace {

class RandomPlans : public testing::TestWithParam<std::uint32_t> {};

TEST_P(RandomPlans, GiveThePlainBytesHoweverCut) {
  constexpr std::uint32_t kEach = 40;
  for (std::uint32_t i = 0; i < kEach; ++i) {
    const auto seed = GetParam() * kEach + i;
    RandomPlan random{seed};
    const WorkFolder folder;
    for (std::size_t source = 0; source < random.sources.size(); ++source)
      random.plan.sources.push_back(folder.write("source/" + std::to_string(source), random.sources[source]));
    const auto expected = plain_files(random.plan, random.sources);

    for (int cut = 0; cut < 4; ++cut) {
      FaultyFiles files;
      files.syncs = false;
      files.cached = cut != 3;  // short transfers around the cache, which the file system refuses
      RunOptions options;
      options.files = &files;
      options.overwrite = true;
      options.max_memory = std::uint64_t{2} << 30;
      options.threads = static_cast<unsigned>(cut % 3 + 1);
      if (cut > 0) {
        options.tuning.window = static_cast<std::uint64_t>(random.number(8, 200));
        options.tuning.scratch = static_cast<std::uint64_t>(random.number(8, 300));
        options.tuning.run = static_cast<std::uint64_t>(random.number(1, 64));
        options.tuning.gap = static_cast<std::uint64_t>(random.number(0, 64));
        if (cut == 3) options.tuning.direct = 1;
        files.interrupt_every = random.number(2, 9);
        files.largest_transfer = static_cast<std::size_t>(random.number(1, 64));
      }
      const auto report = run(random.plan, folder.path() / "out", options);
      ASSERT_TRUE(report) << "seed " << seed << ": " << report.error().text();
      const auto found = contents(folder.path() / "out");
      for (std::size_t file = 0; file < expected.size(); ++file) {
        const auto name = random.plan.files[file].path.string();
        ASSERT_EQ(found.at(name), expected[file]) << "seed " << seed << ", cut " << cut << ", file " << name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPlans, testing::Range(0u, 8u));

TEST(RandomPlans, ReachWhatTheyAreFor) {
  int tensors = 0, padded = 0, narrow = 0, deep = 0, backwards = 0, repeated = 0, computed = 0;
  for (std::uint32_t seed = 0; seed < 320; ++seed) {
    const RandomPlan random{seed};
    for (const auto& tensor : random.plan.tensors) {
      ++tensors;
      padded += tensor.padded;
      narrow += bits(tensor.dtype) < 8;
      for (const auto& copy : tensor.copies) {
        deep += copy.loops.size() == 5;
        computed += copy.operation != ElementOperation::none;
        for (const auto& loop : copy.loops) backwards += loop.source_stride < 0, repeated += loop.source_stride == 0;
      }
    }
  }
  EXPECT_GT(tensors, 500);
  for (const auto count : {padded, narrow, deep, backwards, repeated, computed}) EXPECT_GT(count, 50);
}

}  // namespace
}  // namespace weighbridge
