#pragma once
// Makes a part of a planned output tensor in memory.

#include <cstddef>
#include <filesystem>
#include <list>
#include <optional>
#include <span>
#include <stop_token>

#include "engine/files.hpp"
#include "engine/run.hpp"
#include "engine/tensor_copies.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// For one thread. Plan and files must outlive it; the plan must have passed check_plan.
class WindowReader {
 public:
  WindowReader(const Plan& plan, Files& files, const Tuning& tuning, std::stop_token stop);

  // Puts bytes [begin, end) of tensor number `tensor` into `target`, which must have room for them. A window must not
  // cut an element. Windows of one tensor are best asked for in a row.
  Status fill(std::size_t tensor, std::int64_t begin, std::int64_t end, std::span<std::byte> target, std::span<std::byte> scratch);

 private:
  struct OpenFile {
    std::uint32_t source{};
    Descriptor descriptor;
  };
  Result<int> descriptor_of(std::uint32_t source);

  const Plan* plan_;
  Files* files_;
  Tuning tuning_;
  std::stop_token stop_;
  std::list<OpenFile> open_;  // last used first
  std::optional<std::size_t> tensor_;  // whose copies are prepared
  std::optional<TensorCopies> copies_;
};

}  // namespace weighbridge
