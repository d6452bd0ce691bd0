#include "formats/byte_planes.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weighbridge {
namespace {

// The bytes of words in memory are turned where the machine is not little-endian.
template <class Word>
Word little_endian(Word word) {
  if constexpr (std::endian::native == std::endian::little) return word;
  Word turned = 0;
  for (unsigned i = 0; i < sizeof(Word); ++i) turned = static_cast<Word>(turned << 8 | (word >> (8 * i) & 0xff));
  return turned;
}

template <class Word>
void split(const char* words, char* planes, std::size_t count) {
  constexpr unsigned kWidth = sizeof(Word), kTop = 8 * (kWidth - 1);
  for (std::size_t i = 0; i < count; ++i) {
    Word word;
    std::memcpy(&word, words + i * kWidth, kWidth);
    word = std::rotl(little_endian(word), 1);
    for (unsigned plane = 0; plane < kWidth; ++plane)
      planes[plane * count + i] = static_cast<char>(word >> (kTop - 8 * plane));
  }
}

template <class Word>
void join(const char* planes, char* words, std::size_t count) {
  constexpr unsigned kWidth = sizeof(Word);
  for (std::size_t i = 0; i < count; ++i) {
    Word word = 0;
    for (unsigned plane = 0; plane < kWidth; ++plane)
      word = static_cast<Word>(static_cast<std::uint64_t>(word) << 8 |
                               static_cast<unsigned char>(planes[plane * count + i]));
    word = little_endian(std::rotr(word, 1));
    std::memcpy(words + i * kWidth, &word, kWidth);
  }
}

}  // namespace

void split_planes(std::span<const char> words, std::span<char> planes, unsigned width) {
  const auto count = words.size() / width;
  if (width == 2) split<std::uint16_t>(words.data(), planes.data(), count);
  if (width == 4) split<std::uint32_t>(words.data(), planes.data(), count);
  if (width == 8) split<std::uint64_t>(words.data(), planes.data(), count);
}

void join_planes(std::span<const char> planes, std::span<char> words, unsigned width) {
  const auto count = words.size() / width;
  if (width == 2) join<std::uint16_t>(planes.data(), words.data(), count);
  if (width == 4) join<std::uint32_t>(planes.data(), words.data(), count);
  if (width == 8) join<std::uint64_t>(planes.data(), words.data(), count);
}

}  // namespace weighbridge
