#include "formats/torch_object.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/torch_archive.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using std::string_literals::operator""s;
using testing::expect_error;
using testing::WrittenFile;

// A tensor call: torch._utils.<function>(storage, offset, size, stride, False, OrderedDict()<more>).
std::string tensor(const std::string& function, const std::string& storage, const std::string& offset_size_stride,
                   const std::string& more = "") {
  return "ctorch._utils\n" + function + "\n((X\007\000\000\000storage"s + storage +
         "X\001\000\000\0000X\003\000\000\000cpu"s + offset_size_stride + "\211ccollections\nOrderedDict\n)R" + more +
         "tR";
}

// 24 bytes as 6 floats, seen as [3, 2] with strides [1, 3] from element 0 on: the transpose of a 2 x 3 matrix.
const std::string kTransposed =
    tensor("_rebuild_tensor_v2", "ctorch\nFloatStorage\n", "K\006tQK\000K\003K\002\206K\001K\003\206"s);

std::string archive(const std::string& pickle, std::size_t bytes = 24, const std::string& key = "data/0") {
  return lay_out_torch_archive({{"data.pkl", "\200\002" + pickle + ".", false, 0},
                                {key, std::string(bytes, '\1'), false, 0},
                                {"version", "3\n", false, 0}})
      .literals.at(0)
      .bytes.text();
}

Result<TorchObject> read(const std::string& bytes, const TorchOptions& options = {}) {
  const WrittenFile written{"m.pt", bytes};
  return read_torch_object(written.open(), 0, bytes.size(), options, "item");
}

TEST(TorchObject, KnowsWhereTensorsLie) {
  const auto bytes = archive(kTransposed);
  const WrittenFile written{"m.pt", "123" + bytes};
  const auto object = read_torch_object(written.open(), 3, bytes.size());
  ASSERT_TRUE(object) << object.error().text();
  const auto* found = object->root().tensor();
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->dtype, DType::f32);
  EXPECT_EQ(found->shape, (Shape{3, 2}));
  EXPECT_EQ(found->strides, (Shape{1, 3}));
  EXPECT_EQ(object->storages.at(0).bytes, 24u);
  EXPECT_EQ(object->offset_of(*found), 3 + bytes.find(std::string(24, '\1')));
}

TEST(TorchObject, AddsTheOffsetInElements) {
  const auto object =
      read(archive(tensor("_rebuild_tensor_v2", "ctorch\nBFloat16Storage\n", "K\014tQK\005K\007\205K\001\205"s)));
  ASSERT_TRUE(object) << object.error().text();
  EXPECT_EQ(object->offset_of(*object->root().tensor()), object->storages[0].offset + 10);
}

TEST(TorchObject, ReadsNewerElementTypes) {
  const auto object = read(archive(tensor("_rebuild_tensor_v3", "ctorch.storage\nUntypedStorage\n",
                                          "K\030tQK\000K\030\205K\001\205"s, "ctorch\nfloat8_e4m3fn\n")));
  ASSERT_TRUE(object) << object.error().text();
  EXPECT_EQ(object->root().tensor()->dtype, DType::f8_e4m3);
  const auto wide = read(archive(tensor("_rebuild_tensor_v3", "ctorch.storage\nUntypedStorage\n",
                                        "K\030tQK\000K\003\205K\001\205"s, "ctorch\nuint64\n")));
  ASSERT_TRUE(wide) << wide.error().text();
  EXPECT_EQ(wide->root().tensor()->dtype, DType::u64);
  expect_error(read(archive(tensor("_rebuild_tensor_v3", "ctorch.storage\nUntypedStorage\n",
                                   "K\030tQK\000K\003\205K\001\205"s, "ctorch\ncomplex128\n"))),
               "m.pt", "item", "a tensor of the type complex128");
}

TEST(TorchObject, LooksThroughParametersAndSubclasses) {
  EXPECT_NE(read(archive("ctorch._utils\n_rebuild_parameter\n(" + kTransposed + "\210ccollections\nOrderedDict\n)RtR"))
                ->root()
                .tensor(),
            nullptr);
  const auto begin = kTransposed.find("((");
  const auto args = kTransposed.substr(begin, kTransposed.size() - begin - 1);  // the tuple, without the call
  EXPECT_NE(read(archive("ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n" +
                         args + "NtR"))
                ->root()
                .tensor(),
            nullptr);
}

