// What a conversion costs beside the disk: the plan of an import, carried out on a file system that moves no bytes.
//
//   null_sink PLUGIN_FOLDER HUGGING_FACE_FOLDER OUTPUT_FOLDER THREADS
//
// Prints the numbers of tensors and bytes, seconds of planning and of executing, and the peak memory, as JSON. OUTPUT_FOLDER must
// not exist; empty files are made in it.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "conversion/conversion.hpp"
#include "engine/files.hpp"
#include "engine/memory.hpp"
#include "engine/run.hpp"
#include "families/registry.hpp"

namespace {

namespace wb = weighbridge;

// Sources give whatever the buffer holds, around the page cache; outputs swallow.
class NullFiles : public wb::Files {
 public:
  std::int64_t pread(int, void*, std::size_t size, std::int64_t) override { return static_cast<std::int64_t>(size); }
  int is_cached(int, std::int64_t, std::size_t) override { return 0; }
  std::int64_t pwrite(int, const void*, std::size_t size, std::int64_t) override { return static_cast<std::int64_t>(size); }
  int fsync(int) override { return 0; }
  int fallocate(int, std::int64_t) override { return 0; }
  int ftruncate(int, std::int64_t) override { return 0; }
  int start_writeback(int, std::int64_t, std::int64_t) override { return 0; }
  int statvfs(const std::filesystem::path& path, struct ::statvfs& into) override {
    const int result = Files::statvfs(path, into);
    into.f_bavail = into.f_bfree = into.f_blocks = fsblkcnt_t{1} << 40;  // there is always room for nothing
    return result;
  }
};

template <class T>
T or_give_up(wb::Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().text().c_str());
  std::exit(1);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) {
    std::fputs("usage: null_sink PLUGIN_FOLDER HUGGING_FACE_FOLDER OUTPUT_FOLDER THREADS\n", stderr);
    return 2;
  }
  auto registry = wb::Registry::scan({words[1]});
  wb::ImportOptions request;
  request.hugging_face = words[2];
  request.compare_large_copies = false;
  auto start = std::chrono::steady_clock::now();
  const auto conversion = or_give_up(wb::prepare_import(request, registry));
  const auto planned = seconds_since(start);

  NullFiles files;
  wb::RunOptions options;
  std::from_chars(words[4], words[4] + std::strlen(words[4]), options.threads);
  options.files = &files;
  options.max_memory = std::uint64_t{1} << 30;  // the plan is in this process already
  start = std::chrono::steady_clock::now();
  const auto report = or_give_up(wb::run(conversion.plan, words[3], options));
  std::printf("{\"tensors\": %zu, \"bytes\": %llu, \"planned\": %.6f, \"executed\": %.6f, \"peak\": %llu}\n", conversion.plan.tensors.size(),
              static_cast<unsigned long long>(report.bytes_written), planned, seconds_since(start),
              static_cast<unsigned long long>(wb::resident_peak()));
  return 0;
}
