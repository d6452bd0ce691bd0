#include "formats/dcp_metadata.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/byte_order.hpp"

namespace weighbridge {
namespace {

using std::string_literals::operator""s;
using testing::expect_error;

std::string text(std::string_view value) {
  std::string bytes = "X";
  append_little_endian<std::uint32_t>(bytes, static_cast<std::uint32_t>(value.size()));
  return bytes.append(value);
}

// Pieces of a hand-written `.metadata`.
const std::string kModule = "torch.distributed.checkpoint.metadata\n";
std::string size(const std::string& extents) { return "ctorch\nSize\n(" + extents + "t\205R"; }
std::string chunk(const std::string& offsets, const std::string& sizes) {
  return "c" + kModule + "ChunkStorageMetadata\n)\201}(" + text("offsets") + size(offsets) + text("sizes") +
         size(sizes) + "ub";
}
std::string properties(const std::string& module = kModule, const std::string& encoding = "_MEM_FORMAT_ENCODING",
                       const std::string& more = "") {
  return "c" + module + "TensorProperties\n)\201(ctorch\nbfloat16\nctorch.serialization\n_get_layout\n" +
         text("torch.strided") + "\205R\211c" + module + encoding + "\nK\001\205R\211" + more + "tb";
}
std::string tensor(const std::string& shape, const std::string& chunks, const std::string& described = properties()) {
  return "c" + kModule + "TensorStorageMetadata\n)\201}(" + text("properties") + described + text("size") +
         size(shape) + text("chunks") + "](" + chunks + "eub";
}
std::string object() { return "c" + kModule + "BytesStorageMetadata\n)\201"; }
std::string index(std::string_view key, const std::string& offset = "") {
  return "c" + kModule + "MetadataIndex\n)\201}(" + text("fqn") + text(key) + text("index") + "K\007" +
         (offset.empty() ? "" : text("offset") + size(offset)) + "ub";
}
std::string place(std::string_view path, std::string_view offset, std::string_view length,
                  const std::string& more = "") {
  return "ctorch.distributed.checkpoint.filesystem\n_StorageInfo\n)\201}(" + text("relative_path") + text(path) +
         text("offset") + std::string{offset} + text("length") + std::string{length} + more + "ub";
}
std::string metadata(const std::string& items, const std::string& storage, const std::string& more = "",
                     const std::string& cls = "") {
  return "\200\002c" + (cls.empty() ? kModule + "Metadata\n" : cls) + ")\201}(" + text("state_dict_metadata") + "}(" +
         items + "u" + text("storage_data") + "}(" + storage + "u" + more + "ub.";
}

// A [2, 3] tensor in two chunks of one row, and an object.
const std::string kItems =
    text("w") + tensor("K\002K\003", chunk("K\000K\000"s, "K\001K\003") + chunk("K\001K\000"s, "K\001K\003")) +
    text("o/shard_0_1") + object();
const std::string kStorage = index("w", "K\001K\000"s) + place("__1_0.distcp", "K\005", "K\144") +
                             index("w", "K\000K\000"s) + place("__0_0.distcp", "M\000\001"s, "K\144") +
                             index("o/shard_0_1") + place("__0_0.distcp", "K\000"s, "K\100");

void expect_the_example(const Result<DcpMetadata>& read) {
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->files, (std::vector<std::string>{"__1_0.distcp", "__0_0.distcp"}));
  ASSERT_EQ(read->tensors.size(), 1u);
  EXPECT_EQ(read->tensors.at("w"),
            (DcpTensor{DType::bf16, {2, 3}, {{{{0, 0}, {1, 3}}, {1, 256, 100}}, {{{1, 0}, {1, 3}}, {0, 5, 100}}}}));
  ASSERT_EQ(read->objects.size(), 1u);
  EXPECT_EQ(read->objects.at("o/shard_0_1"), (DcpItem{1, 0, 64}));
}

TEST(DcpMetadata, FindsEveryChunk) { expect_the_example(parse_dcp_metadata(metadata(kItems, kStorage), ".metadata")); }

TEST(DcpMetadata, ReadsTheFormsOfOtherVersions) {
  const std::string old_module = "torch.distributed._shard.sharded_tensor.metadata\n";
  const auto old_items = text("w") +
                         tensor("K\002K\003", chunk("K\000K\000"s, "K\001K\003") + chunk("K\001K\000"s, "K\001K\003"),
                                properties(old_module, "MEM_FORMAT_ENCODING")) +
                         text("o/shard_0_1") + object();
  expect_the_example(parse_dcp_metadata(metadata(old_items, kStorage), ".metadata"));
  const auto new_items = text("w") +
                         tensor("K\002K\003", chunk("K\000K\000"s, "K\001K\003") + chunk("K\001K\000"s, "K\001K\003"),
                                properties(kModule, "_MEM_FORMAT_ENCODING", "K\003K\001\206")) +
                         text("o/shard_0_1") + object();
  const auto more = text("version") + text("1.0.0") + text("planner_data") + "N" + text("all_local_plans") +
                    "]ctorch.distributed.checkpoint.planner\nSavePlan\n)\201a" + text("mcore_data") + "}";
  expect_the_example(parse_dcp_metadata(metadata(new_items, kStorage, more), ".metadata"));
  expect_the_example(parse_dcp_metadata(
      metadata(kItems, kStorage, "", "megatron.core.dist_checkpointing.strategies.torch\nMCoreMetadata\n"),
      ".metadata"));
}

TEST(DcpMetadata, RefusesPathsOutOfItsFolder) {
  for (const auto* path : {"../x.distcp", "/etc/passwd", "a/../../b"})
    expect_error(
        parse_dcp_metadata(metadata(text("o") + object(), index("o") + place(path, "K\000"s, "K\001")), "c/.metadata"),
        "c/.metadata", "o", "not inside the folder of the checkpoint");
}

TEST(DcpMetadata, RefusesTransformedItems) {
  const auto zstd = text("transform_descriptors") + "]" + text("stream.zstd/1") + "a";
  expect_error(
      parse_dcp_metadata(metadata(text("o") + object(), index("o") + place("f", "K\000"s, "K\001", zstd)), ".metadata"),
      ".metadata", "o", "stored transformed (stream.zstd/1)");
  EXPECT_TRUE(parse_dcp_metadata(
      metadata(text("o") + object(), index("o") + place("f", "K\000"s, "K\001", text("transform_descriptors") + "N")),
      ".metadata"));
}

TEST(DcpMetadata, RefusesChunksThatDoNotTile) {
  const auto with = [](const std::string& chunks) {
    return parse_dcp_metadata(metadata(text("w") + tensor("K\002K\003", chunks), kStorage), ".metadata");
  };
  expect_error(with(chunk("K\000K\000"s, "K\001K\003")), ".metadata", "w", "cover 3 of 6 elements");
  expect_error(with(chunk("K\000K\000"s, "K\002K\003") + chunk("K\001K\000"s, "K\001K\003")), ".metadata", "w",
               "overlap");
  expect_error(with(chunk("K\000K\000"s, "K\003K\003")), ".metadata", "w", "does not lie in the shape [2, 3]");
  expect_error(with(chunk("K\000"s, "K\002")), ".metadata", "w", "does not lie in the shape");
}

TEST(DcpMetadata, SkipsChunksWithoutElements) {
  const auto chunks = chunk("K\000K\000"s, "K\002K\003") + chunk("K\002K\000"s, "K\000K\003"s);
  const auto read = parse_dcp_metadata(metadata(text("w") + tensor("K\002K\003", chunks), kStorage), ".metadata");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->tensors.at("w").chunks.size(), 1u);
}

