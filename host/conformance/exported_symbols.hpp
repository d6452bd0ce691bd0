#pragma once
// The symbols that a shared object exports.

#include <filesystem>
#include <string>
#include <vector>

namespace weighbridge {

// Defined, global or weak, of its dynamic symbol table, sorted; empty where the file cannot be read as ELF of 64 bits.
std::vector<std::string> exported_symbols(const std::filesystem::path& library);

}  // namespace weighbridge
