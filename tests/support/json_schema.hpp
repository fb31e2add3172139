// SPDX-License-Identifier: MIT
/// Holds JSON to a schema: as much of draft 7 as ours use.
#pragma once

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace pageblock::test {

/// Checks documents against one schema. A word of a schema that it does not know is a fault, too: it
/// would be a demand that nobody makes.
class JsonSchema {
 public:
  using Json = nlohmann::ordered_json;

  explicit JsonSchema(Json schema) : root_(std::move(schema)) {}  // braces would make a list of it

  /// Returns what is wrong with a document, each with its place; empty if nothing is.
  [[nodiscard]] std::vector<std::string> faults_of(const Json& document) const {
    std::vector<std::string> faults;
    check(document, root_, "", faults);
    return faults;
  }

 private:
  using Faults = std::vector<std::string>;

  [[nodiscard]] static bool is_of_type(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    return type == "null" && value.is_null();
  }

  void check(const Json& value, const Json& schema, const std::string& at, Faults& faults) const {
    const auto fail = [&](const std::string& what) {
      faults.push_back(fmt::format("{}: {}", at.empty() ? "/" : at, what));
    };
    for (const auto& [word, demand] : schema.items()) {
      if (word == "$ref") {
        check(value, root_.at(Json::json_pointer{demand.get<std::string>().substr(1)}), at, faults);
      } else if (word == "type") {
        const bool fits =
            demand.is_array()
                ? std::ranges::any_of(demand,
                                      [&](const Json& type) { return is_of_type(value, type); })
                : is_of_type(value, demand);
        if (!fits) fail(fmt::format("{} is no {}", value.dump(), demand.dump()));
      } else if (word == "const") {
        if (value != demand) fail(fmt::format("{} is not {}", value.dump(), demand.dump()));
      } else if (word == "enum") {
        if (std::ranges::find(demand, value) == demand.end()) {
          fail(fmt::format("{} is none of {}", value.dump(), demand.dump()));
        }
      } else if (word == "minimum" || word == "maximum") {
        const bool is_number = value.is_number();
        const double number = is_number ? value.get<double>() : 0;
        const auto limit = demand.get<double>();
        if (is_number && (word == "minimum" ? number < limit : number > limit)) {
          fail(fmt::format("{} is beyond the {} {}", number, word, limit));
        }
      } else if (word == "required") {
        for (const Json& name : demand) {
          if (value.is_object() && !value.contains(name.get<std::string>()))
            fail(fmt::format("{} is missing", name.dump()));
        }
      } else if (word == "properties") {
        for (const auto& [name, of] : demand.items()) {
          if (value.contains(name)) check(value.at(name), of, at + '/' + name, faults);
        }
      } else if (word == "additionalProperties") {
        for (const auto& [name, of] : value.items()) {
          if (!schema.at("properties").contains(name))
            fail(fmt::format("'{}' is not described", name));
        }
      } else if (word == "items") {
        for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
          check(value[i], demand, fmt::format("{}/{}", at, i), faults);
        }
      } else if (word == "allOf") {
        for (const Json& one : demand) check(value, one, at, faults);
      } else if (word == "oneOf") {
        check_one_of(value, demand, at, faults);
      } else if (word != "description" && word != "title" && word != "$schema" &&
                 word != "definitions") {
        fail(fmt::format("the schema says '{}', which nobody checks", word));
      }
    }
  }

  // Exactly one has to fit; if none does, what is wrong with the one that comes nearest is told.
  void check_one_of(const Json& value, const Json& schemas, const std::string& at,
                    Faults& faults) const {
    std::size_t nr_fitting = 0;
    Faults fewest;
    for (const Json& schema : schemas) {
      Faults of_one;
      check(value, schema, at, of_one);
      if (of_one.empty()) ++nr_fitting;
      if (fewest.empty() || of_one.size() < fewest.size()) fewest = std::move(of_one);
    }
    if (nr_fitting > 1) faults.push_back(fmt::format("{}: fits {} forms", at, nr_fitting));
    if (nr_fitting == 0) faults.insert(faults.end(), fewest.begin(), fewest.end());
  }

  Json root_;
};

}  // namespace pageblock::test