TEST(DcpMetadata, RefusesMissingEntries) {
  expect_error(
      parse_dcp_metadata(metadata(kItems, index("w", "K\001K\000"s) + place("f", "K\000"s, "K\001")), ".metadata"),
      ".metadata", "w", "storage_data has no entry for its chunk at [0, 0]");
  expect_error(
      parse_dcp_metadata(metadata(text("o") + object(), index("p") + place("f", "K\000"s, "K\001")), ".metadata"),
      ".metadata", "o", "has no entry");
  expect_error(parse_dcp_metadata(metadata(text("o") + object(), index("o") + place("f", "N", "K\001")), ".metadata"),
               ".metadata", "o", "not given as relative_path, offset and length");
  expect_error(parse_dcp_metadata(metadata(text("o") + object(), index("o") + place("f", "J\377\377\377\377", "K\001")),
                                  ".metadata"),
               ".metadata", "o", "not given as relative_path");
}

TEST(DcpMetadata, RefusesDuplicateKeys) {
  const auto entry = index("o") + place("f", "K\000"s, "K\001");
  expect_error(parse_dcp_metadata(metadata(text("o") + object() + text("o") + object(), entry), ".metadata"),
               ".metadata", "o", "listed twice");
  expect_error(parse_dcp_metadata(metadata(text("o") + object(), entry + entry), ".metadata"), ".metadata", "o",
               "lists one of its parts twice");
}

TEST(DcpMetadata, RefusesOtherPickles) {
  expect_error(parse_dcp_metadata("\200\002}."s, ".metadata"), ".metadata", "",
               "not the metadata of a distributed checkpoint");
  expect_error(parse_dcp_metadata("", ".metadata"), ".metadata", "", "truncated");
  expect_error(parse_dcp_metadata("cos\nsystem\n)R.", ".metadata"), ".metadata", "os.system", "forbidden global");
}

