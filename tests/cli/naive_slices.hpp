#pragma once
// What every rank of a Megatron job holds, cut out of whole tensors the plain way: by the names of Megatron's modules,
// whether they are column-parallel, row-parallel or neither. It knows nothing of how the program decides.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.hpp"
#include "tensor/shape.hpp"

namespace weighbridge::test {

struct PlainTensor {
  DType dtype{};
  Shape shape;
  std::string bytes;  // row-major
};

// Share `rank` of `ranks` along an axis, which must divide.
PlainTensor slice(const PlainTensor& tensor, std::size_t axis, std::int64_t rank, std::int64_t ranks);
PlainTensor join_rows(const std::vector<PlainTensor>& parts);

// How a module's tensor lies on its tensor-parallel ranks.
enum class Dealt { whole, rows, halves_of_rows, columns };
Dealt dealt(std::string_view live_name, bool gated, bool head_norms_dealt = false);

// The whole parameters of a model, by live name or key of torch_dist.
class WholeModel {
 public:
  // `head_norms_dealt`: norms over all heads of queries and keys lie on the ranks like the heads.
  explicit WholeModel(const std::string& safetensors, bool head_norms_dealt = false);

  int layers(const std::string& stack) const;  // "decoder.layers."
  std::string backbone() const;                // "language_model." or nothing
  int experts() const;                         // of a mixture

  // What share `rank` of `ranks` of a parameter is. `live_name` counts layers and experts of the whole model:
  // "decoder.layers.3.mlp.experts.linear_fc1.weight" and expert 5. `rows`: of the whole vocabulary, padding included.
  std::optional<PlainTensor> share(const std::string& live_name, std::optional<int> expert, int rank, int ranks, bool gated, std::int64_t rows);

  // The elements that no call of share() asked for by now, as names; and of which not all shares were asked for.
  std::vector<std::string> unasked() const;

 private:
  std::optional<PlainTensor> whole(const std::string& live_name, std::optional<int> expert, int rank, int ranks);

  bool head_norms_dealt_;
  std::map<std::string, PlainTensor> tensors_;
  struct Asked {
    std::uint64_t bytes{};
    std::set<int> shares;
    int ranks{};
  };
  std::map<std::string, std::map<std::uint64_t, Asked>> asked_;  // by key, then first byte
};

}  // namespace weighbridge::test
