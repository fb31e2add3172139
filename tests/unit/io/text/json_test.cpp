// SPDX-License-Identifier: MIT
#include "pageblock/io/text/json.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test::json_cases {

TEST_CASE("json_quoted escapes what a string must not hold", "[json]") {
  CHECK(json_quoted("") == "\"\"");
  CHECK(json_quoted("a\"b\\c") == R"("a\"b\\c")");
  CHECK(json_quoted(std::string_view{"\n\t\0\x1f", 4}) == R"("\u000a\u0009\u0000\u001f")");
  CHECK(json_quoted("Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "\"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

TEST_CASE("json_quoted replaces bytes that are no UTF-8", "[json]") {
  CHECK(json_quoted("a\xff") == R"("a\ufffd")");
  CHECK(json_quoted("\xc3") == R"("\ufffd")");
  CHECK(json_quoted("\xc0\x80") == R"("\ufffd\ufffd")");
  CHECK(json_quoted("\xe0\x80\x80") == R"("\ufffd\ufffd\ufffd")");
  CHECK(json_quoted("\xed\xa0\x80") == R"("\ufffd\ufffd\ufffd")");
  CHECK(json_quoted("\xf4\x90\x80\x80") == R"("\ufffd\ufffd\ufffd\ufffd")");
}

TEST_CASE("JsonWriter writes nested objects and arrays", "[json]") {
  JsonWriter json;
  json.begin_object().member("name", "x").member("count", 3).member("yes", true);
  json.key("list").begin_array().value(1).value(std::string_view{"two"}).null().end();
  json.key("empty").begin_object().end();
  json.end();
  CHECK(json.finish() ==
        "{\n"
        "  \"name\": \"x\",\n"
        "  \"count\": 3,\n"
        "  \"yes\": true,\n"
        "  \"list\": [\n"
        "    1,\n"
        "    \"two\",\n"
        "    null\n"
        "  ],\n"
        "  \"empty\": {}\n"
        "}\n");
}

TEST_CASE("JsonWriter reports calls that make no document", "[json]") {
  JsonWriter json;
  CHECK_VIOLATION(json.end(), "nothing to end");
  CHECK_VIOLATION(json.key("k"), "a key outside an object");
  CHECK_VIOLATION(json.finish(), "not complete");
  json.begin_object();
  CHECK_VIOLATION(json.value(1), "a value without a key");
  CHECK_VIOLATION(json.finish(), "not complete");
  json.key("k");
  CHECK_VIOLATION(json.key("again"), "a key outside an object");
  CHECK_VIOLATION(json.end(), "nothing to end");
  json.null().end();
  CHECK_VIOLATION(json.begin_array(), "a value without a key");
}

}  // namespace pageblock::test::json_cases
