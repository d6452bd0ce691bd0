#pragma once
// The processes that carry out one plan together. Each has made the same plan; each fills its share of the windows; the
// first one makes the files, writes what frames them and publishes.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tensor/result.hpp"

namespace weighbridge {

// Collective functions must be called by every process in the same order, from the thread that made the team.
class Team {
 public:
  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  virtual ~Team() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool leads() const { return rank() == 0; }

  // Collective. Done if all processes are; else everyone gets the error of the first one that failed.
  virtual Status agree(const Status& mine) = 0;
  // Collective. Every element becomes the least, or the sum, of all processes'.
  virtual Status least(std::span<std::uint64_t> values) = 0;
  virtual Status sum(std::span<std::uint64_t> values) = 0;
  virtual Status sum(std::span<std::uint32_t> values) = 0;
  // Collective. The first process's text.
  virtual Status share(std::string& text) = 0;

  // Tells the others that there is no use in going on, and whether one of them has said so. Not collective.
  virtual void give_up() = 0;
  virtual bool others_gave_up() = 0;
};

// One process alone.
Team& alone();

}  // namespace weighbridge
