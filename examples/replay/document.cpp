// SPDX-License-Identifier: MIT
// The JSON documents of replay: examples/schemas/replay.json and trace_replay.json.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "common/json.hpp"
#include "replay/report.hpp"

namespace example {
namespace {

using namespace pageblock;

Json score_json(const ReplayScore& score) {
  return {{"right", score.right}, {"total", score.total}};
}

Json pfn_json(const std::optional<Pfn>& pfn) { return pfn ? Json(pfn->value()) : Json(nullptr); }

// Pageblocks by type, such as [{"type": "Movable", "count": 63}].
Json types_json(const std::vector<MigrateType>& types) {
  Json array = Json::array();
  for (std::size_t i = 0; i < nr_migratetypes; ++i) {
    const auto type = static_cast<MigrateType>(i);
    const auto count = std::ranges::count(types, type);
    if (count != 0) array.push_back({{"type", to_string(type)}, {"count", count}});
  }
  return array;
}

// What is counted by words: an array, since the words are no names of members.
Json counts_json(const auto& counts) {
  Json array = Json::array();
  for (const auto& [what, count] : counts) {
    array.push_back({{"what", fmt::format("{}", what)}, {"count", count}});
  }
  return array;
}

Json attempt_json(const IsolationAttempt& attempt) {
  Json json{{"line", attempt.line},
            {"what", attempt.what},
            {"start_pfn", attempt.range.start.value()},
            {"end_pfn", attempt.range.end.value()},
            {"agrees", attempt.agrees()},
            {"ret", json_or_null(attempt.ret)},
            {"forecast_ret", json_or_null(attempt.forecast)}};
  json["predicted"] = {{"can_isolate", attempt.predicted},
                       {"isolated_blocks", attempt.predicted_blocks},
                       {"refusing_pfn", pfn_json(attempt.predicted_page)},
                       {"types", types_json(attempt.predicted_types)}};
  json["kernel"] = {
      {"can_isolate", attempt.isolate_ret ? Json(*attempt.isolate_ret == 0) : Json(nullptr)},
      {"isolated_blocks", attempt.blocks},
      {"refusing_pfn", pfn_json(attempt.page)},
      {"types", types_json(attempt.types)}};
  return json;
}

Json plain_json(const PlainResult& plain) {
  return {{"requests", plain.nr_requests},
          {"refused", plain.nr_refused},
          {"frees", plain.nr_frees},
          {"unknown_frees", plain.nr_unknown_frees},
          {"unseen_frees", plain.nr_unseen_frees},
          {"failed_when_recorded", plain.nr_failed_before},
          {"steals", plain.nr_steals},
          {"claims", plain.nr_claims},
          {"free_pages", plain.nr_free_pages},
          {"free_chunks", plain.free_chunks},
          {"pageblocks", counts_json(plain.blocks)}};
}

Json miss_json(const std::optional<Misprediction>& miss) {
  if (!miss) return nullptr;
  return {{"line", miss->line},
          {"what", miss->what},
          {"predicted_pfn", pfn_json(miss->predicted)},
          {"observed_pfn", pfn_json(miss->observed)},
          {"lists", miss->lists}};
}

Json zone_miss_json(const std::optional<ZoneMisprediction>& miss) {
  if (!miss) return nullptr;
  return {{"line", miss->line},
          {"what", miss->what},
          {"predicted", miss->predicted},
          {"observed", miss->observed},
          {"zones", miss->zones}};
}

Json differences_json(const std::optional<std::vector<ListDifference>>& differences) {
  if (!differences) return nullptr;
  Json array = Json::array();
  for (const ListDifference& of : *differences) {
    array.push_back({{"zone", of.zone},
                     {"list", of.list},
                     {"position", of.position},
                     {"expected_pfn", pfn_json(of.expected)},
                     {"actual_pfn", pfn_json(of.actual)},
                     {"expected_size", of.expected_size},
                     {"actual_size", of.actual_size}});
  }
  return array;
}

void add_predictions(Json& json, const ReplayResult& result) {
  json["predicted"] = {{"allocations", score_json(result.allocations)},
                       {"zones", score_json(result.zones)},
                       {"refills", score_json(result.refills)},
                       {"drained", score_json(result.drained)},
                       {"claims", score_json(result.claims)},
                       {"isolated", score_json(result.isolated)},
                       {"tested", score_json(result.tested)},
                       {"migrations", score_json(result.migrations)},
                       {"block_types", score_json(result.block_types)},
                       {"counters", score_json(result.counters)}};
  json["first_misprediction"] = miss_json(result.first);
  json["first_mispredicted_zone"] = zone_miss_json(result.first_zone);
  json["differing_lists"] = differences_json(result.differences);
  json["attempts"] = Json::array();
  for (const IsolationAttempt& attempt : result.attempts) {
    json["attempts"].push_back(attempt_json(attempt));
  }
  json["taken_from_the_trace"] = counts_json(result.taken);
  json["zones_not_predicted"] = counts_json(result.open_zones);
}

}  // namespace

std::string as_json(const ReplayReport& report, bool times) {
  const auto& plain = report.result.plain;
  Json json = json_document(plain ? "trace_replay" : "replay", plain ? 1 : 2);
  json["source"] = report.source;
  json["machine"] = report.machine;
  json["until_line"] = json_or_null(report.until);
  json["events"] = counts_json(report.result.events);
  json["operations"] = report.result.nr_operations;
  if (plain) {
    json["plain"] = plain_json(*plain);
    json["notes"] = report.notes;
  } else {
    add_predictions(json, report.result);
    json["judges_lists"] = report.judges_lists;
    json["agrees"] = report.agrees();
  }
  if (times) {
    const auto microseconds = [](double seconds) {
      return static_cast<std::uint64_t>(seconds * 1e6);
    };
    json["times"] = {{"reading_us", microseconds(report.reading)},
                     {"replaying_us", microseconds(report.replaying)},
                     {"operations_per_second", report.operations_per_second()}};
  }
  return to_text(json);
}

}  // namespace example
