// SPDX-License-Identifier: MIT
// check_schema SCHEMA: reads a JSON document from standard input, and holds it to a JSON
// Schema. It knows the words that our schemas use; any other word is an error, so nothing goes
// unchecked. Names of members must be words with underscores.
#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace {

using Json = nlohmann::json;

class Checker {
 public:
  explicit Checker(Json root) : root_(std::move(root)) {}  // braces would make a list of it

  /// Holds a document to the schema.
  void check(const Json& document) { check(document, root_, ""); }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  /// Holds @p value, found at @p path, to @p schema.
  void check(const Json& value, const Json& schema, const std::string& path) {
    for (const auto& [word, rule] : schema.items()) {
      if (word == "$ref") {
        check(value, root_.at(Json::json_pointer{rule.get<std::string>().substr(1)}), path);
      } else if (word == "type") {
        check_type(value, rule, path);
      } else if (word == "const") {
        require(value == rule, path, fmt::format("is {}, not {}", value.dump(), rule.dump()));
      } else if (word == "enum") {
        require(std::ranges::find(rule, value) != rule.end(), path,
                fmt::format("{} is none of {}", value.dump(), rule.dump()));
      } else if (word == "minimum") {
        require(!value.is_number() || value >= rule, path, "is below " + rule.dump());
      } else if (word == "pattern") {
        require(!value.is_string() || std::regex_search(value.get<std::string>(),
                                                        std::regex{rule.get<std::string>()}),
                path, fmt::format("{} does not match {}", value.dump(), rule.dump()));
      } else if (word == "items") {
        check_items(value, rule, path);
      } else if (word == "properties") {
        check_members(value, rule, path);
      } else if (word == "required") {
        for (const Json& name : rule) {
          require(!value.is_object() || value.contains(name.get<std::string>()), path,
                  "lacks " + name.dump());
        }
      } else if (word == "additionalProperties") {
        require(rule == false, path, "the schema allows members that it does not name");
        for (const auto& [name, member] : members(value)) {
          require(schema.at("properties").contains(name), path, "has '" + name + "' besides");
        }
      } else {
        constexpr std::array<std::string_view, 5> says_nothing{"$schema", "title", "description",
                                                               "$id", "definitions"};
        require(std::ranges::find(says_nothing, word) != says_nothing.end(), path,
                "the schema has the word '" + word + "', which is not known here");
      }
    }
  }

  void require(bool condition, const std::string& path, const std::string& fault) {
    if (!condition) faults_.push_back(fmt::format("{}: {}", path.empty() ? "/" : path, fault));
  }

  [[nodiscard]] static Json::object_t members(const Json& value) {
    return value.is_object() ? value.get<Json::object_t>() : Json::object_t{};
  }

  [[nodiscard]] static bool has_type(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == "null" && value.is_null();
  }
  void check_type(const Json& value, const Json& rule, const std::string& path) {
    const bool fits =
        rule.is_array()
            ? std::ranges::any_of(rule, [&](const Json& type) { return has_type(value, type); })
            : has_type(value, rule);
    require(fits, path, fmt::format("is {}, not {}", value.type_name(), rule.dump()));
  }

  void check_items(const Json& value, const Json& rule, const std::string& path) {
    if (!value.is_array()) return;
    std::size_t i = 0;
    for (const Json& item : value) check(item, rule, fmt::format("{}/{}", path, i++));
  }

  void check_members(const Json& value, const Json& rule, const std::string& path) {
    static const std::regex words{"[a-z][a-z0-9]*(_[a-z0-9]+)*"};
    for (const auto& [name, member] : members(value)) {
      require(std::regex_match(name, words), path, "'" + name + "' is no name of a member");
      if (rule.contains(name)) check(member, rule.at(name), path + '/' + name);
    }
  }

  Json root_;
  std::vector<std::string> faults_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: check_schema SCHEMA < DOCUMENT\n");
    return 2;
  }
  try {
    std::ifstream file{argv[1]};
    const std::string text{std::istreambuf_iterator<char>{std::cin}, {}};
    Checker checker{Json::parse(file)};
    checker.check(Json::parse(text));
    for (const std::string& fault : checker.faults()) fmt::print(stderr, "{}\n", fault);
    return checker.faults().empty() ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "check_schema: {}\n", error.what());
    return 2;
  }
}
