#include "engine/team.hpp"

namespace weighbridge {
namespace {

class Alone final : public Team {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  Status agree(const Status& mine) override { return mine; }
  Status least(std::span<std::uint64_t>) override { return done(); }
  Status sum(std::span<std::uint64_t>) override { return done(); }
  Status sum(std::span<std::uint32_t>) override { return done(); }
  Status share(std::string&) override { return done(); }
  void give_up() override {}
  bool others_gave_up() override { return false; }
};

}  // namespace

Team& alone() {
  static Alone team;
  return team;
}

}  // namespace weighbridge
