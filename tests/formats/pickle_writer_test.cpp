#include "formats/pickle_writer.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/pickle_reader.hpp"

namespace weighbridge {
namespace {

using std::string_literals::operator""s;

std::string written(PickleValue value, std::span<const PickledStorage> storages = {}) {
  auto bytes = write_pickle(value, storages);
  return bytes ? *bytes : bytes.error().text();
}

TEST(PickleWriter, WritesScalars) {
  PickleArena arena;
  EXPECT_EQ(written(arena.none()), "\200\002N."s);
  EXPECT_EQ(written(arena.boolean(true)), "\200\002\210."s);
  EXPECT_EQ(written(arena.integer(0)), "\200\002K\000."s);
  EXPECT_EQ(written(arena.integer(255)), "\200\002K\377."s);
  EXPECT_EQ(written(arena.integer(256)), "\200\002M\000\001."s);
  EXPECT_EQ(written(arena.integer(65536)), "\200\002J\000\000\001\000."s);
  EXPECT_EQ(written(arena.integer(-1)), "\200\002J\377\377\377\377."s);
  EXPECT_EQ(written(arena.integer(std::int64_t{1} << 31)), "\200\002\212\005\000\000\000\200\000."s);
  EXPECT_EQ(written(arena.integer(-(std::int64_t{1} << 31) - 1)), "\200\002\212\005\377\377\377\177\377."s);
  EXPECT_EQ(written(arena.integer(INT64_MIN)), "\200\002\212\010\000\000\000\000\000\000\000\200."s);
  EXPECT_EQ(written(arena.real(3.0)), "\200\002G\100\010\000\000\000\000\000\000."s);
  EXPECT_EQ(written(arena.text("ab")), "\200\002X\002\000\000\000ab."s);
  EXPECT_EQ(written(arena.bytes("\377")),
            "\200\002c_codecs\nencode\nq\000X\002\000\000\000\303\277X\006\000\000\000latin1q\001\206R."s);
  EXPECT_EQ(written(arena.torch_dtype(DType::bf16)), "\200\002ctorch\nbfloat16\nq\000."s);
}

TEST(PickleWriter, WritesContainers) {
  PickleArena arena;
  const auto one = arena.integer(1), a = arena.text("a");
  EXPECT_EQ(written(arena.tuple({})), "\200\002)."s);
  EXPECT_EQ(written(arena.list({})), "\200\002]."s);
  EXPECT_EQ(written(arena.dict({})), "\200\002}."s);
  const PickleValue four[] = {one, one, one, one};
  EXPECT_EQ(written(arena.tuple(std::span{four}.first(3))), "\200\002K\001K\001K\001\207."s);
  EXPECT_EQ(written(arena.tuple(four)), "\200\002(K\001K\001K\001K\001t."s);
  EXPECT_EQ(written(arena.list(std::span{four}.first(1))), "\200\002]K\001a."s);
  EXPECT_EQ(written(arena.list(std::span{four}.first(2))), "\200\002](K\001K\001e."s);
  const PicklePair pairs[] = {{a, one}, {arena.text("b"), arena.none()}};
  EXPECT_EQ(written(arena.dict(pairs)), "\200\002}(X\001\000\000\000aK\001X\001\000\000\000bNu."s);
  EXPECT_EQ(written(arena.ordered_dict(std::span{pairs}.first(1))),
            "\200\002ccollections\nOrderedDict\nq\000)RX\001\000\000\000aK\001s."s);
  EXPECT_EQ(written(arena.argparse_namespace(pairs)),
            "\200\002cargparse\nNamespace\nq\000)\201}(X\001\000\000\000aK\001X\001\000\000\000bNub."s);
  EXPECT_EQ(written(arena.torch_size({2, 3})), "\200\002ctorch\nSize\nq\000K\002K\003\206\205R."s);
  EXPECT_EQ(written(arena.enum_member("m", "E", one)), "\200\002cm\nE\nq\000K\001\205R."s);
}

TEST(PickleWriter, NamesRepeatedThingsOnce) {
  PickleArena arena;
  const auto text = arena.text("aa"), inner = arena.list({&text, 1});
  const PickleValue items[] = {text, arena.text("aa"), inner, inner};
  EXPECT_EQ(written(arena.tuple(items)), "\200\002(X\002\000\000\000aaq\000h\000]h\000aq\001h\001t."s);
}

TEST(PickleWriter, WritesBigContainersInBatches) {
  PickleArena arena;
  const std::vector<PickleValue> items(2001, arena.none());
  EXPECT_EQ(written(arena.list(items)),
            "\200\002](" + std::string(1000, 'N') + "e(" + std::string(1000, 'N') + "e(Ne.");
}

TEST(PickleWriter, WritesTensors) {
  PickleArena arena;
  const PickledStorage storages[] = {{DType::f32, 6}};
  EXPECT_EQ(written(arena.tensor({DType::f32, {2, 3}, {3, 1}, 0, 0}), storages),
            "\200\002ctorch._utils\n_rebuild_tensor_v2\nq\000((X\007\000\000\000storageq\001ctorch\nFloatStorage\nq\002"
            "X\001\000\000\0000q\003X\003\000\000\000cpuq\004K\006tQK\000K\002K\003\206K\003K\001\206\211"
            "ccollections\nOrderedDict\nq\005)RtR."s);
  const PickledStorage bytes[] = {{DType::f8_e4m3, 4}};
  EXPECT_EQ(written(arena.tensor({DType::f8_e4m3, {}, {}, 3, 0}), bytes),
            "\200\002ctorch._utils\n_rebuild_tensor_v3\nq\000((X\007\000\000\000storageq\001ctorch."
            "storage\nUntypedStorage\nq\002"
            "X\001\000\000\0000q\003X\003\000\000\000cpuq\004K\004tQK\003))\211"
            "ccollections\nOrderedDict\nq\005)Rctorch\nfloat8_e4m3fn\nq\006tR."s);
  EXPECT_FALSE(write_pickle(arena.tensor({DType::f6_e2m3, {4}, {1}, 0, 0}), bytes));
}

TEST(PickleWriter, RefusesEndlessNesting) {
  PickleArena arena;
  PickleValue value;
  for (int i = 0; i < 2000; ++i) value = arena.list({&value, 1});
  EXPECT_FALSE(write_pickle(value));
}

TEST(PickleWriter, WritesWhatTheReaderReads) {
  PickleArena arena;
  const std::string all_bytes = [] {
    std::string s;
    for (int i = 0; i < 256; ++i) s += static_cast<char>(i);
    return s;
  }();
  const PickleValue in_set[] = {arena.integer(1), arena.integer(2)};
  const PicklePair pairs[] = {{arena.text("bytes"), arena.bytes(all_bytes)},
                              {arena.text("set"), arena.set(in_set)},
                              {arena.text("big"), arena.big_integer("\0\0\0\0\0\0\0\0\1"s)},
                              {arena.text("id"), arena.persistent_id(arena.integer(9))},
                              {arena.text("empty"), arena.bytes("")}};
  const auto document = read_pickle(written(arena.dict(pairs)), {}, "f", "");
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(document->root.find("bytes")->bytes(), all_bytes);
  EXPECT_EQ(document->root.find("set")->size(), 2u);
  EXPECT_EQ(document->root.find("set")->items()[1].integer(), 2);
  EXPECT_EQ(document->root.find("big")->big_integer(), "\0\0\0\0\0\0\0\0\1"s);
  EXPECT_EQ(document->root.find("id")->persistent_id().integer(), 9);
  EXPECT_EQ(document->root.find("empty")->bytes(), "");
}

}  // namespace
}  // namespace weighbridge
