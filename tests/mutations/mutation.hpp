#pragma once
// A way in which a conversion, a disk or a person spoils a checkpoint, and what `weighbridge verify` must say of it.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "mutations/model_folder.hpp"

namespace weighbridge::test {

// What is spoilt. The other side is the golden checkpoint, or what an import makes of it.
enum class Spoilt { converted = 1, hugging_face, hugging_face_files, megatron_files };

struct Mutation {
  std::string what;    // "gate and up exchanged"
  std::string model;   // of tests/golden
  Spoilt spoilt{};
  // Of `converted` the Hugging Face model that is imported in its place; of `hugging_face` the model that is verified.
  std::function<void(ModelFolder&)> change;
  // Of files: changes them in place, below the Hugging Face or the Megatron folder.
  std::function<void(const std::filesystem::path&)> change_files;
  // One of the differences that --json lists must be of this kind, and its name and cause must contain these. "error": the
  // program must refuse with an error that contains both.
  std::string kind, name, cause;
  std::vector<std::string> import_options{};
};

std::vector<Mutation> weight_mutations();
std::vector<Mutation> model_mutations();  // names, types, shapes and configuration
std::vector<Mutation> file_mutations();

}  // namespace weighbridge::test
