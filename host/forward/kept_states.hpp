#pragma once
// The states of the side that is run first, until the other side has come as far: in a file without a name, because those of
// many layers are larger than the memory of a run.

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>

#include "tensor/result.hpp"

namespace weighbridge {

class KeptStates {
 public:
  static Result<KeptStates> make();

  // Keeps the values of a layer, the last ones where there are several of a number.
  Status keep(std::int64_t layer, std::int64_t columns, const float* values, std::size_t count);

  struct State {
    std::int64_t columns{};
    std::vector<float> values;
  };
  // Empty of what was never kept.
  Result<State> of(std::int64_t layer) const;
  std::int64_t layers() const { return static_cast<std::int64_t>(places_.size()); }

 private:
  struct Place {
    long offset{};
    std::int64_t columns{};
    std::size_t count{};
  };
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::map<std::int64_t, Place> places_;
};

}  // namespace weighbridge
