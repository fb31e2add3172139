// SPDX-License-Identifier: MIT
#include "pageblock/io/text/json_reader.hpp"

#include <cstdint>
#include <string>

#include "pageblock/io/text/json.hpp"

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::json_reader_cases {

namespace {

std::string fault_of(const std::string& content) {
  return test::fault_in([&] {
    const InputFile file{"meta.json", content};
    return parse_json(file);
  });
}

std::string string_in(const std::string& content) {
  const InputFile file{"meta.json", content};
  return parse_json(file).string();
}

}  // namespace

TEST_CASE("parse_json reads values of all kinds in order", "[json]") {
  const InputFile file{"meta.json",
                       "{\n \"name\" : \"d01\", \"n\": [ 1, -22, 0, 18446744073709551615 ],\n"
                       " \"yes\": true, \"no\": false, \"none\": null,\n"
                       " \"half\": 2.5e-1, \"empty\": {}, \"list\": []\r\n}\t\n"};
  const JsonValue value = parse_json(file);
  REQUIRE(value.object().size() == 8);
  CHECK(value.object()[0].first == "name");
  CHECK(value.at("name").string() == "d01");
  const auto& numbers = value.at("n").array();
  REQUIRE(numbers.size() == 4);
  CHECK(numbers[1].integer<int>() == -22);
  CHECK(numbers[3].integer<std::uint64_t>() == 18446744073709551615U);
  CHECK(value.at("yes").boolean());
  CHECK_FALSE(value.at("no").boolean());
  CHECK(std::holds_alternative<std::nullptr_t>(value.at("none").content()));
  CHECK(value.at("empty").object().empty());
  CHECK(value.at("list").array().empty());
  CHECK(value.find("other") == nullptr);
  CHECK(value.at("none").line() == 3);
}

TEST_CASE("parse_json reads strings with escapes and passes other bytes on", "[json]") {
  CHECK(string_in(R"("a\"b\\c\/\b\f\n\r\t")") == "a\"b\\c/\b\f\n\r\t");
  CHECK(string_in(R"("\u0041\u00e4\u20ac\ud83d\ude00")") == "A\u00e4\u20ac\U0001f600");
  CHECK(string_in("\"\xc3\xa4\"") == "\xc3\xa4");
  CHECK(string_in(json_quoted("a \"quoted\"\nline\x01")) == "a \"quoted\"\nline\x01");
}

TEST_CASE("parse_json refuses what is no JSON and names the line", "[json]") {
  CHECK(fault_of("") == "meta.json:1: expected a value");
  CHECK(fault_of("{} {}") == "meta.json:1: something behind the document");
  CHECK(fault_of("[1,\n]") == "meta.json:2: expected a value");
  CHECK(fault_of("[1\n2]") == "meta.json:2: expected ',' or ']'");
  CHECK(fault_of("{\"a\" 1}") == "meta.json:1: expected ':'");
  CHECK(fault_of("{\"a\": 1,\n}") == "meta.json:2: expected a key");
  CHECK(fault_of("{\"a\": 1 \"b\": 2}") == "meta.json:1: expected ',' or '}'");
  CHECK(fault_of("{\"a\": 1,\n\"a\": 2}") == "meta.json:2: 'a' stands here twice");
  CHECK(fault_of("\"a") == "meta.json:1: the string has no end");
  CHECK(fault_of("\"a\nb\"") == "meta.json:1: a control character in a string");
  CHECK(fault_of(R"("\x")") == "meta.json:1: no such escape in a string");
  CHECK(fault_of("\"\\") == "meta.json:1: no such escape in a string");
  CHECK(fault_of(R"("\u12g4")") == "meta.json:1: no four digits behind \\u");
  CHECK(fault_of(R"("\ud83d")") == "meta.json:1: half a surrogate pair in a string");
  CHECK(fault_of(R"("\ude00")") == "meta.json:1: half a surrogate pair in a string");
  CHECK(fault_of(R"("\ud83d\u0041")") == "meta.json:1: half a surrogate pair in a string");
  for (const std::string text : {"01", "+1", ".5", "1.", "1e", "-", "nul", "True", "'a'"}) {
    CAPTURE(text);
    CHECK_FALSE(fault_of(text).empty());
  }
  CHECK(fault_of(std::string(64, '[') + std::string(64, ']')).empty());
  CHECK(fault_of(std::string(65, '[') + std::string(65, ']')) ==
        "meta.json:1: too many values inside each other");
}

TEST_CASE("JsonValue says on which line a value is not what it should be", "[json]") {
  const InputFile file{"meta.json", "{\n\"a\": [1,\n 2.5, 300],\n\"b\": \"x\"}"};
  const JsonValue value = parse_json(file);
  const auto fault = [](auto read) { return test::fault_in(read); };
  CHECK(fault([&] { return value.at("c").line(); }) == "meta.json:1: the object has no 'c'");
  CHECK(fault([&] { return value.at("b").array().size(); }) == "meta.json:4: expected an array");
  CHECK(fault([&] { return value.at("a").string(); }) == "meta.json:2: expected a string");
  CHECK(fault([&] { return value.at("a").boolean(); }) == "meta.json:2: expected true or false");
  CHECK(fault([&] { return value.at("a").find("x"); }) == "meta.json:2: expected an object");
  CHECK(fault([&] { return value.at("b").integer<int>(); }) == "meta.json:4: expected a number");
  CHECK(fault([&] { return value.at("a").array()[1].integer<int>(); }) ==
        "meta.json:3: 2.5 is no whole number in range");
  CHECK(fault([&] { return value.at("a").array()[2].integer<std::uint8_t>(); }) ==
        "meta.json:3: 300 is no whole number in range");
}

}  // namespace pageblock::test::json_reader_cases
