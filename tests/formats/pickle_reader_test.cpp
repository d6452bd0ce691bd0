#include "formats/pickle_reader.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/byte_order.hpp"

namespace weighbridge {
namespace {

using std::string_literals::operator""s;
using testing::expect_error;

Result<PickleDocument> read(std::string bytes, PickleOptions options = {}) {
  return read_pickle(std::move(bytes), options, "m.pkl", "thing");
}

PickleOptions keeping() {
  PickleOptions options;
  options.globals.set_unknown(PickleGlobals::Unknown::keep);
  return options;
}

TEST(PickleReader, ReadsNumbers) {
  const auto value = [](std::string bytes) { return *read(std::move(bytes)); };
  EXPECT_EQ(value("\200\002K\377."s).root.integer(), 255);
  EXPECT_EQ(value("M\001\002."s).root.integer(), 0x201);
  EXPECT_EQ(value("J\376\377\377\377."s).root.integer(), -2);
  EXPECT_EQ(value("\212\000."s).root.integer(), 0);
  EXPECT_EQ(value("\212\002\000\200."s).root.integer(), -32768);
  EXPECT_EQ(value("\212\010\000\000\000\000\000\000\000\200."s).root.integer(), INT64_MIN);
  EXPECT_EQ(value("\213\003\000\000\000\001\000\001."s).root.integer(), 65537);
  EXPECT_EQ(value("\212\011\000\000\000\000\000\000\000\200\000."s).root.big_integer(),
            "\000\000\000\000\000\000\000\200\000"s);
  EXPECT_EQ(value("I-12\n."s).root.integer(), -12);
  EXPECT_EQ(value("L7L\n."s).root.integer(), 7);
  EXPECT_EQ(value("I01\n."s).root.boolean(), true);
  EXPECT_EQ(value("\210."s).root.boolean(), true);
  EXPECT_EQ(value("\211."s).root.boolean(), false);
  EXPECT_TRUE(value("N."s).root.is_none());
  EXPECT_EQ(value("G\077\360\000\000\000\000\000\000."s).root.real(), 1.0);
  EXPECT_EQ(value("G\300\004\000\000\000\000\000\000."s).root.real(), -2.5);
  EXPECT_EQ(value("F1e-05\n."s).root.real(), 1e-5);
}

TEST(PickleReader, ReadsStrings) {
  const auto text = [](std::string bytes) { return std::string{read(std::move(bytes))->root.text().value()}; };
  EXPECT_EQ(text("X\002\000\000\000\303\251."s), "\303\251");
  EXPECT_EQ(text("\214\001a."s), "a");
  EXPECT_EQ(text("\215\001\000\000\000\000\000\000\000a."s), "a");
  EXPECT_EQ(text("U\001a."s), "a");
  EXPECT_EQ(text("T\001\000\000\000a."s), "a");
  EXPECT_EQ(text("S'a\\x41\\n\\''\n."s), "aA\n'");
  EXPECT_EQ(text("V\\u00e9\351\\U0001f600\n."s), "\303\251\303\251\360\237\230\200");
  for (const auto& bytes : {"C\001\377."s, "B\001\000\000\000\377."s, "\216\001\000\000\000\000\000\000\000\377."s,
                            "\226\001\000\000\000\000\000\000\000\377."s,
                            "c_codecs\nencode\nX\002\000\000\000\303\277X\006\000\000\000latin1\206R."s})
    EXPECT_EQ(read(bytes)->root.bytes(), "\377"s);
}

TEST(PickleReader, ReadsContainers) {
  // [1, (2,), {'a': 3}, set, {4, 5}], with all the ways to fill them
  const auto document = read("\200\004](K\001K\002\205}\214\001aK\003s\217(K\004K\005\220e."s);
  ASSERT_TRUE(document) << document.error().text();
  const auto items = document->root.items();
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[0].integer(), 1);
  EXPECT_TRUE(items[1].is(PickleKind::tuple));
  EXPECT_EQ(items[1].items()[0].integer(), 2);
  EXPECT_EQ(items[2].find("a")->integer(), 3);
  EXPECT_EQ(items[2].size(), 1u);
  EXPECT_TRUE(items[3].is(PickleKind::set));
  EXPECT_EQ(items[3].size(), 2u);
  EXPECT_EQ(read("(K\001K\002K\003K\004t."s)->root.size(), 4u);
  EXPECT_EQ(read("(lp0\nI1\nag0\n0."s)->root.items()[0].integer(), 1);
  EXPECT_EQ(read("(K\001K\002d."s)->root.items()[1].integer(), 2);
  EXPECT_EQ(read("(K\001\221."s)->root.kind(), PickleKind::set);
  EXPECT_EQ(read("c__builtin__\nset\n]K\001a\205R."s)->root.kind(), PickleKind::set);
  const auto last = read("}(X\001\000\000\000aK\001X\001\000\000\000aK\002u."s);
  EXPECT_EQ(last->root.find("a")->integer(), 2);
  EXPECT_FALSE(last->root.find("b"));
}

TEST(PickleReader, SharesWhatTheMemoHolds) {
  const auto document = read("](]q\001K\007ah\001e."s);
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(document->root.items()[0].node(), document->root.items()[1].node());
  EXPECT_EQ(document->root.items()[1].items()[0].integer(), 7);
}

TEST(PickleReader, ReadsObjectsAsData) {
  auto options = keeping();
  options.globals = PickleGlobals::megatron();
  const auto document = read("cargparse\nNamespace\n)\201}X\001\000\000\000aK\005sb."s, options);
  ASSERT_TRUE(document) << document.error().text();
  const auto root = document->root;
  EXPECT_EQ(root.kind(), PickleKind::object);
  EXPECT_TRUE(root.new_object());
  EXPECT_TRUE(root.callable().is_global("argparse", "Namespace"));
  EXPECT_EQ(root.find("a")->integer(), 5);
  const auto ordered = read("ccollections\nOrderedDict\n)RX\001\000\000\000aK\001s}X\011\000\000\000_metadataNsb."s);
  ASSERT_TRUE(ordered) << ordered.error().text();
  EXPECT_TRUE(ordered->root.ordered());
  EXPECT_EQ(ordered->root.find("a")->integer(), 1);
  EXPECT_TRUE(ordered->root.state().find("_metadata"));
  const auto pairs = read("ccollections\nOrderedDict\n](](X\001\000\000\000aK\001eX\001\000\000\000bK\002\206e\205R."s);
  ASSERT_TRUE(pairs) << pairs.error().text();
  EXPECT_EQ(pairs->root.find("b")->integer(), 2);
  EXPECT_EQ(read("ctorch\nSize\n(K\001K\002K\003K\004t\205R."s)->root.shape(), (Shape{1, 2, 3, 4}));
  EXPECT_TRUE(read("ctorch\nbfloat16\n."s)->root.is_global("torch", "bfloat16"));
  EXPECT_TRUE(read("\214\005torch\214\007float32\223."s)->root.is_global("torch", "float32"));
  EXPECT_EQ(read("(cmod\nCls\nK\001o."s, keeping())->root.args().items()[0].integer(), 1);
  EXPECT_EQ(read("(K\001imod\nCls\n."s, keeping())->root.args().items()[0].integer(), 1);
  EXPECT_EQ(read("cmod\nCls\n)}\222."s, keeping())->root.kind(), PickleKind::object);
}

TEST(PickleReader, KeepsPersistentIds) {
  EXPECT_EQ(read("K\005Q."s)->root.persistent_id().integer(), 5);
  EXPECT_EQ(read("Pid\n."s)->root.persistent_id().text(), "id");
}

TEST(PickleReader, StopsAtTheEnd) {
  const auto document = read("K\001.K\002."s);
  EXPECT_EQ(document->length, 3u);
  EXPECT_EQ(pickle_length("K\001.K\002."s), 3u);
  EXPECT_EQ(pickle_length("X\003\000\000\000a.c."s), 9u);
  EXPECT_FALSE(pickle_length("X\003\000\000\000a."s));
  EXPECT_FALSE(pickle_length("\377."s));
}

TEST(PickleReader, RefusesForbiddenGlobals) {
  const auto forbidden = [](std::string bytes, const std::string& name) {
    for (auto options : {PickleOptions{}, keeping()}) {
      options.globals.allow("os", "system");
      const auto result = read(bytes, options);
      expect_error(result, "m.pkl", name, "forbidden global " + name);
      EXPECT_EQ(result.error().kind, Error::Kind::format);
    }
  };
  forbidden("cos\nsystem\nX\004\000\000\000true\205R."s, "os.system");
  forbidden("\214\005posix\214\006system\223."s, "posix.system");
  forbidden("cnt\nsystem\n."s, "nt.system");
  forbidden("csys\nmodules\n."s, "sys.modules");
  forbidden("csubprocess\nPopen\n."s, "subprocess.Popen");
  forbidden("c__builtin__\neval\n."s, "__builtin__.eval");
  forbidden("cbuiltins\nexec\n."s, "builtins.exec");
  forbidden("cbuiltins\ngetattr\n."s, "builtins.getattr");
  forbidden("cos.path\njoin\n."s, "os.path.join");
  forbidden("\214\010argparse\214\012_os.system\223."s, "argparse._os.system");
  forbidden("(ios\nsystem\n."s, "os.system");
  forbidden("coperator\nattrgetter\n."s, "operator.attrgetter");
}

TEST(PickleReader, RefusesOrKeepsUnknownGlobals) {
  const auto refused = read("cmy.module\nMyClass\n)R."s);
  expect_error(refused, "m.pkl", "my.module.MyClass", "not on the list of accepted ones");
  EXPECT_EQ(refused.error().kind, Error::Kind::unsupported);
  const auto kept = read("cmy.module\nMyClass\n)R."s, keeping());
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->root.callable().is_global("my.module", "MyClass"));
  EXPECT_TRUE(
      read("cmegatron.core.transformer.enums\nAttnBackend\nK\001\205R."s, {.globals = PickleGlobals::megatron()}));
  EXPECT_FALSE(read("cargparse\nNamespace\n."s));
}

