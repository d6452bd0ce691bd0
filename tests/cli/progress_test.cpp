#include "cli/progress.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace weighbridge {
namespace {

using namespace std::chrono_literals;

TEST(ProgressLine, ShowsBarAmountsRateTimeAndTensor) {
  EXPECT_EQ(progress_line({4'000'000'000, 16'000'000'000, 1e9, "decoder.layers.3.mlp"}, 120),
            " 25% [######                  ] 4.00 GB of 16.0 GB, 1.00 GB/s, 12.0 s left, decoder.layers.3.mlp");
}

TEST(ProgressLine, LeavesOutWhatDoesNotFit) {
  const ProgressState state{4'000'000'000, 16'000'000'000, 1e9, "decoder.layers.3.mlp"};
  EXPECT_EQ(progress_line(state, 4), " 25%");
  EXPECT_EQ(progress_line(state, 60), " 25% 4.00 GB of 16.0 GB, 1.00 GB/s, 12.0 s left, decod...mlp");
  for (unsigned columns = 0; columns < 130; ++columns) EXPECT_LE(progress_line(state, columns).size(), columns);
}

TEST(ProgressLine, IsDoneOnlyAtTheEnd) {
  EXPECT_EQ(progress_line({999, 1000, 0, ""}, 80), " 99% [####################### ] 999 B of 1.00 kB");
  EXPECT_EQ(progress_line({1000, 1000, 0, ""}, 80), "100% [########################] 1.00 kB of 1.00 kB");
  EXPECT_EQ(progress_line({0, 0, 0, ""}, 6), "100%");
}

TEST(ProgressLine, ShowsNoControlCharacterOfAName) {
  EXPECT_EQ(plain_progress_line({0, 10, 0, "a\x1b[2J\nb"}), "  0%, 0 B of 10 B, a?[2J?b");
}

struct Watched {
  explicit Watched(bool terminal) : console{out, err, terminal, 60} {}
  void tell(std::uint64_t done, std::chrono::milliseconds at) {
    time = at;
    printer({done, 1000, "t"});
  }
  std::ostringstream out, err;
  Console console;
  std::chrono::milliseconds time{};
  ProgressPrinter printer{console, [this] { return ProgressPrinter::Clock::time_point{time}; }};
};

TEST(ProgressPrinter, PrintsAPlainLineAfterATenthOrTenSeconds) {
  Watched watched{false};
  watched.tell(0, 0ms);
  watched.tell(500, 500ms);  // a quick run stays silent
  EXPECT_EQ(watched.err.str(), "");
  watched.tell(500, 1000ms);
  watched.tell(550, 5000ms);
  watched.tell(560, 12000ms);
  const auto text = watched.err.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_EQ(text.rfind(" 50%, 500 B of 1.00 kB", 0), 0U) << text;
  EXPECT_NE(text.find("\n 56%, 560 B"), std::string::npos) << text;
  EXPECT_EQ(watched.out.str(), "");
}

TEST(ProgressPrinter, RedrawsOneLineOnATerminalAndClearsIt) {
  std::ostringstream out, err;
  Console console{out, err, true, 60};
  {
    ProgressPrinter printer{console, [] { return ProgressPrinter::Clock::time_point{}; }};
    printer({0, 1000, "a"});
    printer({1000, 1000, "b"});
  }
  EXPECT_EQ(err.str(),
            "\r  0% [                        ] 0 B of 1.00 kB, a\x1b[K"
            "\r100% [########################] 1.00 kB of 1.00 kB, b\x1b[K"
            "\r\x1b[K");
}

}  // namespace
}  // namespace weighbridge
