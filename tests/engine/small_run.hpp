#pragma once
// A small plan whose every byte is known, for tests of what surrounds the copying.

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "engine/faulty_files.hpp"
#include "engine/run.hpp"
#include "engine/work_folder.hpp"

namespace weighbridge {

// Two source files, a data file in a folder, a file of literals only, a carried file. The source holds the letters
// a to x; the tensor "turned" is their first 12, a 3 x 4 matrix, transposed; "kept" is the other 12.
class SmallRun {
 public:
  SmallRun() {
    plan.sources = {folder.write("source/model", "abcdefghijklmnopqrstuvwx")};
    plan.files = {{"data/shard", 36}, {"index", 5}};
    Copy turned{0, 0, 0, DType::u8, ElementOperation::none, 0, {{4, 1, 3}, {3, 4, 1}}};
    Copy kept{0, 12, 0, DType::u8, ElementOperation::none, 0, {{12, 1, 1}}};
    plan.tensors = {{"turned", 0, 4, 12, DType::u8, false, {turned}}, {"kept", 0, 16, 12, DType::u8, false, {kept}}};
    plan.literals = {{0, 0, "HEAD", {}}, {0, 28, "........", {{0, 0}, {1, 4}}}, {1, 0, "INDEX", {}}};
    plan.carried = {{folder.write("source/tokenizer", "words"), "tokenizer"}};
    options.threads = 1;
    options.max_memory = std::uint64_t{2} << 30;  // sanitizers let a process that runs many tests grow
  }

  std::filesystem::path destination() const { return folder.path() / "out" / "model"; }
  Result<RunReport> run() const { return weighbridge::run(plan, destination(), options); }

  // What a complete destination holds; 0x602fe9f6 and 0xb711b180 are zlib.crc32 of the two tensors.
  static std::map<std::string, std::string> complete() {
    return {{"data/", ""},
            {"data/shard", std::string{"HEADaeibfjcgkdhlmnopqrstuvwx"} + kChecksums},
            {"index", "INDEX"},
            {"tokenizer", "words"}};
  }

  WorkFolder folder;
  Plan plan;
  RunOptions options;

 private:
  static inline const std::string kChecksums{"\xf6\xe9\x2f\x60\x80\xb1\x11\xb7", 8};
};

// Runs in a process of its own that dies at a call. Gives its exit status: 9 if it died, 0 or 1 as the run succeeded.
template <class Run>
int status_of_dying(Run& small, std::int64_t call) {
  const auto child = ::fork();
  if (child == 0) {
    FaultyFiles files;
    files.fail_at = call;
    files.dies = true;
    small.options.files = &files;
    ::_exit(small.run() ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) throw std::runtime_error{"the process did not end by itself"};
  return WEXITSTATUS(status);
}

}  // namespace weighbridge
