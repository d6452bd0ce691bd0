#include "forward/expected_logits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "formats/input_file.hpp"
#include "formats/safetensors.hpp"
#include "forward/tensor_rows.hpp"

namespace weighbridge {
namespace {

Error wrong(const std::filesystem::path& file, std::string subject, std::string problem) {
  return {Error::Kind::mismatch, file.string(), std::move(subject), std::move(problem),
          "Record input_ids [sequences, length] and logits [sequences, length, vocabulary]"};
}

Result<std::vector<std::int64_t>> read_ids(const InputFile& input, const SafetensorsEntry& entry) {
  std::vector<char> bytes(static_cast<std::size_t>(entry.end - entry.begin));
  if (auto status = input.read(entry.begin, bytes); !status) return status.error();
  std::vector<std::int64_t> ids(static_cast<std::size_t>(element_count(entry.shape).value_or(0)));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::int32_t narrow = 0;
    if (entry.dtype == DType::i64) std::memcpy(&ids[i], bytes.data() + 8 * i, 8);
    else std::memcpy(&narrow, bytes.data() + 4 * i, 4), ids[i] = narrow;
  }
  return ids;
}

}  // namespace

Result<ExpectedLogits> read_expected_logits(const std::filesystem::path& file, std::uint64_t memory) {
  auto input = InputFile::open(file);
  if (!input) return input.error();
  const auto header = read_safetensors_header(*input);
  if (!header) return header.error();
  const auto find = [&](std::string_view name) {
    const auto found = std::ranges::find(header->tensors, name, &SafetensorsEntry::name);
    return found == header->tensors.end() ? nullptr : &*found;
  };
  const auto *ids = find("input_ids"), *logits = find("logits");
  if (ids == nullptr || logits == nullptr) return wrong(file, "", fmt::format("has no {}", ids == nullptr ? "input_ids" : "logits"));
  if ((ids->dtype != DType::i64 && ids->dtype != DType::i32) || ids->shape.size() != 2 || element_count(ids->shape).value_or(0) < 1)
    return wrong(file, "input_ids", fmt::format("is {} {}", to_string(ids->dtype), to_string(ids->shape)));
  if (logits->shape.size() != 3 || logits->shape[0] != ids->shape[0] || logits->shape[1] != ids->shape[1])
    return wrong(file, "logits", fmt::format("has the shape {} for input_ids of {}", to_string(logits->shape), to_string(ids->shape)));

  ExpectedLogits expected;
  auto read = read_ids(*input, *ids);
  if (!read) return read.error();
  expected.tokens = {ids->shape[0], ids->shape[1], *std::move(read)};
  expected.columns = logits->shape[2];
  Plan plan;
  plan.sources = {file};
  const StoredTensor stored{"logits", logits->dtype, logits->shape, {{0, logits->begin, whole(logits->shape), row_major_strides(logits->shape)}}};
  auto rows = TensorRows::make(std::move(plan), {{"logits", {stored}}}, memory, {});
  if (!rows) return rows.error();
  if (rows->find("logits") == nullptr) return wrong(file, "logits", fmt::format("is {}, of which no numbers are read here", to_string(logits->dtype)));
  const auto count = extents_of(logits->shape).rows;
  expected.values.reserve(static_cast<std::size_t>(count * expected.columns));
  if (auto status = rows->read("logits", 0, count, [&](std::int64_t, std::int64_t now, const float* values) {
        expected.values.insert(expected.values.end(), values, values + now * expected.columns);
      });
      !status)
    return status.error();
  return expected;
}

}  // namespace weighbridge
