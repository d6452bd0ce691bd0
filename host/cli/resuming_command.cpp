#include "cli/resuming_command.hpp"

#include <algorithm>
#include <string_view>

namespace weighbridge {
namespace {

bool is_plain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         std::string_view{"-_=+,./:@%"}.find(letter) != std::string_view::npos;
}

std::string quoted(const std::string& word) {
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return word;
  std::string text{"'"};
  for (const char letter : word) {
    if (letter == '\'') text += "'\\''";
    else text += letter;
  }
  return text + "'";
}

}  // namespace

std::string resuming_command(const std::vector<std::string>& words) {
  std::string command{"weighbridge"};
  for (const auto& word : words) command += " " + quoted(word);
  if (std::ranges::find(words, "--resume") == words.end()) command += " --resume";
  return command;
}

}  // namespace weighbridge
