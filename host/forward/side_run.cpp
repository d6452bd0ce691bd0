#include "forward/side_run.hpp"

#include <Eigen/Core>
#include <algorithm>

namespace weighbridge {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Read = Eigen::Map<const Matrix>;
using Written = Eigen::Map<Matrix>;

}  // namespace

Status SideRun::rows(std::string_view name, std::int64_t first, std::int64_t count, float* into) {
  return tensors_->read(name, first, count, [&](std::int64_t begin, std::int64_t now, const float* values) {
    const auto columns = extents_of(tensors_->find(name)->shape).columns;
    std::copy_n(values, now * columns, into + (begin - first) * columns);
  });
}

Status SideRun::multiply(const Product& product) {
  const auto* stored = tensors_->find(product.weight);
  const auto columns = stored == nullptr ? 0 : extents_of(stored->shape).columns;
  Read x{product.x, product.tokens, product.turned ? product.rows : columns};
  Written y{product.y, product.tokens, product.turned ? columns : product.rows};
  if (product.turned) y.setZero();
  return tensors_->read(product.weight, product.first, product.rows, [&](std::int64_t begin, std::int64_t now, const float* values) {
    const Read weight{values, now, columns};
    const auto at = begin - product.first;
    if (product.turned) y.noalias() += x.middleCols(at, now) * weight;
    else y.middleCols(at, now).noalias() = x * weight.transpose();
  });
}

}  // namespace weighbridge
