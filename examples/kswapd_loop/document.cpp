// SPDX-License-Identifier: MIT
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "common/json.hpp"
#include "kswapd_loop/report.hpp"

namespace example {

using namespace pageblock;

namespace {

Json json_of(const Shrunk& shrunk) {
  return {{"scanned", shrunk.scanned}, {"reclaimed", shrunk.reclaimed}};
}

Json json_of(const LoggedStep& logged) {
  Json json{{"number", logged.number}};
  if (const auto* pass = std::get_if<KswapdPass>(&logged.step)) {
    json["actor"] = "kswapd";
    json["pass"] = {{"priority", pass->priority},
                    {"shrunk", json_of(pass->shrunk)},
                    {"gave_up", pass->gave_up},
                    {"fell_asleep", pass->fell_asleep}};
  } else {
    const auto& step = std::get<TaskStep>(logged.step);
    json["actor"] = "task";
    json["task"] = {{"place", fmt::format("{}", step.place)},
                    {"next", fmt::format("{}", step.next)},
                    {"shrunk", json_of(step.shrunk)},
                    {"progress", step.progress},
                    {"woke_kswapd", step.woke_kswapd},
                    {"drained", step.drained},
                    {"killed", step.killed}};
  }
  json["free_before"] = logged.free_before;
  json["free_after"] = logged.free_after;
  json["charged"] = logged.charged;
  json["pages_scanned"] = logged.pages_scanned;
  json["kswapd_was_awake"] = logged.kswapd_was_awake;
  return json;
}

Json json_of(const Run& run) {
  const Scene& scene = run.scene;
  const ReclaimCounts& counts = run.counts;
  Json steps = Json::array();
  for (const LoggedStep& logged : run.log) steps.push_back(json_of(logged));
  return {{"kernel", run.kernel},
          {"scene",
           {{"isolated_free", scene.isolated_free},
            {"isolated_blocks", run.isolated_blocks},
            {"lru_pages", scene.lru_pages},
            {"reclaims", scene.reclaims},
            {"frees_every", scene.frees_every},
            {"kswapd_awake", scene.kswapd_awake},
            {"max_steps", scene.max_steps}}},
          {"ending", fmt::format("{}", run.result.ending)},
          {"steps", run.result.steps},
          {"period", run.result.period},
          {"page", json_or_null(run.page)},
          {"counts",
           {{"allocstall", counts.allocstall},
            {"drain_all_pages", counts.drain_all_pages},
            {"kswapd_wakeups", counts.kswapd_wakeups},
            {"kswapd_passes", counts.kswapd_passes},
            {"oom_kill", counts.oom_kill},
            {"direct", json_of(counts.direct)},
            {"kswapd", json_of(counts.kswapd)}}},
          {"log", std::move(steps)}};
}

}  // namespace

std::string as_json(const std::vector<Run>& runs, const std::vector<Price>& prices) {
  Json document = json_document("kswapd_loop", 1);
  document["watermarks"] = {{"min", marks.min}, {"low", marks.low}, {"high", marks.high}};
  document["zone_pages"] = zone_pages;
  document["runs"] = Json::array();
  for (const Run& run : runs) document["runs"].push_back(json_of(run));
  document["prices"] = Json::array();
  for (const Price& price : prices) {
    document["prices"].push_back({{"kernel", price.kernel},
                                  {"free_before", price.free_before},
                                  {"free_after", price.free_after},
                                  {"passes", price.passes},
                                  {"reclaimed", price.reclaimed}});
  }
  return to_text(document);
}

}  // namespace example
