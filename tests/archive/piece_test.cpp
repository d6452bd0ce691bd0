// Single pieces: what planes are worth, and what a reader makes of frames that are not what the index says.

#include <gmock/gmock.h>

#include <array>
#include <bit>
#include <cstring>
#include <random>

#include "archive/archive_bytes.hpp"
#include "formats/byte_planes.hpp"
#include "formats/piece_decoder.hpp"
#include "archive/piece_encoder.hpp"
#include "formats/errors.hpp"
#include "formats/written_file.hpp"

namespace weighbridge {
namespace {

using testing::small_archive;
using testing::WrittenFile;
using testing::zlib_crc;
using testing::zstd_frame;

std::vector<float> normal_numbers(std::size_t count) {
  std::mt19937 generator{7};
  std::normal_distribution<float> normal{0, 0.02f};
  std::vector<float> numbers(count);
  for (auto& number : numbers) number = normal(generator);
  return numbers;
}

std::string bf16_weights(std::size_t count) {
  std::string bytes;
  for (const float number : normal_numbers(count)) {
    const auto word = std::bit_cast<std::uint32_t>(number) >> 16;
    bytes += testing::number(word, 2);
  }
  return bytes;
}

struct Packed {
  ArchivePiece entry;
  std::string frame;
};

Packed pack_piece(const std::string& bytes, unsigned word) {
  auto encoder = PieceEncoder::make();
  std::memcpy(encoder->piece(bytes.size()).data(), bytes.data(), bytes.size());
  const auto encoded = encoder->encode(bytes.size(), word);
  return {encoded->entry, {encoded->frame.begin(), encoded->frame.end()}};
}

double best_plain_ratio(const std::string& bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  double best = 0;
  for (const int level : {1, 3, 9})
    best = std::max(
        best, static_cast<double>(bytes.size()) /
                  static_cast<double>(ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), level)));
  return best;
}

TEST(Piece, OfBfloat16WeightsIsSmallerThanPlainZstdMakesIt) {
  const auto bytes = bf16_weights(2 << 20);
  const auto packed = pack_piece(bytes, 2);
  const auto ratio = static_cast<double>(bytes.size()) / static_cast<double>(packed.frame.size());
  EXPECT_EQ(packed.entry.width, 2);
  EXPECT_EQ(packed.entry.size, 4u << 20);
  EXPECT_EQ(packed.entry.crc, zlib_crc(bytes));
  EXPECT_EQ(packed.entry.stored, packed.frame.size());
  EXPECT_GT(ratio, 1.50);  // the entropy of the exponents allows 1.517
  EXPECT_LT(ratio, 1.53);
  EXPECT_LT(best_plain_ratio(bytes), 1.30);
  // What any zstd makes of the frame is the planes.
  std::string planes(bytes.size(), '\0'), words(bytes.size(), '\0');
  ASSERT_EQ(ZSTD_decompress(planes.data(), planes.size(), packed.frame.data(), packed.frame.size()), bytes.size());
  join_planes(planes, words, 2);
  EXPECT_TRUE(words == bytes);
}

TEST(Piece, OfFloat32WeightsGainsToo) {
  std::string bytes;
  for (const float number : normal_numbers(1 << 20)) bytes += testing::number(std::bit_cast<std::uint32_t>(number), 4);
  const auto packed = pack_piece(bytes, 4);
  EXPECT_EQ(packed.entry.width, 4);
  EXPECT_GT(static_cast<double>(bytes.size()) / static_cast<double>(packed.frame.size()), 1.19);
  EXPECT_LT(best_plain_ratio(bytes), 1.10);
}

