// SPDX-License-Identifier: MIT
#include "common/recording_meta.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/json.hpp"

namespace example {
namespace {

using pageblock::InputFile;

/// A value of a document, and where it stands.
class Value {
 public:
  Value(const InputFile& file, const Json& json, std::string path)
      : file_{file}, json_{json}, path_{std::move(path)} {}

  [[nodiscard]] Value at(std::string_view key) const {
    const std::string path = path_.empty() ? std::string{key} : fmt::format("{}.{}", path_, key);
    if (!json_.is_object()) fail("is no object");
    const auto found = json_.find(key);
    if (found == json_.end()) throw file_.error(fmt::format("there is no '{}'", path));
    return {file_, *found, path};
  }
  [[nodiscard]] bool has(std::string_view key) const {
    return json_.is_object() && json_.contains(key);
  }
  [[nodiscard]] std::vector<Value> elements() const {
    if (!json_.is_array()) fail("is no array");
    std::vector<Value> values;
    for (const Json& element : json_) {
      values.emplace_back(file_, element, fmt::format("{}[{}]", path_, values.size()));
    }
    return values;
  }
  [[nodiscard]] std::string text() const {
    if (!json_.is_string()) fail("is no text");
    return json_.get<std::string>();
  }
  [[nodiscard]] std::uint64_t count() const {
    if (!json_.is_number_unsigned()) fail("is no whole number from 0");
    return json_.get<std::uint64_t>();
  }
  [[nodiscard]] std::int64_t integer() const {
    if (!json_.is_number_integer()) fail("is no whole number");
    return json_.get<std::int64_t>();
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw file_.error(fmt::format("'{}' {}", path_, what));
  }

 private:
  const InputFile& file_;
  const Json& json_;
  std::string path_;
};

}  // namespace

pageblock::RecordingMeta parse_recording_meta(const InputFile& file) {
  Json document;
  try {
    document = Json::parse(file.content);
  } catch (const Json::parse_error& error) {
    throw file.error_at_byte(error.byte, "this is no JSON");
  }
  const Value meta{file, document, {}};
  const auto entries = [&](std::string_view moment) {
    std::vector<std::uint64_t> counts;
    for (const Value& count : meta.at(moment).at("trace_entries_per_cpu").elements()) {
      counts.push_back(count.count());
    }
    return counts;
  };
  pageblock::RecordingMeta result{.dataset = meta.at("dataset").text(),
                                  .kernel = meta.at("kernel").text(),
                                  .memory_mib = meta.at("memory_mib").count(),
                                  .clock = meta.at("clock").text(),
                                  .probes = meta.at("probes").text(),
                                  .t0_entries = entries("T0"),
                                  .t1_entries = entries("T1"),
                                  .steps = {}};
  if (meta.has("free_area")) {
    const Value place = meta.at("free_area");
    result.free_area = {place.at("offset").count(), place.at("size").count()};
  }
  if (result.t1_entries.size() != result.t0_entries.size()) {
    meta.at("T1").fail("has another number of CPUs than T0");
  }
  for (const Value& step : meta.at("steps").elements()) {
    const std::vector<Value> parts = step.elements();
    if (parts.size() != 2) step.fail("is no [\"<what>\", <result>]");
    result.steps.push_back({parts[0].text(), parts[1].integer()});
  }
  return result;
}

}  // namespace example
