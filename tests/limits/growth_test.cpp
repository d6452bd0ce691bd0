// Files that grow, honest ones and the worst that each format allows, take memory by their size and no more.

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <fstream>
#include <initializer_list>

#include "checkpoints/temporary_folder.hpp"
#include "formats/byte_order.hpp"
#include "formats/crc32.hpp"
#include "limits/readers.hpp"

namespace weighbridge::test {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// A header without data: tensors of no elements.
std::string safetensors(std::size_t tensors) {
  std::string header = "{";
  for (std::size_t i = 0; i < tensors; ++i)
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i ? "," : "", i);
  header += "}";
  std::string bytes;
  append_little_endian(bytes, static_cast<std::uint64_t>(header.size()));
  return bytes + header;
}

void append_shorts(std::string& to, std::initializer_list<std::uint16_t> numbers) {
  for (const auto number : numbers) append_little_endian(to, number);
}

std::string torch_file(const std::string& pickle) {
  const auto record = [](const std::string& name, const std::string& data, std::size_t offset, bool central) {
    std::string head;
    append_little_endian(head, central ? 0x02014b50u : 0x04034b50u);
    if (central) append_little_endian(head, std::uint16_t{20});
    append_shorts(head, {20, 0, 0, 0, 0});
    append_little_endian(head, crc32(data));
    for (const auto size : {data.size(), data.size()}) append_little_endian(head, static_cast<std::uint32_t>(size));
    append_little_endian(head, static_cast<std::uint16_t>(name.size()));
    append_little_endian(head, std::uint16_t{0});
    if (central) {
      append_shorts(head, {0, 0, 0, 0, 0});
      append_little_endian(head, static_cast<std::uint32_t>(offset));
    }
    return head + name;
  };
  const std::string names[] = {"a/data.pkl", "a/version"}, datas[] = {pickle, "3\n"};
  std::string body, directory;
  for (int i = 0; i < 2; ++i) {
    directory += record(names[i], datas[i], body.size(), true);
    body += record(names[i], datas[i], 0, false) + datas[i];
  }
  std::string end;
  append_little_endian(end, 0x06054b50u);
  append_shorts(end, {0, 0, 2, 2});
  append_little_endian(end, static_cast<std::uint32_t>(directory.size()));
  append_little_endian(end, static_cast<std::uint32_t>(body.size()));
  append_little_endian(end, std::uint16_t{0});
  return body + directory + end;
}

std::string archive_index(std::size_t files) {
  std::string index, bytes{"\x89WBZ\r\n\x1a\n", 8};
  for (const auto count : {std::size_t{0}, files, std::size_t{0}}) append_little_endian(index, static_cast<std::uint64_t>(count));
  for (std::size_t i = 0; i < files; ++i) {
    const auto name = fmt::format("{:08}", i);
    append_little_endian(index, static_cast<std::uint32_t>(name.size()));
    index += name + std::string(16, '\0');
  }
  append_little_endian(bytes, std::uint64_t{1});
  const auto crc = crc32(index);
  bytes += index;
  append_little_endian(bytes, static_cast<std::uint64_t>(index.size()));
  append_little_endian(bytes, crc);
  return bytes + "WBZ-END\n";
}

std::string weight_map(std::size_t tensors) {
  std::string text = R"({"weight_map":{)";
  for (std::size_t i = 0; i < tensors; ++i) text += fmt::format(R"({}"{}":"a")", i ? "," : "", i);
  return text + "}}";
}

struct Growing {
  std::string_view reader, what;
  std::string (*file)(std::size_t size);  // of about so many bytes
  bool accepted;
};

const Growing kGrowing[] = {
    {"safetensors", "tensors", [](std::size_t size) { return safetensors(size / 60); }, true},
    {"safetensors", "an ignored field", [](std::size_t size) {
       auto header = R"({"w":{"x":[)" + repeated("[],", size / 3) + R"([]],"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
       std::string bytes;
       append_little_endian(bytes, static_cast<std::uint64_t>(header.size()));
       return bytes + header;
     }, true},
    {"state dict", "empty lists", [](std::size_t size) { return torch_file("\x80\x02(" + repeated("]", size) + "l."); }, true},
    {"state dict", "memo entries", [](std::size_t size) { return torch_file("\x80\x04(" + repeated("N\x94", size / 2) + "l."); }, true},
    {"state dict", "lists that grow by one", [](std::size_t size) { return torch_file("\x80\x02]" + repeated("Na", size / 2) + "."); }, true},
    {"state dict", "marks", [](std::size_t size) { return torch_file("\x80\x02" + repeated("(", size) + "."); }, false},
    {"state dict", "escapes", [](std::size_t size) { return torch_file("\x80\x02V" + repeated("\\u00ff", size / 6) + "\n."); }, true},
    {"common state", "objects", [](std::size_t size) { return torch_file("\x80\x02(" + repeated("ca\nb\n)R", size / 7) + "l."); }, true},
    {"metadata", "empty lists", [](std::size_t size) { return "\x80\x02(" + repeated("]", size) + "l."; }, false},
    {"config", "numbers", [](std::size_t size) { return "[" + repeated("1,", size / 2) + "1]"; }, true},
    {"config", "lists", [](std::size_t size) { return "[" + repeated("[],", size / 3) + "1]"; }, true},
    {"config", "keys", [](std::size_t size) {
       std::string text = "{";
       for (std::size_t i = 0; text.size() < size; ++i) text += fmt::format("\"{}\":0,", i);
       return text + "\"x\":0}";
     }, true},
    {"config", "a text of escapes", [](std::size_t size) { return "[\"" + repeated("\\u20ac", size / 6) + "\"]"; }, true},
    {"index", "tensors", [](std::size_t size) { return weight_map(size / 10); }, true},
    {"run_config", "lists", [](std::size_t size) { return "model: {}\na: [" + repeated("1,", size / 2) + "1]\n"; }, true},
    {"run_config", "lines", [](std::size_t size) {
       std::string text = "model:\n";
       for (std::size_t i = 0; text.size() < size; ++i) text += fmt::format("  k{}: v\n", i);
       return text;
     }, true},
    {"archive", "files", [](std::size_t size) { return archive_index(size / 28); }, true},
};

TEST(Growth, IsLinear) {
  const TemporaryFolder folder;
  for (const auto& growing : kGrowing) {
    for (const std::size_t size : {std::size_t{1} << 10, std::size_t{1} << 15, std::size_t{1} << 18}) {
      SCOPED_TRACE(fmt::format("{}: {}, {} bytes", growing.reader, growing.what, size));
      const auto path = folder / "file";
      std::ofstream{path, std::ios::binary | std::ios::trunc} << growing.file(size);
      EXPECT_EQ(expect_bounded(reader(growing.reader), path), growing.accepted);
    }
  }
}

}  // namespace
}  // namespace weighbridge::test