TEST(Piece, StaysAsItIsWherePlanesDoNotHelp) {
  // Words of odd lengths in no order: cut into planes, few of them are found again.
  std::mt19937 generator{5};
  std::string text;
  while (text.size() < 20000)
    text += std::array{"quick ", "brown ", "fox ", "jumps ", "over ", "lazy ", "dogs, "}[generator() % 7];
  EXPECT_EQ(pack_piece(text, 2).entry.width, 1);
  EXPECT_EQ(pack_piece(bf16_weights(1000), 1).entry.width, 1);  // bytes of no number
  EXPECT_EQ(pack_piece(bf16_weights(1000) + "x", 2).entry.width, 1);
}

TEST(Piece, SaysNothingOfWhatWasEncodedBefore) {
  const auto first = bf16_weights(5000), second = std::string(3000, 'x');
  auto encoder = PieceEncoder::make();
  for (const auto& bytes : {second, first, second, first}) {
    std::memcpy(encoder->piece(bytes.size()).data(), bytes.data(), bytes.size());
    const auto encoded = encoder->encode(bytes.size(), 2);
    const auto alone = pack_piece(bytes, 2);
    EXPECT_EQ(encoded->entry, alone.entry);
    EXPECT_EQ(std::string(encoded->frame.begin(), encoded->frame.end()), alone.frame);
  }
}

// The pieces of an archive, each decoded or the error of it.
Result<std::string> decode(const testing::WrittenArchive& archive, std::size_t number) {
  const WrittenFile file{"x.wbz", archive.bytes()};
  const auto input = file.open();
  const auto index = read_archive_index(input);
  if (!index) return index.error();
  auto decoder = PieceDecoder::make();
  const auto bytes = decoder->decode(input, index->pieces[number], "d");
  if (!bytes) return bytes.error();
  return std::string{bytes->begin(), bytes->end()};
}

TEST(Piece, IsDecodedAsItIsWrittenOut) {
  EXPECT_EQ(*decode(small_archive(), 0), "hello");
  EXPECT_EQ(*decode(small_archive(), 1), "abc");
  EXPECT_EQ(*decode(small_archive(), 2), std::string("\x80\x3f\x00\xc0", 4));
}

TEST(Piece, OfAnotherChecksumIsAnError) {
  auto archive = small_archive();
  archive.pieces[1].crc ^= 0x100;
  testing::expect_error(decode(archive, 1), "x.wbz", "d", "has the checksum 352441c2 instead of 352440c2");
}

TEST(Piece, ThatIsNoFrameIsAnError) {
  auto archive = small_archive();
  archive.pieces[1].frame[0] ^= 0x01;
  testing::expect_error(decode(archive, 1), "x.wbz", "d", "is no frame of zstd");
}

TEST(Piece, WithBytesBehindItsFrameIsAnError) {
  auto archive = small_archive();
  archive.pieces[1].frame += "??";
  testing::expect_error(decode(archive, 1), "x.wbz", "d", "is a frame of 12 bytes instead of 14");
}

TEST(Piece, OfTwoFramesIsAnError) {
  auto archive = small_archive();
  archive.pieces[1].frame = zstd_frame("a") + zstd_frame("bc");
  testing::expect_error(decode(archive, 1), "x.wbz", "d", "is a frame of");
}

// A frame of a few bytes that would fill the memory is not unpacked.
TEST(Piece, ThatHoldsMoreThanTheIndexSaysIsAnError) {
  auto archive = small_archive();
  archive.pieces[1].frame = zstd_frame(std::string(100 << 20, '\0'));
  testing::expect_error(decode(archive, 1), "x.wbz", "d", "does not say that it holds 3 bytes");
}

TEST(Piece, ThatDoesNotSayItsSizeIsAnError) {
  auto archive = small_archive();
  auto* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string frame(100, '\0');
  frame.resize(ZSTD_compress2(context, frame.data(), frame.size(), "abc", 3));
  ZSTD_freeCCtx(context);
  archive.pieces[1].frame = frame;
  testing::expect_error(decode(archive, 1), "x.wbz", "d", "does not say that it holds 3 bytes");
}

}  // namespace
}  // namespace weighbridge
