#pragma once
// Files of records, each with its length and checksum before it, so that one that was not written to its end is noticed.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/files.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Builds a record. Numbers are little-endian, texts have their length before them.
class RecordWriter {
 public:
  void add(std::uint32_t value);
  void add(std::uint64_t value);
  void add(std::string_view text);
  std::string framed() const;  // as it goes into the file

 private:
  std::string bytes_;
};

// Takes a record apart. What is not there reads as zero or empty, and complete() is false from then on.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : left_{bytes} {}
  std::uint32_t number32();
  std::uint64_t number64();
  std::string_view text();
  std::size_t left() const { return left_.size(); }
  bool complete() const { return complete_; }  // nothing was missing

 private:
  std::string_view take(std::size_t size);
  std::string_view left_;
  bool complete_{true};
};

struct Records {
  std::vector<std::string> records;
  std::uint64_t end{};  // of the last whole one, in the file; what follows is to be overwritten
};

// The whole records of a file up to the first that is torn or spoilt. A file that is not there has none.
Result<Records> read_records(Files& files, const std::filesystem::path& path);

}  // namespace weighbridge
