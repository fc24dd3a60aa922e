// Pickles that Python wrote, and those that no honest program writes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "io/pickle_reader.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

using namespace std::string_literals;
using ddim::test::expect_error;
using test::bytes_of;
using testing::AllOf;
using testing::HasSubstr;

ParsedPickle parse(const std::string& text) { return parse_pickle(bytes_of(text), "a.pkl"); }

/// {"a": [1, -2, 2.5, True, None, "\u00e9\n"], 7: ("x", (), [])} as pickle.dumps writes it.
void expect_example(const std::string& pickle) {
  const ParsedPickle parsed = parse(pickle);
  EXPECT_EQ(parsed.num_bytes, pickle.size());
  const PickleValue root = parsed.tree->root();
  ASSERT_TRUE(root.is(PickleKind::dict));
  ASSERT_EQ(root.size(), 2U);
  const PickleValue list = root.find("a").value();
  ASSERT_TRUE(list.is(PickleKind::list));
  ASSERT_EQ(list.size(), 6U);
  EXPECT_EQ(list[0].integer(), 1);
  EXPECT_EQ(list[1].integer(), -2);
  EXPECT_EQ(list[2].real(), 2.5);
  EXPECT_TRUE(list[3].is(PickleKind::boolean));
  EXPECT_EQ(list[3].integer(), 1);
  EXPECT_TRUE(list[4].is(PickleKind::none));
  EXPECT_EQ(list[5].text(), "\xC3\xA9\n");
  const auto [key, tuple] = root.pair(1);
  EXPECT_EQ(key.integer(), 7);
  ASSERT_TRUE(tuple.is(PickleKind::tuple));
  EXPECT_EQ(tuple[0].text(), "x");
  EXPECT_EQ(tuple[1].size(), 0U);
  EXPECT_TRUE(tuple[2].is(PickleKind::list));
}

constexpr int kNumProtocols = 6;

std::string example(int protocol) {
  switch (protocol) {
    case 0:
      return "(dp0\x0aVa\x0ap1\x0a(lp2\x0aI1\x0a"
             "aI-2\x0a"
             "aF2.5\x0a"
             "aI01\x0a"
             "aNaV\xe9\x5cu000a\x0ap"
             "3\x0a"
             "asI7\x0a(Vx\x0ap4\x0a(t(lp5\x0atp6"
             "\x0as."s;
    case 1:
      return "}q\x00(X\x01\x00\x00\x00"
             "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG"
             "@\x04\x00\x00\x00\x00\x00\x00I01\x0aNX\x03\x00\x00\x00\xc3\xa9\x0aq\x03"
             "e"
             "K\x07(X\x01\x00\x00\x00xq\x04)]q\x05tq\x06u."s;
    case 2:
      return "\x80\x02}q\x00(X\x01\x00\x00\x00"
             "aq\x01]q\x02(K\x01J\xfe\xff\xff"
             "\xffG@\x04\x00\x00\x00\x00\x00\x00\x88NX\x03\x00\x00\x00\xc3\xa9\x0aq\x03"
             "eK"
             "\x07X\x01\x00\x00\x00xq\x04)]q\x05\x87q\x06u."s;
    case 3:
      return "\x80\x03}q\x00(X\x01\x00\x00\x00"
             "aq\x01]q\x02(K\x01J\xfe\xff\xff"
             "\xffG@\x04\x00\x00\x00\x00\x00\x00\x88NX\x03\x00\x00\x00\xc3\xa9\x0aq\x03"
             "eK"
             "\x07X\x01\x00\x00\x00xq\x04)]q\x05\x87q\x06u."s;
    case 4:
      return "\x80\x04\x95"
             "0\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01"
             "a\x94]\x94(K\x01J"
             "\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00\x88N\x8c\x03\xc3\xa9\x0a\x94"
             "eK\x07"
             "\x8c\x01x\x94)]\x94\x87\x94u."s;
    case 5:
      return "\x80\x05\x95"
             "0\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01"
             "a\x94]\x94(K\x01J"
             "\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00\x88N\x8c\x03\xc3\xa9\x0a\x94"
             "eK\x07"
             "\x8c\x01x\x94)]\x94\x87\x94u."s;
  }
  return {};
}

TEST(Pickle, EveryProtocolOfPython) {
  for (int protocol = 0; protocol < kNumProtocols; ++protocol) {
    SCOPED_TRACE(protocol);
    expect_example(example(protocol));
  }
}

