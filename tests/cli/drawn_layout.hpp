#pragma once
// Pseudo-random parallel layouts, the same on every machine, and where such a layout puts what.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace weighbridge::test {

struct DrawnLayout {
  int tp{1}, pp{1}, vpp{}, ep{1}, etp{}, first{};  // 0: not said
  bool rank_files{};

  bool trivial() const { return tp * pp * ep * std::max(etp, 1) == 1; }
  int expert_tensor() const { return etp > 0 ? etp : tp; }
  std::vector<std::string> words() const {
    std::vector<std::string> made{"--ckpt-format", rank_files ? "torch" : "torch_dist"};
    const auto say = [&](const char* option, int value, int unsaid) {
      if (value != unsaid) made.insert(made.end(), {option, std::to_string(value)});
    };
    say("--tp", tp, 1);
    say("--pp", pp, 1);
    say("--vpp", vpp, 0);
    say("--ep", ep, 1);
    say("--etp", etp, 0);
    say("--decoder-first-pipeline-num-layers", first, 0);
    return made;
  }
  std::string text() const {
    std::string line;
    for (const auto& word : words()) line += (line.empty() ? "" : " ") + word;
    return line;
  }

  // The first layer of a chunk of a stage, of `layers`; stages and chunks that divide.
  int first_layer(int stage, int chunk, int layers) const {
    if (first > 0) return stage == 0 ? 0 : first + (stage - 1) * (layers - first) / (pp - 1);
    const int chunks = std::max(vpp, 1);
    return chunk * (layers / chunks) + stage * (layers / (pp * chunks));
  }

  // Ranks of one stage that write a file: the first with its dense share, or the first with its experts.
  struct Rank {
    int tensor{}, expert{}, expert_tensor{};
  };
  std::vector<Rank> writing_ranks() const {
    std::vector<Rank> ranks;
    for (int rank = 0; rank < std::lcm(tp, ep * expert_tensor()); ++rank)
      if (rank < tp || rank < ep * expert_tensor()) ranks.push_back({rank % tp, rank / expert_tensor() % ep, rank % expert_tensor()});
    return ranks;
  }
};

class Draws {
 public:
  // Of dense models experts are not dealt.
  Draws(const std::string& seed, bool experts) : experts_{experts} {
    std::seed_seq sequence(seed.begin(), seed.end());
    generator_.seed(sequence);
  }
  DrawnLayout layout(bool rank_files) {
    DrawnLayout made;
    made.rank_files = rank_files;
    do {
      made.tp = one_of({1, 1, 2, 2, 3, 4});
      made.pp = one_of({1, 2, 2, 3, 4, 5});
      made.vpp = made.pp > 1 ? one_of({0, 0, 2}) : 0;
      made.ep = experts_ ? one_of({1, 2, 2, 3, 4}) : 1;
      made.etp = experts_ ? one_of({0, 0, 1, 2}) : 0;
      made.first = made.pp > 1 && made.vpp == 0 ? one_of({0, 0, 1}) : 0;
    } while (made.trivial());
    return made;
  }

 private:
  int one_of(const std::vector<int>& choices) { return choices[generator_() % choices.size()]; }
  std::mt19937 generator_;
  bool experts_;
};

}  // namespace weighbridge::test
