#pragma once
// A team whose processes are threads of the test.

#include <barrier>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engine/team.hpp"

namespace weighbridge {

// What the members share. Each collective is: everyone puts something down, waits, looks at all of it, waits.
struct ThreadTeamTable {
  explicit ThreadTeamTable(int size) : barrier{size}, numbers(static_cast<std::size_t>(size)), errors(numbers.size()), texts(numbers.size()) {}
  std::barrier<> barrier;
  std::vector<std::vector<std::uint64_t>> numbers;
  std::vector<std::optional<Error>> errors;
  std::vector<std::string> texts;
  std::atomic<bool> gave_up{};
};

class ThreadTeam final : public Team {
 public:
  ThreadTeam(ThreadTeamTable& table, int rank) : table_{table}, rank_{rank} {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(table_.numbers.size()); }

  Status agree(const Status& mine) override {
    auto& own = table_.errors[static_cast<std::size_t>(rank_)];
    own.reset();
    if (!mine) own = mine.error();
    std::optional<Error> first;
    meet([&] {
      for (const auto& error : table_.errors)  // a process that knows the reason comes before those that were told to stop
        if (error && (!first || (first->kind == Error::Kind::cancelled && error->kind != Error::Kind::cancelled))) first = error;
    });
    return first ? Status{*first} : done();
  }
  Status least(std::span<std::uint64_t> values) override {
    return combine(values, [](auto a, auto b) { return std::min(a, b); });
  }
  Status sum(std::span<std::uint64_t> values) override {
    return combine(values, [](auto a, auto b) { return a + b; });
  }
  Status sum(std::span<std::uint32_t> values) override {
    std::vector<std::uint64_t> wide(values.begin(), values.end());
    auto status = sum(std::span{wide});
    for (std::size_t i = 0; i < wide.size(); ++i) values[i] = static_cast<std::uint32_t>(wide[i]);
    return status;
  }
  Status share(std::string& text) override {
    table_.texts[static_cast<std::size_t>(rank_)] = text;
    meet([&] { text = table_.texts.front(); });
    return done();
  }
  void give_up() override { table_.gave_up = true; }
  bool others_gave_up() override { return table_.gave_up; }

 private:
  template <class Look>
  void meet(Look look) {
    table_.barrier.arrive_and_wait();
    look();
    table_.barrier.arrive_and_wait();
  }
  template <class Operation>
  Status combine(std::span<std::uint64_t> values, Operation operation) {
    table_.numbers[static_cast<std::size_t>(rank_)].assign(values.begin(), values.end());
    meet([&] {
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = table_.numbers.front()[i];
        for (std::size_t other = 1; other < table_.numbers.size(); ++other) values[i] = operation(values[i], table_.numbers[other][i]);
      }
    });
    return done();
  }

  ThreadTeamTable& table_;
  int rank_;
};

}  // namespace weighbridge