TEST(Pickle, NumbersOfEveryForm) {
  const auto integer = [](const std::string& text) { return parse(text).tree->root().integer(); };
  EXPECT_EQ(integer("\x80\x02\x8a\x00."s), 0);
  EXPECT_EQ(integer("\x80\x02\x8a\x01\xff."s), -1);
  EXPECT_EQ(integer("\x80\x02\x8a\x02\xff\x00."s), 255);
  EXPECT_EQ(integer("\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."s), INT64_MIN);
  EXPECT_EQ(integer("\x8b\x01\x00\x00\x00\x05."s), 5);
  EXPECT_EQ(integer("J\xfe\xff\xff\xff."s), -2);
  EXPECT_EQ(integer("M\xff\xff."s), 65535);
  EXPECT_EQ(integer("L-12L\n."s), -12);
  EXPECT_EQ(parse("\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19."s).tree->root().kind(),
            PickleKind::big_integer);
}

TEST(Pickle, TextsOfEveryForm) {
  const auto text = [](const std::string& pickle) {
    return std::string(parse(pickle).tree->root().text());
  };
  EXPECT_EQ(text("S'a\\n\\x41\\\\\\''\n."), "a\nA\\'");
  EXPECT_EQ(text("S\"it's\"\n."), "it's");
  EXPECT_EQ(text("V\\u00e4\\U0001f600\xe4\n."), "\xC3\xA4\xF0\x9F\x98\x80\xC3\xA4");
  EXPECT_EQ(text("U\x02hi."), "hi");
  EXPECT_EQ(text("T\x02\x00\x00\x00hi."s), "hi");
  EXPECT_EQ(text("X\x02\x00\x00\x00hi."s), "hi");
  EXPECT_EQ(text("\x8c\x02hi."), "hi");
  EXPECT_EQ(text("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."s), "hi");
  EXPECT_EQ(text("C\x02hi."), "hi");
}

TEST(Pickle, OrderedDictionaries) {
  // Python 3: collections.OrderedDict(), then items, then attributes; Python 2: of a list of pairs.
  const std::string of_python_3 = "ccollections\nOrderedDict\n)R(X\x01\x00\x00\x00"s +
                                  "aK\x01u}X\x09\x00\x00\x00"s + "_metadata}sb.";
  const ParsedPickle three = parse(of_python_3);  // its texts point into the pickle
  EXPECT_EQ(three.tree->root().find("a")->integer(), 1);
  EXPECT_EQ(three.tree->root().size(), 1U);
  const ParsedPickle two = parse("ccollections\nOrderedDict\n((lp0\n(lp1\nS'a'\naI1\naatR.");
  EXPECT_EQ(two.tree->root().find("a")->integer(), 1);
}

TEST(Pickle, SharedValuesAreNoCircles) {
  const ParsedPickle parsed = parse("](]q\x01h\x01h\x01"s + "e.");
  EXPECT_EQ(parsed.tree->root().size(), 3U);
  EXPECT_EQ(parsed.tree->root()[0].id(), parsed.tree->root()[2].id());
}

TEST(Pickle, WhatFollowsTheStopIsLeftToTheCaller) {
  EXPECT_EQ(parse("K\x01.K\x02.").num_bytes, 3U);
}

/// Of pickles whose root is a list or tuple: how each item describes itself.
std::vector<std::string> described(const std::string& pickle) {
  const ParsedPickle parsed = parse(pickle);
  std::vector<std::string> items;
  for (std::size_t i = 0; i < parsed.tree->root().size(); ++i)
    items.push_back(parsed.tree->root()[i].describe());
  return items;
}

TEST(Pickle, ObjectsAreKeptUnopened) {
  // pickle.dumps([argparse.Namespace(lr=1), pathlib.PurePosixPath("a"), {1, 2}, frozenset((3,)),
  //               datetime.timedelta(1)], protocol=4), without its memo
  EXPECT_EQ(
      described("\x80\x04](\x8c\x08"s + "argparse\x8c\x09Namespace\x93)\x81}\x8c\x02lrK\x01sb" +
                "\x8c\x07pathlib\x8c\x0dPurePosixPath\x93\x8c\x01"s + "a\x85R" +
                "\x8f(K\x01K\x02\x90(K\x03\x91" + "\x8c\x08"s +
                "datetime\x8c\x09timedelta\x93K\x01K\x00K\x00\x87Re."s),
      (std::vector<std::string>{"an object of argparse.Namespace",
                                "an object of pathlib.PurePosixPath", "a list of 2", "a tuple of 1",
                                "an object of datetime.timedelta"}));
  // numpy.float64(1.5) of protocol 2; a type itself; a __getnewargs_ex__; what a call makes, called
  EXPECT_EQ(
      described("(cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\2f8\x88\x88\x87R(K\3U\1<NNNJ"
                "\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbU\010\0\0\0\0\0\0\xf8?\x86R"s +
                "ctorch\nfloat32\ncm\nC\n)}\x92" + "cfunctools\npartial\n)R)Rt."),
      (std::vector<std::string>{"an object of numpy.core.multiarray.scalar", "torch float32",
                                "an object of m.C", "an object of functools.partial"}));
}