TEST(DcpMetadata, WritesTheMinimalForm) {
  DcpMetadata small;
  small.files = {"__0_0.distcp"};
  small.tensors["w"] = {DType::bf16, {2}, {{{{0}, {2}}, {0, 64, 1500}}}};
  small.objects["o/shard_0_1"] = {0, 0, 64};
  const auto bytes = write_dcp_metadata(small);
  ASSERT_TRUE(bytes) << bytes.error().text();
  EXPECT_EQ(
      *bytes,
      "\200\002ctorch.distributed.checkpoint.metadata\nMetadata\nq\000)\201}(X\023\000\000\000state_dict_metadata}("
      "X\001\000\000\000wq\001ctorch.distributed.checkpoint.metadata\nTensorStorageMetadata\nq\002)\201}("
      "X\012\000\000\000propertiesq\003"
      "ctorch.distributed.checkpoint.metadata\nTensorProperties\nq\004)\201(ctorch\nbfloat16\nq\005ctorch."
      "serialization\n_get_layout\nq\006"
      "X\015\000\000\000torch.strided\205Rq\007\211ctorch.distributed.checkpoint.metadata\n_MEM_FORMAT_"
      "ENCODING\nq\010K\000\205Rq\011\211tb"
      "X\004\000\000\000sizeq\012ctorch\nSize\nq\013K\002\205\205RX\006\000\000\000chunksq\014](ctorch.distributed."
      "checkpoint.metadata\n"
      "ChunkStorageMetadata\nq\015)\201}("
      "X\007\000\000\000offsetsq\016h\013K\000\205\205RX\005\000\000\000sizesq\017h\013K\002\205\205Rubeub"
      "X\013\000\000\000o/shard_0_1q\020ctorch.distributed.checkpoint.metadata\nBytesStorageMetadata\nq\021)\201u"
      "X\014\000\000\000storage_data}(ctorch.distributed.checkpoint.metadata\nMetadataIndex\nq\022)\201}("
      "X\003\000\000\000fqnq\023h\001"
      "X\006\000\000\000offsetq\024h\013K\000\205\205Rubctorch.distributed.checkpoint.filesystem\n_StorageInfo\nq\025)"
      "\201}("
      "X\015\000\000\000relative_pathq\026X\014\000\000\000__0_0.distcpq\027h\024K@"
      "X\006\000\000\000lengthq\030M\334\005ub"
      "h\022)\201}(h\023h\020ubh\025)\201}(h\026h\027h\024K\000h\030K@ubuub."s);
}

TEST(DcpMetadata, ReadsWhatItWrites) {
  DcpMetadata many;
  many.files = {"__0_0.distcp", "sub/__1_0.distcp"};
  for (int i = 0; i < 2500; ++i) {
    DcpTensor& tensor = many.tensors["decoder.layers." + std::to_string(i)];
    tensor = {i % 2 ? DType::f32 : DType::f8_e4m3, {4, 2, 3, 1, 2}, {}};
    for (int row = 0; row < 4; ++row)
      tensor.chunks.push_back({{{row, 0, 0, 0, 0}, {1, 2, 3, 1, 2}}, {row % 2u, i * 10'000'000ull, 1ull << 33}});
    many.objects["extra/shard_" + std::to_string(i)] = {1, 7, 9};
  }
  many.tensors["scalar"] = {DType::i64, {}, {{{{}, {}}, {0, 1, 2}}}};
  const auto bytes = write_dcp_metadata(many);
  ASSERT_TRUE(bytes) << bytes.error().text();
  const auto read = parse_dcp_metadata(*bytes, ".metadata");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->files, many.files);
  EXPECT_EQ(read->tensors, many.tensors);
  EXPECT_EQ(read->objects, many.objects);
  EXPECT_EQ(*write_dcp_metadata(*read), *bytes);
}

TEST(DcpMetadata, WritesNoWrongCheckpoint) {
  DcpMetadata wrong;
  wrong.files = {"__0_0.distcp"};
  wrong.tensors["w"] = {DType::bf16, {2}, {{{{0}, {1}}, {0, 0, 9}}}};
  expect_error(write_dcp_metadata(wrong), ".metadata", "w", "cover 1 of 2 elements");
  wrong.tensors["w"].chunks = {{{{0}, {2}}, {5, 0, 9}}};
  expect_error(write_dcp_metadata(wrong), ".metadata", "w", "in no file");
  wrong.tensors.clear();
  wrong.files = {"../x"};
  expect_error(write_dcp_metadata(wrong), ".metadata", "../x", "not a path inside the folder");
}

}  // namespace
}  // namespace weighbridge
