// SPDX-License-Identifier: MIT
#include <cstdint>
#include <string>
#include <string_view>

#include "cma_trouble/report.hpp"
#include "common/json.hpp"

namespace example {

namespace {

Json document_of(std::string_view kernel, const BoardSettings& settings, std::uint64_t area_pages) {
  Json document = json_document("cma_trouble", 1);
  document["kernel"] = kernel;
  document["board"] = {{"memory_pages", settings.memory_pages},
                       {"area_pages", area_pages},
                       {"order_per_bit", settings.order_per_bit},
                       {"free_percent", settings.free_percent},
                       {"clean_percent", settings.clean_percent},
                       {"held_percent", settings.held_percent},
                       {"seed", settings.seed}};
  document["rows"] = Json::array();
  document["request"] = nullptr;
  return document;
}

Json json_of(const Request& request) {
  return {{"pages", request.pages},
          {"alignment", std::string{to_string(request.alignment)}},
          {"pins", request.pins}};
}

}  // namespace

std::string rows_as_json(std::string_view kernel, const BoardSettings& settings,
                         const std::vector<Row>& rows) {
  Json document = document_of(kernel, settings, rows.front().area_pages);
  for (const Row& row : rows) {
    Json json = json_of(row.request);
    json["tries"] = row.tries;
    json["lent"] = row.lent;
    json["served"] = row.served;
    json["no_place"] = row.no_place;
    json["places"] = row.places;
    json["moved"] = row.moved;
    json["dropped"] = row.dropped;
    json["in_vain"] = row.in_vain;
    document["rows"].push_back(std::move(json));
  }
  return to_text(document);
}

std::string outcome_as_json(std::string_view kernel, const BoardSettings& settings,
                            const Request& request, const Outcome& outcome) {
  Json document = document_of(kernel, settings, outcome.area_pages);
  Json json = json_of(request);
  json["lent"] = outcome.lent;
  json["pinned"] = outcome.pinned;
  json["boot_log"] = outcome.boot_log;
  json["failure_log"] = outcome.failure_log;
  json["attempt"] = Json::parse(pageblock::to_json(outcome.attempt));
  document["request"] = std::move(json);
  return to_text(document);
}

}  // namespace example
