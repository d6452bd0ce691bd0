#include "engine/order.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "engine/tensor_copies.hpp"

namespace weighbridge {
namespace {

// A tensor that takes a share of rows. Those that share them are alike but for where their first run begins.
struct Share {
  std::vector<std::int64_t> likeness;  // source file, sizes and steps
  std::int64_t begin{}, stride{};
  std::size_t tensor{};
};

std::optional<Share> share_of(const OutputTensor& tensor, std::size_t number) {
  // One loop alone takes single elements, or a run without gaps.
  if (tensor.encoding || tensor.copies.size() != 1 || tensor.copies.front().loops.size() < 2) return std::nullopt;
  const auto copies = TensorCopies::make(tensor);
  if (!copies || copies->all().size() != 1 || !copies->all().front().element.moves_bits()) return std::nullopt;
  const auto& nest = copies->all().front().nest;
  const auto cut = row_cut(nest);
  if (!cut) return std::nullopt;
  std::vector<std::int64_t> likeness{tensor.copies.front().source_file, nest.target, nest.source_width};
  for (const auto& step : nest.steps()) likeness.insert(likeness.end(), {step.extent, step.source, step.target});
  return Share{std::move(likeness), nest.source, cut->stride, number};
}

// Per tensor, the tensors that take turns in its rows, itself included, by number; none for most.
std::vector<std::vector<std::size_t>> sharing_rows(const Plan& plan) {
  std::vector<Share> shares;
  for (std::size_t i = 0; i < plan.tensors.size(); ++i)
    if (auto share = share_of(plan.tensors[i], i)) shares.push_back(*std::move(share));
  std::ranges::sort(shares, [](const Share& a, const Share& b) { return std::tie(a.likeness, a.begin, a.tensor) < std::tie(b.likeness, b.begin, b.tensor); });
  std::vector<std::vector<std::size_t>> sharing(plan.tensors.size());
  for (std::size_t first = 0; first < shares.size();) {
    std::vector<std::size_t> group;
    auto next = first;
    for (; next < shares.size() && shares[next].likeness == shares[first].likeness && shares[next].begin - shares[first].begin < shares[first].stride; ++next)
      group.push_back(shares[next].tensor);
    std::ranges::sort(group);
    for (const auto tensor : group) sharing[tensor] = group;
    first = next;
  }
  return sharing;
}

}  // namespace

Order Order::of(const Plan& plan, const Schedule& schedule) {
  const auto sharing = sharing_rows(plan);
  Order order;
  const auto add = [&](std::vector<std::uint64_t> firsts, std::uint64_t count) {
    if (count == 0) return;
    auto* last = order.stretches_.empty() ? nullptr : &order.stretches_.back();
    if (last != nullptr && firsts.size() == 1 && last->siblings.size() == 1 && last->siblings[0] + last->count == firsts[0]) {
      last->count += count;
      return;
    }
    order.stretches_.push_back({order.groups(), count, std::move(firsts)});
  };
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    const auto [first, last] = schedule.of_tensor(i);
    const auto alike = [&](std::size_t other) {
      const auto [begin, end] = schedule.of_tensor(other);
      return end - begin == last - first;
    };
    const auto& siblings = sharing[i];
    if (siblings.size() < 2 || !std::ranges::all_of(siblings, alike)) {
      add({first}, last - first);
      continue;
    }
    if (siblings.front() != i) continue;  // with the first of them
    std::vector<std::uint64_t> firsts;
    for (const auto tensor : siblings) firsts.push_back(schedule.of_tensor(tensor).first);
    add(std::move(firsts), last - first);
  }
  return order;
}

void Order::group(std::uint64_t number, std::vector<std::uint64_t>& windows) const {
  const auto after = std::ranges::upper_bound(stretches_, number, {}, &Stretch::first);
  const auto& stretch = *(after - 1);
  windows.clear();
  for (const auto first : stretch.siblings) windows.push_back(first + (number - stretch.first));
}

}  // namespace weighbridge