TEST(PickleReader, RefusesDamagedPickles) {
  const auto damaged = [](std::string bytes, const std::string& problem) {
    expect_error(read(std::move(bytes), keeping()), "m.pkl", "thing", problem);
  };
  damaged("", "truncated (byte 0 of the pickle)");
  damaged("K\001", "truncated");
  damaged("X\377\377\377\377a.", "truncated");
  damaged("\215\377\377\377\377\377\377\377\377a.", "truncated");
  damaged("cos\n", "truncated");
  damaged(".", "takes more values than it has given");
  damaged("\200\006N."s, "protocols above 5");
  damaged("\377.", "unknown pickle opcode 0xff");
  damaged("t.", "mark");
  damaged("K\001(\205."s, "takes more values");
  damaged("h\005."s, "the memo has no entry 5");
  damaged("Nr\377\377\377\377.", "memo index 4294967295 is larger than the pickle");
  damaged("NNs.", "takes more values");
  damaged("NNNs.", "puts keys and values into a None");
  damaged("](NNu.", "puts keys and values into a list");
  damaged("}(Nu."s, "a key without a value");
  damaged("N)R.", "calls a None instead of a global");
  damaged("ca\nb\nNR.", "arguments of an object are not a tuple");
  damaged("]}b.", "sets the state of a list");
  damaged("\202\001."s, "extension registry");
  damaged("\227.", "buffers outside");
  damaged("Ix\n.", "not a number");
  damaged("\214\001\n\214\001a\223."s, "holds a line end");
}

