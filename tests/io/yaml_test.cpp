#include "io/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;

class Yaml : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_yaml()) GTEST_SKIP() << "built without yaml-cpp";
  }
  /// The value of `a`, whose text is given, as JSON.
  static std::string json_of(const std::string& text) {
    JsonFields fields = parse_yaml("a: " + text + "\n", "c.yml");
    return fields.take({"a"})->text();
  }
};

// The right sides are json.dumps(yaml.safe_load("a: " + left)["a"]) of PyYAML 6.0.
TEST_F(Yaml, ScalarsAreWhatPyYamlMakesOfThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"12", "12"},
      {"-3", "-3"},
      {"+7", "7"},
      {"0.02", "0.02"},
      {"1.0e-4", "0.0001"},
      {"true", "true"},
      {"Yes", "true"},
      {"off", "false"},
      {"null", "null"},
      {"~", "null"},
      {"", "null"},
      {"simple", "\"simple\""},
      {"'12'", "\"12\""},
      {"\"yes\"", "\"yes\""},
      {"a 1 b", "\"a 1 b\""},
      {"[1, 2, 2]", "[1,2,2]"},
      {"{b: [x], c: 1}", "{\"b\":[\"x\"],\"c\":1}"}};
  for (const auto& [text, json] : cases) EXPECT_EQ(json_of(text), json) << text;
  EXPECT_EQ(json_of("1e-4"), "0.0001");  // text to PyYAML; a number to everybody who writes it
  double value = 0.0;
  parse_yaml("a: .inf\n", "c.yml").read({"a"}, value, {0.0, INFINITY});
  EXPECT_EQ(value, INFINITY);
}

// As yaml.dump() writes the Namespace of the official code, and other ways of laying it out.
TEST_F(Yaml, TagsOfPythonAreIgnored) {
  for (const char* text :
       {"!!python/object:argparse.Namespace\nm: !!python/object:argparse.Namespace\n  ch: 128\n  "
        "ch_mult: !!python/tuple\n  - 1\n  - 2\nd: !!python/object/apply:os.system [\"false\"]\n",
        "m:\n    ch: 128\n    ch_mult: [1, 2]\n", "&x {m: {ch: 128, ch_mult: &y [1, 2]}, z: *y}"}) {
    JsonFields fields = parse_yaml(text, "c.yml").section("m");
    std::int64_t channels = 0;
    std::vector<std::int64_t> multiples;
    fields.read_required({"ch"}, channels, JsonFields::Range<std::int64_t>{1, 1000});
    fields.read_required({"ch_mult"}, multiples, JsonFields::Range<std::int64_t>{1, 1000});
    EXPECT_EQ(channels, 128);
    EXPECT_THAT(multiples, testing::ElementsAre(1, 2));
  }
}

TEST_F(Yaml, BadFilesAreRefused) {
  std::string nested = "1";
  for (int i = 0; i < 40; ++i) nested = "{a: " + nested + "}";
  std::string deep, bomb = "a0: &a0 [1]\n";
  for (int i = 0; i < 100; ++i) deep += "[";
  for (int i = 1; i < 12; ++i) {
    bomb += concat("a", i, ": &a", i, " [");
    for (int k = 0; k < 9; ++k) bomb += concat(k > 0 ? "," : "", "*a", i - 1);
    bomb += "]\n";
  }
  const std::pair<std::string, const char*> cases[] = {
      {"a: [1, 2", "not valid YAML at line"},
      {"a: *b", "not valid YAML at line 1"},
      {"a: 1\n b: 2\n", "not valid YAML at line 2"},
      {"[1, 2]", "not a mapping"},
      {"", "not a mapping"},
      {"just words", "not a mapping"},
      {"[1, 2]: 3", "a key is not text"},
      {"a: " + deep, "not valid YAML"},
      {bomb, "more than 100000 values"},
      {"a: " + nested, "nests deeper than 32"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text.substr(0, 60));
    expect_error(ErrorCode::corrupt, {"d/config.yml: ", message},
                 [&text = text] { parse_yaml(text, "d/config.yml"); });
  }
}

}  // namespace
}  // namespace ddim::engine::io
