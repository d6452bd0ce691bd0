#include "conformance/exported_symbols.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "formats/input_file.hpp"

namespace weighbridge {
namespace {

// A struct of the file; nothing if it does not lie in it.
template <class T>
std::optional<T> at(const std::string& bytes, std::uint64_t offset) {
  T value;
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return {};
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

bool is_exported(const Elf64_Sym& symbol) {
  const auto binding = ELF64_ST_BIND(symbol.st_info), visibility = ELF64_ST_VISIBILITY(symbol.st_other);
  return symbol.st_shndx != SHN_UNDEF && binding != STB_LOCAL && visibility != STV_HIDDEN && visibility != STV_INTERNAL;
}

}  // namespace

std::vector<std::string> exported_symbols(const std::filesystem::path& library) {
  std::vector<std::string> names;
  auto file = InputFile::open(library);
  if (!file || file->size() > (1u << 30)) return names;
  std::string bytes(file->size(), '\0');
  if (!file->read(0, std::span{bytes.data(), bytes.size()})) return names;
  const auto header = at<Elf64_Ehdr>(bytes, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64)
    return names;
  const auto section = [&](std::uint64_t number) {
    return at<Elf64_Shdr>(bytes, header->e_shoff + number * sizeof(Elf64_Shdr));
  };
  for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto table = section(i);
    if (!table || table->sh_type != SHT_DYNSYM) continue;
    const auto texts = section(table->sh_link);
    if (!texts) continue;
    for (std::uint64_t offset = 0; offset + sizeof(Elf64_Sym) <= table->sh_size; offset += sizeof(Elf64_Sym)) {
      const auto symbol = at<Elf64_Sym>(bytes, table->sh_offset + offset);
      if (!symbol) break;
      const auto text = texts->sh_offset + symbol->st_name;
      if (is_exported(*symbol) && text < bytes.size()) names.emplace_back(bytes.c_str() + text);
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace weighbridge
