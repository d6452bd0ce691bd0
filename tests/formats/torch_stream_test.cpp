#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/torch_object.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using std::string_literals::operator""s;
using testing::expect_error;
using testing::WrittenFile;

// What PyTorch 2.15 wrote for {"w": arange(6.).reshape(2, 3), "h": w[1]} with _use_new_zipfile_serialization=False.
const std::string kHead =
    "\200\002\212\nl\374\234F\371 "
    "j\250P\031.\200\002M\351\003.\200\002}q\000(X\020\000\000\000protocol_versionq\001M\351\003"
    "X\r\000\000\000little_endianq\002\210X\n\000\000\000type_sizesq\003}q\004("
    "X\005\000\000\000shortq\005K\002X\003\000\000\000intq\006K\004"
    "X\004\000\000\000longq\007K\004uu."s;
const std::string kObject =
    "\200\002}q\000(X\001\000\000\000wq\001ctorch._utils\n_rebuild_tensor_v2\nq\002(("
    "X\007\000\000\000storageq\003ctorch\nFloatStorage\nq\004"
    "X\016\000\000\00094390326135696q\005X\003\000\000\000cpuq\006K\006Ntq\007QK\000K\002K\003\206q\010K\003K\001\206q"
    "\t\211ccollections\n"
    "OrderedDict\nq\n)Rq\013tq\014Rq\rX\001\000\000\000hq\016h\002(("
    "h\003h\004X\016\000\000\00094390326135696q\017h\006K\006Ntq\020QK\003K\003\205"
    "q\021K\001\205q\022\211h\n)Rq\023tq\024Rq\025u."s;
const std::string kKeys = "\200\002]q\000X\016\000\000\00094390326135696q\001a."s;
const std::string kData =
    "\006\000\000\000\000\000\000\000\000\000\000\000\000\000\200?\000\000\000@\000\000@@\000\000\200@\000\000\240@"s;

Result<TorchObject> read(const std::string& bytes) {
  const WrittenFile written{"old.bin", bytes};
  return read_torch_object(written.open(), 0, bytes.size());
}

TEST(TorchStream, ReadsFilesOfBeforeTorch16) {
  const auto bytes = kHead + kObject + kKeys + kData;
  ASSERT_EQ(bytes.size(), 449u);
  const WrittenFile written{"old.bin", bytes};
  const auto file = written.open();
  const auto object = read_torch_object(file);
  ASSERT_TRUE(object) << object.error().text();
  const auto* w = object->root().find("w")->tensor();
  const auto* h = object->root().find("h")->tensor();
  ASSERT_TRUE(w && h);
  EXPECT_EQ(w->shape, (Shape{2, 3}));
  EXPECT_EQ(object->offset_of(*w), 449u - 24);
  EXPECT_EQ(h->shape, Shape{3});
  EXPECT_EQ(object->offset_of(*h), 449u - 12);
  EXPECT_EQ(*file.read(object->offset_of(*h), 4), "\000\000@@"s);  // 3.0
}

TEST(TorchStream, FollowsViewsOfStorages) {
  // Storage "v" is elements 2 to 5 of storage "r"; the tensor begins at its element 1.
  const auto object =
      "\200\002ctorch._utils\n_rebuild_tensor\n(("
      "X\007\000\000\000storagectorch\nFloatStorage\nX\001\000\000\000rX\003\000\000\000cpuK\006"
      "(X\001\000\000\000vK\002K\003ttQK\001K\002\205K\001\205tR."s;
  const auto bytes = kHead + object + "\200\002]X\001\000\000\000ra."s + kData;
  const auto read_object = read(bytes);
  ASSERT_TRUE(read_object) << read_object.error().text();
  EXPECT_EQ(read_object->offset_of(*read_object->root().tensor()), bytes.size() - 24 + 8 + 4);
}

TEST(TorchStream, RefusesTruncatedFiles) {
  const auto bytes = kHead + kObject + kKeys + kData;
  expect_error(read(bytes.substr(0, bytes.size() - 1)), "old.bin", "",
               "is truncated in storage '94390326135696', which needs 24 bytes");
  expect_error(read(bytes.substr(0, bytes.size() - 30)), "old.bin", "", "is truncated before storage");
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(read(bytes.substr(0, size))) << size;
}

TEST(TorchStream, RefusesWrongStorages) {
  auto data = kData;
  data[0] = 5;
  expect_error(read(kHead + kObject + kKeys + data), "old.bin", "", "has 5 elements, but its tensors need 6");
  expect_error(read(kHead + kObject + "\200\002]."s), "old.bin", "", "storage '94390326135696' is missing");
  expect_error(read(kHead + kObject + "\200\002]X\001\000\000\000xa."s), "old.bin", "",
               "lists a storage that no tensor uses");
}

TEST(TorchStream, RefusesForbiddenGlobals) {
  expect_error(read(kHead + "\200\002cos\nsystem\n)R."s), "old.bin", "os.system", "forbidden global os.system");
}

}  // namespace
}  // namespace weighbridge
