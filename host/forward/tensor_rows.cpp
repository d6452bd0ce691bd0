#include "forward/tensor_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "conversion/laid_parameters.hpp"
#include "engine/element.hpp"
#include "engine/files.hpp"
#include "engine/preflight.hpp"
#include "mapping/copies.hpp"

namespace weighbridge {
namespace {

// Larger blocks read no faster.
constexpr std::size_t kLargestBlock = 16 << 20;

bool holds_numbers(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64; }

// BF16 or F16 values from byte `behind` on become float32 from the first byte on: none is overwritten before it is read.
void widen(std::span<std::byte> window, std::size_t behind, std::size_t count, DType dtype) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t narrow = 0;
    std::memcpy(&narrow, window.data() + behind + 2 * i, 2);
    const auto value = dtype == DType::bf16 ? f32_from_bf16(narrow) : f32_from_f16(narrow);
    std::memcpy(window.data() + 4 * i, &value, 4);
  }
}

}  // namespace

Extents extents_of(const Shape& shape) {
  Extents extents{1, shape.empty() ? 1 : shape.back()};
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) extents.rows *= shape[i];
  return extents;
}

struct TensorRows::Reading {
  Plan plan;
  HeldTensors tensors;
  std::map<std::string_view, std::size_t> numbers;  // of plan.tensors
  Budget budget;
  Buffer window, scratch;
  Tuning tuning;
  std::stop_token stop;
  std::unique_ptr<WindowReader> reader;
  std::function<void(std::uint64_t, std::string_view)> told;
};

TensorRows::TensorRows(std::unique_ptr<Reading> reading) : reading_{std::move(reading)} {}
TensorRows::TensorRows(TensorRows&&) noexcept = default;
TensorRows& TensorRows::operator=(TensorRows&&) noexcept = default;
TensorRows::~TensorRows() = default;

Result<TensorRows> TensorRows::make(Plan plan, HeldTensors tensors, std::uint64_t memory, std::stop_token stop) {
  RunOptions limits;
  limits.threads = 1;
  limits.max_memory = memory;
  auto budget = share_out(limits, resident_now());
  if (!budget) return budget.error();
  budget->capacity = std::min(budget->capacity, kLargestBlock);
  budget->window = std::min(budget->window, budget->capacity);

  std::erase_if(tensors, [](const auto& entry) { return !holds_numbers(entry.second.stored.dtype) || entry.second.stored.extents.empty(); });
  plan.tensors.clear();
  plan.files = {{"values", 0}};
  for (const auto& [name, held] : tensors) {
    const auto& [stored, dtype] = held;
    const auto count = element_count(stored.shape), bytes = byte_count(stored.shape, dtype);
    const auto number = stored.extents.front().file;  // behind the files are decoded sources
    const auto file = number < plan.sources.size() ? plan.sources[number] : std::filesystem::path{};
    if (!count || !bytes)
      return Error{Error::Kind::format, file.string(), "tensor " + name, fmt::format("has the impossible shape {}", to_string(stored.shape)), "Take a complete copy"};
    OutputTensor output{name, 0, plan.files[0].size, static_cast<std::uint64_t>(*bytes), dtype, false, {}};
    if (auto status = named_in(file, append_copies(identity_map(*count), stored, dtype, 0, output.copies)); !status) return status.error();
    order_copies(output.copies);
    plan.files[0].size += output.bytes;
    plan.tensors.push_back(std::move(output));
  }
  if (auto checked = check_plan(plan, real_files(), *budget); !checked) return checked.error();

  auto window = Buffer::make(budget->capacity), scratch = Buffer::make(budget->scratch);
  for (const auto* buffer : {&window, &scratch})
    if (!*buffer) return buffer->error();
  auto reading = std::make_unique<Reading>(
      Reading{std::move(plan), std::move(tensors), {}, *budget, *std::move(window), *std::move(scratch), {}, std::move(stop), {}, {}});
  for (std::size_t i = 0; i < reading->plan.tensors.size(); ++i) reading->numbers.emplace(reading->plan.tensors[i].name, i);
  reading->reader = std::make_unique<WindowReader>(reading->plan, real_files(), reading->tuning, [held = reading.get()](std::uint64_t) -> Status {
    if (!held->stop.stop_requested()) return done();
    return Error{Error::Kind::cancelled, "", "", "stopped before the model was run", "Run it again"};
  });
  return TensorRows{std::move(reading)};
}

void TensorRows::tell(std::function<void(std::uint64_t, std::string_view)> reader) { reading_->told = std::move(reader); }

std::uint64_t TensorRows::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, held] : reading_->tensors) sum += static_cast<std::uint64_t>(byte_count(held.stored.shape, DType::f32).value_or(0));
  return sum;
}

const StoredTensor* TensorRows::find(std::string_view name) const {
  const auto found = reading_->tensors.find(name);
  return found == reading_->tensors.end() ? nullptr : &found->second.stored;
}

Status TensorRows::read(std::string_view name, std::int64_t first, std::int64_t count,
                        const std::function<void(std::int64_t, std::int64_t, const float*)>& block) {
  const auto found = reading_->numbers.find(name);
  const auto refuse = [&](Error::Kind kind, std::string problem, std::string remedy) {
    return Error{kind, "", "tensor " + std::string{name}, std::move(problem), std::move(remedy)};
  };
  if (found == reading_->numbers.end())
    return refuse(Error::Kind::mismatch, "is needed to run the model but not in the checkpoint", "Check that the configuration belongs to these weights");
  const auto [rows, columns] = extents_of(find(name)->shape);
  if (first < 0 || count < 0 || first > rows - count)
    return refuse(Error::Kind::mismatch, fmt::format("has {} rows; {} from row {} on are needed to run the model", rows, count, first),
                  "Check that the configuration belongs to these weights, and that tokens are below the vocabulary");
  const auto row_bytes = columns * static_cast<std::int64_t>(sizeof(float));
  const auto dtype = reading_->plan.tensors[found->second].dtype;
  const auto capacity = static_cast<std::int64_t>(reading_->budget.capacity);
  if (row_bytes > capacity)
    return refuse(Error::Kind::usage, fmt::format("has rows of {} bytes, more than there is memory for", row_bytes), "Give a larger --max-memory");
  const auto at_once = std::max<std::int64_t>(1, capacity / std::max<std::int64_t>(row_bytes, 1));
  for (std::int64_t done_rows = 0; done_rows < count; done_rows += at_once) {
    const auto now = std::min(at_once, count - done_rows), begin = first + done_rows;
    const auto window = reading_->window.bytes();
    const auto read_bytes = columns * bits(dtype) / 8, count_values = now * columns;
    const auto behind = now * (row_bytes - read_bytes);  // where narrower values begin, so that they can be widened in place
    if (auto status = reading_->reader->fill(found->second, begin * read_bytes, (begin + now) * read_bytes, window.subspan(static_cast<std::size_t>(behind)),
                                             reading_->scratch.bytes());
        !status)
      return status;
    if (dtype != DType::f32) widen(window, static_cast<std::size_t>(behind), static_cast<std::size_t>(count_values), dtype);
    if (reading_->told) reading_->told(static_cast<std::uint64_t>(now * row_bytes), name);
    block(begin, now, reinterpret_cast<const float*>(reading_->window.bytes().data()));
  }
  return done();
}

}  // namespace weighbridge