TEST(Pickle, TypesMadeFromDictAndListAreRead) {
  const ParsedPickle dict =
      parse("ccollections\ndefaultdict\nc__builtin__\nint\n\x85R(S'a'\nK\x05u}b.");
  EXPECT_EQ(dict.tree->root().find("a")->integer(), 5);
  const ParsedPickle list = parse("ccollections\ndeque\n)R(K\x01K\x02"s + "e}b.");
  EXPECT_EQ(list.tree->root().describe(), "a list of 2");
  // A node of OmegaConf: its state names the parent, whose state it is in.
  EXPECT_EQ(described("](com\nNode\n)\x81q\1}(U\7_parenth\1U\1aK\1ube."),
            std::vector<std::string>{"an object of om.Node"});
}

TEST(Pickle, KeysThatAreNoTextAreKept) {
  const ParsedPickle parsed = parse("}(F1.5\nK\1NK\2I01\nK\3K\1K\2\x86K\4S'a'\nK\5u.");
  EXPECT_EQ(parsed.tree->root().size(), 5U);
  EXPECT_EQ(parsed.tree->root().find("a")->integer(), 5);
}

// --- what no honest program writes ---

struct Hostile {
  Hostile(const char* of, std::string text, const char* reason)
      : name(of), pickle([text = std::move(text)] { return text; }), message(reason) {}
  /// Of many bytes: made by its own test alone, not by all that list these.
  Hostile(const char* of, std::function<std::string()> make, const char* reason)
      : name(of), pickle(std::move(make)), message(reason) {}

