#include <ddim/json.h>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/expect_error.h"

namespace ddim {
namespace {

using test::expect_error;

TEST(Json, AnObjectKeepsTheOrderOfItsMembers) {
  Json json{{"b", 1}, {"a", Json::list({2.5, "two", nullptr, true})}, {"c", {{"d", -3}}}};
  json["e"] = std::vector<std::string>{"x", "y"};
  json["b"] = std::optional<std::int64_t>();
  json["f"]["g"].push_back(std::map<std::string, std::string>{{"z", "1"}, {"h", "2"}});
  EXPECT_EQ(json.text(), R"({"b":null,"a":[2.5,"two",null,true],"c":{"d":-3},"e":["x","y"],)"
                         R"("f":{"g":[{"h":"2","z":"1"}]}})");
  json.erase("a");
  json.erase("nothing");
  EXPECT_EQ(json.size(), 4U);
  EXPECT_EQ(json.find("a"), nullptr);
  EXPECT_EQ(json.at("c").text({.indent = 2}), "{\n  \"d\": -3\n}");
  EXPECT_EQ(Json::list().text({.indent = 2}) + Json::object().text({.indent = 2}), "[]{}");
}

TEST(Json, NumbersOf64BitsAreExactAndOthersAreReal) {
  for (const std::string text : {"18446744073709551615", "-9223372036854775808", "0", "0.1"})
    EXPECT_EQ(Json::parse(text).text(), text);
  EXPECT_TRUE(Json(5).is_unsigned());
  EXPECT_FALSE(Json(-5).is_unsigned());
  EXPECT_TRUE(Json(-5).is_integer());
  EXPECT_EQ(Json::parse("-5").number<std::int64_t>(), -5);
  const Json large = Json::parse("18446744073709551616");
  EXPECT_FALSE(large.is_integer());
  EXPECT_EQ(large.number<double>(), 18446744073709551616.0);
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).text(), "null");
}

