#pragma once
// One side of a check while its model is run: products with weights that are read as they are needed, and where the results go.

#include <cstdint>
#include <functional>

#include "families/forward_call.hpp"
#include "forward/tensor_rows.hpp"

namespace weighbridge {

// What comes of a run, in its order: [tokens, columns] after the embedding (layer -1), after each layer, and the logits.
struct ForwardSink {
  std::function<Status(std::int64_t layer, std::int64_t columns, const float* values)> state;
  std::function<Status(std::int64_t columns, const float* values)> logits;
};

class SideRun : public ForwardRun {
 public:
  // All of it must outlive the run.
  SideRun(TensorRows& tensors, const Tokens& tokens, ForwardSink sink) : tensors_{&tensors}, tokens_{&tokens}, sink_{std::move(sink)} {}

  const Tokens& tokens() const override { return *tokens_; }
  const StoredTensor* tensor(std::string_view name) const override { return tensors_->find(name); }
  Status rows(std::string_view name, std::int64_t first, std::int64_t count, float* into) override;
  Status multiply(const Product& product) override;
  Status state(std::int64_t layer, std::int64_t columns, const float* values) override { return sink_.state(layer, columns, values); }
  Status logits(std::int64_t columns, const float* values) override { return sink_.logits(columns, values); }

 private:
  TensorRows* tensors_;
  const Tokens* tokens_;
  ForwardSink sink_;
};

}  // namespace weighbridge
