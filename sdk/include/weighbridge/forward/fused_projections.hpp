#pragma once
// Attention whose queries, keys and values are rows of one matrix, one kind after the other.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/attention.hpp>
#include <weighbridge/forward/norms.hpp>
#include <weighbridge/forward/rotary.hpp>

#include <optional>
#include <string>
#include <utility>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// `fused` is what the matrix gives; `normed(x, name)` makes of queries ("query") and keys ("key") what positions are told to.
template <class Normed>
Matrix attend_fused(const Forward& run, const Matrix& fused, const Attention& a, const Rotary& rotary, Normed&& normed) {
  const auto query = a.heads * a.width, key = a.groups * a.width;
  auto q = normed(columns(fused, 0, query), "query"), k = normed(columns(fused, query, key), "key");
  rotate(q, a.width, run.length(), rotary);
  rotate(k, a.width, run.length(), rotary);
  return attend(q, k, columns(fused, query + key, key), run.length(), a);
}

// `at` + "query_key_value." and so on; with `norm` an RMSNorm of each head of queries and keys.
inline Matrix fused_attention(const Forward& run, const std::string& at, const Matrix& x, const Attention& a, const Rotary& rotary,
                              std::optional<Norm> norm) {
  if (norm) norm->width = a.width;
  const auto normed = [&](Matrix of, const std::string& name) {
    return norm ? rms_norm(std::move(of), run.values(at + name + "_layernorm.weight"), *norm) : of;
  };
  return run.module(at + "dense.", attend_fused(run, run.module(at + "query_key_value.", x), a, rotary, normed));
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