TEST(PickleReader, RefusesCycles) {
  // x = []; x.append(x), and through a tuple, a dict, and an object's state
  for (const auto& bytes :
       {"]q\000h\000a."s, "]q\000h\000\205a."s, "}q\000K\001h\000s."s, "ca\nb\n)\201q\000}K\001h\000sb."s})
    expect_error(read(bytes, keeping()), "m.pkl", "thing", "contains itself");
}

TEST(PickleReader, BoundsDepth) {
  const auto nested = [](std::size_t depth) { return std::string{"N"}.append(depth, '\205').append("."); };
  EXPECT_TRUE(read(nested(499)));
  expect_error(read(nested(501)), "m.pkl", "thing", "nested more than 500 deep");
  expect_error(read(nested(3'000'000)), "m.pkl", "thing", "nested more than 500 deep");
  EXPECT_TRUE(read(nested(1'000), {.max_depth = 2'000}));
}

TEST(PickleReader, BoundsWork) {
  // A list of lists of lists … each naming the one below twice: 2^60 ways, 61 nodes.
  std::string doubled = "]q\000"s;
  for (int i = 0; i < 60; ++i) doubled += "](h\000h\000eq\000"s;
  EXPECT_TRUE(read(doubled + "."));
  // A long string turned into bytes again and again.
  std::string copies = "c_codecs\nencode\nq\000X"s;
  append_little_endian<std::uint32_t>(copies, 1 << 20);
  copies += std::string(1 << 20, 'x') + "X\006\000\000\000latin1\206q\001"s;
  for (int i = 0; i < 10'000; ++i) copies += "0h\000h\001R"s;
  expect_error(read(copies + "."), "m.pkl", "thing", "expands to many times its size");
  expect_error(read("](NNNNK\001K\001K\001e."s, {.max_nodes = 2}), "m.pkl", "thing", "more than 2 values");
}

}  // namespace
}  // namespace weighbridge
