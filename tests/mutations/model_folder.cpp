#include "mutations/model_folder.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cli/program_run.hpp"
#include "engine/element.hpp"
#include "formats/safetensors.hpp"

namespace weighbridge::test {
namespace {

void write_file(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream stream{file, std::ios::binary};
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream) throw std::runtime_error("cannot write " + file.string());
}

template <class T>
T at(const std::string& bytes, std::size_t index) {
  T value{};
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}
template <class T>
void put(std::string& bytes, std::size_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

}  // namespace

ModelFolder ModelFolder::read(const std::filesystem::path& folder) {
  ModelFolder model;
  for (const auto& [name, bytes] : files_of(folder)) {
    if (name == "config.json") {
      model.config = boost::json::parse(bytes).as_object();
    } else if (name.ends_with(".safetensors")) {
      const auto file = InputFile::open(folder / name);
      const auto header = read_safetensors_header(*file);
      if (!header) throw std::runtime_error(header.error().text());
      for (const auto& entry : header->tensors)
        model.tensors[entry.name] = {entry.dtype, entry.shape, bytes.substr(entry.begin, entry.end - entry.begin)};
    } else if (!name.ends_with(".index.json")) {
      model.side_files[name] = bytes;
    }
  }
  return model;
}

void ModelFolder::write(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);
  write_file(folder / "config.json", boost::json::serialize(config));
  for (const auto& [name, bytes] : side_files) write_file(folder / name, bytes);
  boost::json::object header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const auto begin = data.size();
    data += tensor.bytes;
    header[name] = {{"dtype", to_string(tensor.dtype)},
                    {"shape", boost::json::array(tensor.shape.begin(), tensor.shape.end())},
                    {"data_offsets", {begin, data.size()}}};
  }
  const auto text = boost::json::serialize(header);
  std::string size(8, '\0');
  put(size, 0, static_cast<std::uint64_t>(text.size()));
  write_file(folder / "model.safetensors", size + text + data);
}

HeldTensor& ModelFolder::operator[](const std::string& name) { return tensors.at(name); }

HeldTensor reordered(const HeldTensor& tensor, const std::vector<std::size_t>& order) {
  HeldTensor result{tensor.dtype, tensor.shape, {}};
  for (const auto row : order) result.bytes += tensor.row(row);
  result.shape[0] = static_cast<std::int64_t>(order.size());
  return result;
}

HeldTensor transposed(const HeldTensor& matrix) {
  HeldTensor result{matrix.dtype, {matrix.shape.at(1), matrix.shape.at(0)}, {}};
  const auto width = static_cast<std::size_t>(bits(matrix.dtype) / 8), columns = static_cast<std::size_t>(matrix.shape.at(1));
  for (std::size_t column = 0; column < columns; ++column)
    for (std::size_t row = 0; row < matrix.rows(); ++row) result.bytes += matrix.bytes.substr((row * columns + column) * width, width);
  return result;
}

HeldTensor joined(const std::vector<HeldTensor>& parts) {
  auto result = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    result.bytes += parts[i].bytes;
    result.shape[0] += parts[i].shape[0];
  }
  return result;
}

HeldTensor rows_of(const HeldTensor& tensor, std::size_t begin, std::size_t end) {
  HeldTensor result{tensor.dtype, tensor.shape, tensor.bytes.substr(begin * tensor.row_bytes(), (end - begin) * tensor.row_bytes())};
  result.shape[0] = static_cast<std::int64_t>(end - begin);
  return result;
}

void change(HeldTensor& tensor, const std::function<float(float, std::size_t)>& change) {
  const auto count = static_cast<std::size_t>(element_count(tensor.shape).value());
  for (std::size_t i = 0; i < count; ++i) {
    if (tensor.dtype == DType::f32) put(tensor.bytes, i, change(at<float>(tensor.bytes, i), i));
    else put(tensor.bytes, i, bf16_from_f32(change(f32_from_bf16(at<std::uint16_t>(tensor.bytes, i)), i)));
  }
}

float rounded(float value, int mantissa_bits) {
  const auto dropped = 23 - mantissa_bits;
  auto bits = std::bit_cast<std::uint32_t>(value);
  const auto odd = bits >> dropped & 1U;
  bits += (1U << (dropped - 1)) - 1 + odd;
  return std::bit_cast<float>(bits & ~((1U << dropped) - 1));
}

HeldTensor widened(const HeldTensor& bf16) {
  const auto count = static_cast<std::size_t>(element_count(bf16.shape).value());
  HeldTensor result{DType::f32, bf16.shape, std::string(count * 4, '\0')};
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = static_cast<std::uint32_t>(at<std::uint16_t>(bf16.bytes, i)) << 16;
    put(result.bytes, i, bits | static_cast<std::uint32_t>(i * 2654435761U >> 18 | 1U));
  }
  return result;
}

}  // namespace weighbridge::test
