#include "cli/arguments.hpp"

#include <algorithm>

namespace weighbridge {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// How many dashes introduce a long flag's name; 0 for a value, a number, a path or a short flag.
std::size_t dashes(const std::string& word) {
  if (word.starts_with("--") && word.size() > 2 && is_letter(word[2])) return 2;
  if (word.starts_with("-") && word.size() > 2 && is_letter(word[1]) && word[2] != '=') return 1;
  return 0;
}

}  // namespace

std::vector<std::string> normalised_arguments(std::vector<std::string> words) {
  for (auto& word : words) {
    if (word == "--") break;
    const auto lead = dashes(word);
    if (lead == 0) continue;
    if (lead == 1) word.insert(word.begin(), '-');
    const auto end = std::min(word.find('='), word.size());
    std::replace(word.begin() + 2, word.begin() + static_cast<std::ptrdiff_t>(end), '_', '-');
  }
  return words;
}

}  // namespace weighbridge