  const char* name;
  std::function<std::string()> pickle;
  const char* message;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

std::string repeated(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

std::string many_globals(int count) {
  std::string pickle = "(";
  for (int i = 0; i < count; ++i) pickle += concat("ca\nb", i, "\n");
  return pickle + "t.";
}

const std::vector<Hostile>& hostile_pickles() {
  static const std::vector<Hostile> pickles = {
      // Code
      {"OsSystem", "cos\nsystem\n(S'touch canary'\ntR.", "it asks for \"os.system\""},
      {"PosixSystem", "\x80\x02"s + "cposix\nsystem\nX\x04\x00\x00\x00"s + "true\x85R.",
       "\"posix.system\""},
      {"NtSystem", "cnt\nsystem\n(tR.", "\"nt.system\""},
      {"BuiltinsEval", "cbuiltins\neval\n(V1\ntR.", "\"builtins.eval\""},
      {"BuiltinsExecStackGlobal",
       "\x80\x04\x8c\x08"s + "builtins\x8c\x04"s + "exec\x93\x8c\x01"s + "1\x85R.",
       "\"builtins.exec\""},
      {"Python2Eval", "c__builtin__\neval\n(S'1'\ntR.", "\"__builtin__.eval\""},
      {"SubprocessPopen", "csubprocess\nPopen\n((S'id'\nltR.", "\"subprocess.Popen\""},
      {"Getattr", "c__builtin__\ngetattr\n.", "\"__builtin__.getattr\""},
      {"TorchLoad", "ctorch.serialization\nload\n.", "\"torch.serialization.load\""},
      {"TorchHub", "ctorch.hub\nload\n.", "\"torch.hub.load\""},
      {"LoadFromBytes", "ctorch.storage\n_load_from_bytes\n.", "_load_from_bytes"},
      {"Runpy", "crunpy\n_run_code\n.", "\"runpy._run_code\""},
      {"GlobalWithASpace", "ccollections OrderedDict\n\n.", "it asks for"},
      {"GlobalOfABrokenName", "cnumpy\nsca\x1blar\n.", "which is no name of Python's"},
      {"GlobalOfAVeryLongName", "cnumpy\n" + std::string(300, 'a') + "\n.", "no name of Python's"},
      {"PartOfABuiltin", "cbuiltins\nint.__subclasses__\n.", "\"builtins.int.__subclasses__\""},
      {"SubmoduleOfOs", "cos.path\nos.system\n.", "\"os.path.os.system\""},
      {"Import", "cimportlib\nimport_module\n.", "\"importlib.import_module\""},
      {"Instance", "(S'id'\nios\nsystem\n.", "INST"},
      {"Object", "(cos\nsystem\no.", "it asks for"},
      {"ObjectOpcode", "(ccollections\nOrderedDict\no.", "OBJ"},
      {"Extension", "\x80\x02\x82\x01.", "EXT1"},
      {"TextPersistentId", "Pos.system\n.", "PERSID"},
      {"OutOfBandBuffer", "\x80\x05\x97.", "NEXT_BUFFER"},
      // Wrong kinds
      {"CallOfAText", "S'os'\n)R.", "a call of the text \"os\""},
      {"CallOfAList", "])R.", "a call of a list"},
      {"CallWithoutATuple", "ccollections\nOrderedDict\n]R.", "for its arguments"},
      {"OrderedDictOfANumber", "ccollections\nOrderedDict\nK\x01\x85R.", "an OrderedDict of"},
      {"OrderedDictOfNoPairs", "ccollections\nOrderedDict\n]K\x01"s + "a\x85R.",
       "an OrderedDict whose items are the number 1"},
      {"SizeOfANumber", "ctorch\nSize\nK\x01\x85R.", "torch.Size of"},
      {"CallOfANumber", "K\x05)R.", "a call of the number 5"},
      {"SetItemOnATensor", "ctorch._utils\n_rebuild_tensor\n)RK\x01K\x02s.",
       "SETITEM on an object of torch._utils._rebuild_tensor"},
      {"StateOfAnArrayTwice", "cnumpy\ndtype\n)R)b)b.", "a second BUILD"},
      {"SetItemOnAList", "]K\x01K\x02s.", "SETITEM on a list"},
      {"SetItemsOnATuple", ")(K\x01K\x02u.", "SETITEM on a tuple"},
      {"AppendToADict", "}K\x01"s + "a.", "APPEND on a dictionary"},
      {"AppendsToAGlobal", "ctorch\nFloatStorage\n(K\x01"s + "e.", "APPEND on torch FloatStorage"},
      {"BuildOnAList", "]}b.", "BUILD on a list"},
      {"BuildWithAText", "}S'x'\nb.", "BUILD with the text"},
      {"KeyIsAList", "}]K\x01s.", "a key is a list"},
      {"KeyIsADictionary", "}}K\x01s.", "a key is a dictionary"},
      {"KeyWithoutAValue", "}(K\x01u.", "a key has no value"},
      {"KeyTwice", "}(S'a'\nK\x01S'a'\nK\x02u.", "has the key \"a\" twice"},
      {"NumberKeyTwice", "}(K\x01K\x01K\x01K\x02u.", "has the key 1 twice"},
      {"GlobalNamedByANumber", "\x80\x04K\x01K\x02\x93.", "a global named by the number 1"},
      // Stack and memo
      {"Empty", "", "cut short"},
      {"OnlyStop", ".", "the stack is empty"},
      {"NoStop", "K\x01", "cut short"},
      {"PopNothing", "0.", "the stack is empty"},
      {"DupNothing", "2.", "the stack is empty"},
      {"TupleOfTooFew", "K\x01\x86.", "the stack is empty"},
      {"PopBelowAMark", "K\x01(\x85.", "the stack is empty"},
      {"NoMark", "K\x01t.", "there is no mark"},
      {"LeftOver", "K\x01K\x02.", "left over"},
      {"MemoMiss", "h\x05.", "memo 5 was not filled"},
      {"MemoMissAmongOthers", "K\x01q\x09h\x05.", "memo 5 was not filled"},
      {"MemoOfTheFarEnd", "j\xff\xff\xff\xff.", "memo 4294967295 was not filled"},
      {"PutFarAway", "K\x01r\xff\xff\xff\xff.", "memo 4294967295 is out of range"},
      {"PutOfAText", "K\x01pabc\n.", "is not a number"},
      {"PutNegative", "K\x01p-1\n.", "is not a number"},
      // Sizes
      {"StringOf4GiB", "X\xff\xff\xff\xffhi.", "4294967295 bytes are needed"},
      {"StringOf2GiB", "T\xff\xff\xff\x7fhi.", "2147483647 bytes are needed"},
      {"StringOfNegativeSize", "T\xff\xff\xff\xffhi.", "a string of -1 bytes"},
      {"StringOf64Bits", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi.", "are needed"},
      {"BytesOf64Bits", "\x8e\xff\xff\xff\xff\xff\xff\xff\x7fhi.", "are needed"},
      {"LongOfNegativeSize", "\x8b\xff\xff\xff\xff.", "a number of -1 bytes"},
      {"LongOf2GiB", "\x8b\xff\xff\xff\x7f.", "are needed"},
      {"FrameBeyondTheEnd", "\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00K\x01."s,
       "a frame of 255"},
      {"LineWithoutAnEnd", "Vabc", "a line does not end"},
      {"IntBeyond64Bits", "I99999999999999999999\n.", "is not a number that fits"},
      {"FloatThatIsNone", "Fabc\n.", "is not a number that fits"},
      {"BadEscape", "V\\uZZZZ\n.", "no string as Python writes it"},
      {"BadQuotes", "S'abc\n.", "no string as Python writes it"},
      {"CharacterBeyondUnicode", "V\\U00110000\n.", "no string as Python writes it"},
      {"ProtocolSix", "\x80\x06K\x01.", "protocol 6 is unknown"},
      {"UnknownOperation", "\xfe.", "there is no operation 254"},
      // Shapes
      {"ListInItself", "]q\x01h\x01"s + "a.", "a value contains itself"},
      {"DictInItself", "}q\x01(K\x01h\x01u.", "a value contains itself"},
      {"CircleOfTwo", "]q\x01]q\x02h\x01"s + "aa.", "a value contains itself"},
      {"TooDeep", repeated("(", 100) + repeated("l", 100) + ".", "it nests deeper than 64"},
      {"DepthOf100000", [] { return repeated("]", 100'000) + repeated("a", 99'999) + "."; },
       "it nests deeper than 64"},
      {"FiveMillionValues", [] { return "](" + repeated("K\x01", 5'000'000) + "e."; },
       "more than 4000000 values"},
      {"TwentyMillionOperations", [] { return "N" + repeated("20", 10'000'000) + "."; },
       "more than 16000000 operations"},
      {"GlobalsWithoutEnd", [] { return many_globals(10'001); },
       "more than 10000 types and functions"},
      {"DictionariesOutOfOneList",
       [] {
         return "](" + repeated("K\x01K\x02\x86", 1'000) + "eq\x01"s +
                repeated("0ccollections\nOrderedDict\nh\x01\x85R", 9'000) + ".";
       },
       "more than 16000000 items"},
  };
  return pickles;
}

class HostilePickle : public testing::TestWithParam<Hostile> {};

TEST_P(HostilePickle, IsRefused) {
  expect_error(ErrorCode::corrupt, AllOf(HasSubstr("a.pkl"), HasSubstr(GetParam().message)),
               [] { parse(GetParam().pickle()); });
}

INSTANTIATE_TEST_SUITE_P(Io, HostilePickle, testing::ValuesIn(hostile_pickles()),
                         [](const auto& pickle) { return std::string(pickle.param.name); });

TEST(Pickle, ALossForEachOfAMillionStepsIsRead) {
  const std::string real = "G\x3f\xe0"s + std::string(6, '\0');  // 0.5
  const std::string pickle = "](" + repeated(real, 1'000'000) + "e.";
  const ParsedPickle parsed = parse(pickle);
  ASSERT_EQ(parsed.tree->root().size(), 1'000'000U);
  EXPECT_EQ(parsed.tree->root()[999'999].real(), 0.5);
}

// The pickles that would run a program, run as Python would: nothing happens.
TEST(Pickle, RunsNothing) {
  const std::filesystem::path canary =
      std::filesystem::path(testing::TempDir()) / "ddim_pickle_canary";
  std::filesystem::remove(canary);
  const std::string command = "touch " + canary.string();
  for (const std::string& pickle :
       {"cos\nsystem\n(S'" + command + "'\ntR.", "(S'" + command + "'\nios\nsystem\n.",
        "csubprocess\ngetoutput\n(V" + command + "\ntR.",
        "c__builtin__\neval\n(S'__import__(\"os\").system(\"" + command + "\")'\ntR."}) {
    EXPECT_THROW(parse(pickle), Error);
    EXPECT_FALSE(std::filesystem::exists(canary));
  }
}

}  // namespace
}  // namespace ddim::engine::io