TEST(TorchObject, ReadsEmptyTensorsAndScalars) {
  const auto empty =
      read(archive(tensor("_rebuild_tensor_v2", "ctorch\nByteStorage\n", "K\000tQK\000K\000\205K\001\205"s), 0));
  ASSERT_TRUE(empty) << empty.error().text();
  EXPECT_EQ(empty->root().tensor()->shape, Shape{0});
  const auto scalar = read(archive(tensor("_rebuild_tensor_v2", "ctorch\nLongStorage\n", "K\001tQK\000))"s), 8));
  ASSERT_TRUE(scalar) << scalar.error().text();
  EXPECT_EQ(scalar->root().tensor()->shape, Shape{});
}

TEST(TorchObject, RefusesTensorsOutsideTheirStorage) {
  const auto refused = [](const std::string& view) {
    expect_error(read(archive(tensor("_rebuild_tensor_v2", "ctorch\nFloatStorage\n", view))), "m.pt", "item",
                 "does not lie in its storage '0' of 24 bytes");
  };
  refused("K\006tQK\000K\003K\003\206K\003K\001\206"s);    // too many rows
  refused("K\006tQK\001K\002K\003\206K\003K\001\206"s);    // begins too late
  refused("K\006tQK\007K\000\205K\001\205"s);              // empty, but begins behind the end
  refused("K\006tQJ\377\377\377\377K\001\205K\001\205"s);  // begins before the start
  refused("K\006tQK\000J\377\377\377\377\205K\001\205"s);  // negative size
  refused("K\006tQK\000K\002\205J\377\377\377\377\205"s);  // negative stride
  refused(
      "K\006tQK\000\212\010\377\377\377\377\377\377\377\177\205"
      "\212\010\377\377\377\377\377\377\377\177\205"s);  // overflow
}

TEST(TorchObject, RefusesWrongStorages) {
  expect_error(read(archive(kTransposed, 23)), "m.pt", "item", "'data/0' has 23 bytes, but its tensors need 24");
  expect_error(read(archive(kTransposed, 24, "data/1")), "m.pt", "item", "'data/0' is missing");
  expect_error(read(archive(tensor("_rebuild_tensor_v2", "ctorch\nQInt8Storage\n", "K\006tQK\000K\003\205K\001\205"s))),
               "m.pt", "item", "type QInt8Storage");
  expect_error(read(archive("(X\006\000\000\000moduleNNNtQ"s)), "m.pt", "item", "holds a whole module");
  expect_error(read(archive("(X\007\000\000\000storageNNNNtQ"s)), "m.pt", "item", "a storage is not described");
  expect_error(read(archive("ctorch._utils\n_rebuild_tensor_v2\n(NK\000))\211NtR"s)), "m.pt", "item",
               "a tensor is not described");
  const auto two_sizes = "(" + kTransposed +
                         tensor("_rebuild_tensor_v2", "ctorch\nFloatStorage\n", "K\005tQK\000K\003\205K\001\205"s) +
                         "t";
  expect_error(read(archive(two_sizes)), "m.pt", "item", "described twice, differently");
}

TEST(TorchObject, RefusesForbiddenGlobals) {
  expect_error(read(archive("cos\nsystem\nX\002\000\000\000ls\205R"s)), "m.pt", "os.system",
               "forbidden global os.system");
}

TEST(TorchObject, RefusesBigEndianTensors) {
  const auto bytes = lay_out_torch_archive({{"data.pkl", "\200\002" + kTransposed + ".", false, 0},
                                            {"byteorder", "big", false, 0},
                                            {"data/0", std::string(24, '\1'), false, 0},
                                            {"version", "3\n", false, 0}})
                         .literals.at(0)
                         .bytes.text();
  expect_error(read(bytes), "m.pt", "item", "big-endian");
}

TEST(TorchObject, RefusesOtherFiles) {
  expect_error(read(""), "m.pt", "item", "is not a file that torch.save wrote");
  expect_error(read("just text, long enough to hold a magic number"), "m.pt", "item",
               "is not a file that torch.save wrote");
  TorchOptions options;
  options.max_pickle = 10;
  expect_error(read(archive(kTransposed), options), "m.pt", "item", "at most 10 are accepted");
  const WrittenFile written{"m.pt", "x"};
  expect_error(read_torch_object(written.open(), 1, 5), "m.pt", "", "is truncated");
}

}  // namespace
}  // namespace weighbridge
