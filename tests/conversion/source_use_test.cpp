#include "conversion/source_use.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

using testing::HasSubstr;

// A source of U8 tensors [2, 3] in one file; each is 6 bytes from a given offset on.
class SourceUse : public testing::Test {
 protected:
  SourceUse() {
    std::ofstream{file, std::ios::binary} << "abcdef" "abcdef" "abcdeX";
    source.files.push_back(file);
  }
  void stored(const std::string& name, std::uint64_t offset, Shape shape = {2, 3}) {
    source.tensors[name] = {name, DType::u8, shape, {{0, offset, whole(shape), row_major_strides(shape)}}};
  }
  void used(const std::string& name) {
    auto tensor = set.algebra.tensor(name, {2, 3});
    ASSERT_TRUE(tensor);
    set.equations.push_back({"", 0, 0, "megatron." + name, *tensor, Split::none, 1, false, false});
  }
  Status check(bool strict = true) { return check_use(set, source, "the/folder", strict, conversion); }

  test::TemporaryFolder folder;
  std::filesystem::path file = folder / "weights";
  Catalogue source;
  EquationSet set;
  Conversion conversion;
};

TEST_F(SourceUse, AnEqualCopyOfATiedTensorIsAccepted) {
  stored("embedding", 0);
  stored("head", 6);
  used("embedding");
  set.declarations.push_back({Declaration::Kind::tied, "head", "embedding", "tie_word_embeddings"});
  EXPECT_TRUE(check());
  ASSERT_EQ(conversion.tied.size(), 1);
  EXPECT_EQ(conversion.tied[0].name, "head");
}

TEST_F(SourceUse, ACopyThatDiffersIsRefused) {
  stored("embedding", 0);
  stored("head", 12);  // its last byte is another
  used("embedding");
  set.declarations.push_back({Declaration::Kind::tied, "head", "embedding", "tie_word_embeddings"});
  const auto status = check();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().subject, "tensor head");
  EXPECT_THAT(status.error().problem, HasSubstr("differs from embedding"));
  EXPECT_THAT(status.error().remedy, HasSubstr("tie_word_embeddings"));
}

TEST_F(SourceUse, ALargeCopyIsTakenForOneWhereOnlyHeadersAreRead) {
  stored("embedding", 0);
  stored("head", 12);  // its last byte is another
  used("embedding");
  set.declarations.push_back({Declaration::Kind::copy, "head", "embedding", "prediction layers share it"});
  ASSERT_TRUE(settle_copies(set, source, 5));
  EXPECT_EQ(set.declarations[0].kind, Declaration::Kind::tied);
  EXPECT_TRUE(check_use(set, source, "the/folder", true, conversion, 5));
  ASSERT_EQ(conversion.notes.size(), 1);
  EXPECT_EQ(conversion.notes[0], "whether head is the same as embedding is looked at when it is converted");
  EXPECT_FALSE(check_use(set, source, "the/folder", true, conversion, 6));
}

TEST_F(SourceUse, AllMissingTensorsAreInOneError) {
  used("first");
  used("second");
  const auto status = check();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().subject, "tensors first, second");
}

TEST_F(SourceUse, AnotherShapeNamesBoth) {
  stored("embedding", 0, {3, 2});
  used("embedding");
  const auto status = check();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().problem, "has the shape [3, 2]; the configuration makes it [2, 3]");
  EXPECT_EQ(status.error().file, file.string());
}

TEST_F(SourceUse, UnusedTensorsAreRefusedOrNamed) {
  stored("embedding", 0);
  stored("stranger", 6);
  used("embedding");
  const auto status = check();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().subject, "tensor stranger");
  EXPECT_THAT(status.error().remedy, HasSubstr("--not-strict"));
  EXPECT_TRUE(check(false));
  ASSERT_EQ(conversion.dropped.size(), 1);
  EXPECT_EQ(conversion.dropped[0].name, "stranger");
}

TEST_F(SourceUse, ADroppedTensorIsNamedOnlyWhereItIs) {
  stored("embedding", 0);
  stored("inv_freq", 6);
  used("embedding");
  set.declarations.push_back({Declaration::Kind::dropped, "inv_freq", "", "computed"});
  set.declarations.push_back({Declaration::Kind::dropped, "elsewhere", "", "computed"});
  EXPECT_TRUE(check());
  ASSERT_EQ(conversion.dropped.size(), 1);
  EXPECT_EQ(conversion.dropped[0].name, "inv_freq");
  EXPECT_EQ(conversion.dropped[0].reason, "computed");
}

}  // namespace
}  // namespace weighbridge
