// pack and unpack as commands: their words, their reports, their exit codes.
#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "cli/pack_report.hpp"
#include "cli/run_words.hpp"
#include "engine/work_folder.hpp"

namespace weighbridge {
namespace {

using testing::HasSubstr;

TEST(PackCommand, PacksAndUnpacksWithReportsForPrograms) {
  const WorkFolder work;
  work.write("model/config.json", std::string(10000, 'x'));
  work.write("model/sub/empty", "");
  const std::string archive = work.path() / "model.wbz";
  const auto packed = run_words({"pack", work.path() / "model", archive, "--json", "--threads", "1"});
  ASSERT_EQ(packed.code, 0) << packed.out;
  const auto report = boost::json::parse(packed.out);
  EXPECT_EQ(report.at("command"), "pack");
  EXPECT_EQ(report.at("files").to_number<int>(), 2);
  EXPECT_EQ(report.at("folders").to_number<int>(), 1);
  EXPECT_EQ(report.at("pieces").to_number<int>(), 1);
  EXPECT_EQ(report.at("bytes_read").to_number<int>(), 10000);
  EXPECT_EQ(report.at("bytes_written").to_number<std::uint64_t>(), std::filesystem::file_size(archive));
  EXPECT_GT(report.at("ratio").to_number<double>(), 30);
  EXPECT_EQ(report.at("threads").to_number<int>(), 1);
  EXPECT_GT(report.at("peak_memory_bytes").to_number<std::uint64_t>(), 1u << 20);
  EXPECT_EQ(report.at("tensors").at("bytes").to_number<int>(), 0);

  const auto unpacked = run_words({"unpack", archive, work.path() / "back", "--json"});
  ASSERT_EQ(unpacked.code, 0) << unpacked.out;
  EXPECT_EQ(boost::json::parse(unpacked.out).at("bytes_written").to_number<int>(), 10000);
  EXPECT_EQ(contents(work.path() / "back"), contents(work.path() / "model"));
}

TEST(PackCommand, ErrorsAreOneLineAndAnExitCode) {
  const WorkFolder work;
  work.write("model/config.json", "{}");
  const std::string archive = work.path() / "model.wbz";
  EXPECT_EQ(run_words({"pack", work.path() / "model"}).code, 2);
  const auto none = run_words({"unpack", archive, work.path() / "out", "--no-progress"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("cannot be opened"));
  ASSERT_EQ(run_words({"pack", work.path() / "model", archive, "--no-progress"}).code, 0);
  const auto again = run_words({"pack", work.path() / "model", archive, "--no-progress"});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("the destination exists. Name another file, or replace this one with --overwrite."));
  EXPECT_EQ(run_words({"pack", work.path() / "model", archive, "--no-progress", "--overwrite"}).code, 0);
}

TEST(PackCommand, TellsPeopleTheRatioThePeakAndWhatIsMissing) {
  PackReport report;
  report.files = 3;
  report.folders = 1;
  report.bytes_read = 3'000'000'000;
  report.bytes_written = 2'000'000'000;
  report.tensor_bytes = 2'900'000'000;
  report.tensor_stored = 1'930'000'000;
  report.seconds = 2;
  report.peak_resident = 64 << 20;
  report.threads = 2;
  report.left_out = {{"latest", "a link to something other than a file"}};
  EXPECT_EQ(pack_text(report, "model", "model.wbz"),
            "Packed model -> model.wbz\n"
            "  content     3 files, 1 folder\n"
            "  bytes       3.00 GB read, 2.00 GB written, ratio 1.500\n"
            "  time        2.00 s, 1.50 GB/s, 2 threads\n"
            "  memory      64.0 MiB at most\n"
            "  tensors     2.90 GB, ratio 1.503\n"
            "  left out    latest: a link to something other than a file\n");
}

}  // namespace
}  // namespace weighbridge