TEST(Json, PythonsNumbersAreReadWhereTheyAreAllowed) {
  const Json json =
      Json::parse(R"([NaN, -Infinity, Infinity, "NaN", "\"Infinity"])", {.python_numbers = true});
  EXPECT_TRUE(std::isnan(json[0].number<double>()));
  EXPECT_EQ(json[1].number<double>(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(json[2].number<double>(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(json[3].string(), "NaN");
  EXPECT_EQ(json[4].string(), "\"Infinity");
  expect_error(ErrorCode::corrupt, {"not valid JSON at byte 1"}, [] { Json::parse("NaN"); });
  EXPECT_EQ(Json::parse(R"("\u0000NaN")").string(), std::string("\0NaN", 4));
}

TEST(Json, SaysWhatIsWrong) {
  const struct {
    std::string text;
    const char* message;
    JsonRules rules;
  } cases[] = {{"", "not valid JSON at byte 1", {}},
               {"{\"a\":1,}", "not valid JSON at byte 8", {}},
               {"[1] 2", "not valid JSON at byte 5", {}},
               {"\"\xff\"", "not valid JSON at byte 2", {}},
               {std::string("1\0", 2), "holds a NUL", {}},
               {"1e999", "a number that is too large", {}},
               {R"({"a":{"b":1,"c":2,"b":3}})", "the key \"b\" occurs twice", {}},
               {"[[[1]]]", "nests deeper than 2", {.depth = 2}},
               {std::string(100'000, '['), "nests deeper than 32", {}},
               {R"({"a":{"b":1},"c":2})", "more than 2 fields", {.names = 2}}};
  for (const auto& bad : cases)
    expect_error(ErrorCode::corrupt, bad.message, [&] { Json::parse(bad.text, bad.rules); });
  EXPECT_EQ(Json::parse("[[1]]", {.depth = 2}).text(), "[[1]]");
}

TEST(Json, BytesThatAreNoUtf8AreReplacedOrRefused) {
  const Json json{{"na\xffme", "\xe9t\xc3\xa9 \n\x01"}};
  EXPECT_EQ(json.text(), "{\"na\xEF\xBF\xBDme\":\"\xEF\xBF\xBDt\xc3\xa9 \\n\\u0001\"}");
  EXPECT_EQ(json.text({.ascii = true}), R"({"na\ufffdme":"\ufffdt\u00e9 \n\u0001"})");
  expect_error(ErrorCode::user, {"not valid UTF-8"}, [&] { json.text({.strict = true}); });
}

TEST(Json, AnotherKindIsADefect) {
  for (const Json& json : {Json(), Json(true), Json(1), Json("text"), Json::list()}) {
    expect_error(ErrorCode::internal, {"no object"}, [&] { json.members(); });
    expect_error(ErrorCode::internal, {"no object"}, [&] { json.find("a"); });
  }
  expect_error(ErrorCode::internal, {"no text"}, [] { Json(1).string(); });
  expect_error(ErrorCode::internal, {"no number"}, [] { Json("1").number<int>(); });
  expect_error(ErrorCode::internal, {"has no a"}, [] { Json::object().at("a"); });
}

/// A value of a few levels, as both libraries hold it.
std::pair<Json, nlohmann::ordered_json> random_value(std::mt19937& random, int depth) {
  const auto pick = [&](int count) {
    return static_cast<int>(random() % static_cast<unsigned>(count));
  };
  switch (pick(depth > 0 ? 8 : 6)) {
    case 0:
      return {nullptr, nullptr};
    case 1:
      return {true, true};
    case 2: {
      const auto whole = static_cast<std::int64_t>(random()) * (pick(2) == 0 ? 1 : -2'000'000'000);
      return {whole, whole};
    }
    case 3: {
      const double real = std::ldexp(static_cast<double>(random()), pick(200) - 130);
      return {real, real};
    }
    case 4:
    case 5: {
      std::string text;
      const char* const pieces[] = {"a", "\"", "\\", "\x1f", "\n", "\xc3\xa9", "\xf0\x9f\x98\x80"};
      for (int i = pick(6); i > 0; --i) text += pieces[pick(7)];
      return {text, text};
    }
    case 6: {
      Json list = Json::list();
      auto expected = nlohmann::ordered_json::array();
      for (int i = pick(5); i > 0; --i) {
        auto [item, other] = random_value(random, depth - 1);
        list.push_back(item);
        expected.push_back(other);
      }
      return {list, expected};
    }
    default: {
      Json object = Json::object();
      auto expected = nlohmann::ordered_json::object();
      for (int i = pick(5); i > 0; --i) {
        const std::string name = "n\t" + std::to_string(pick(1000));
        auto [item, other] = random_value(random, depth - 1);
        object[name] = item;
        expected[name] = other;
      }
      return {object, expected};
    }
  }
}

TEST(Json, RandomValuesAreWrittenAndReadAsByNlohmann) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto [value, expected] = random_value(random, 4);
    const std::string text = value.text();
    ASSERT_EQ(text, expected.dump());
    ASSERT_EQ(value.text({.indent = 2}), expected.dump(2));
    ASSERT_EQ(Json::parse(text).text(), text);
  }
}

// Strings, lists and objects. In a process of its own, with no memory left for a large string.
TEST(JsonDeathTest, WhatCannotBeCopiedIsAnErrorAndLeavesItsOriginal) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers need more room for addresses than there is";
#endif
  const auto copy_each = [] {
    const std::string large(std::size_t{1} << 26, 'x');
    Json values[] = {large, Json::list({1, large}), {{"a", 1}, {"b", large}}};
    const rlimit none{.rlim_cur = std::size_t{1} << 20, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &none);
    int num_errors = 0;
    for (Json& value : values) {
      try {
        const Json copy(value);
      } catch (const std::bad_alloc&) {
        ++num_errors;
      }
      Json other = "before";
      try {
        other = value;
      } catch (const std::bad_alloc&) {
        num_errors += other.text() == R"("before")" ? 1 : 0;
      }
    }
    num_errors += values[1][1].string().size() == large.size() ? 1 : 0;
    std::_Exit(num_errors);
  };
  EXPECT_EXIT(copy_each(), testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace ddim
