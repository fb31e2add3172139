// SPDX-License-Identifier: MIT
#include "whynot/zone_answers.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/mm/node_alloc.hpp"

#include "whynot/answer.hpp"

namespace example {

using namespace pageblock;

namespace {

std::string name_of(const ZoneVerdict& zone, bool is_several_nodes) {
  return is_several_nodes ? fmt::format("{}/{}", zone.zone.node, zone.zone.name) : zone.zone.name;
}

// "the largest chunk has order 7 (movable)".
std::string largest_text(const ZoneCounts& counts) {
  if (counts.chunks.empty()) return "the list of its chunks is missing";
  const auto largest = counts.largest();
  if (!largest) return "no chunk is on its lists";
  const std::string types = types_text(counts.chunks[largest->value()]);
  return fmt::format("the largest chunk has order {}{}", largest->value(),
                     types.empty() ? "" : fmt::format(" ({})", types));
}

// "min 120 + 1384 kept from requests for higher zones + 511 for the request", "181 of min 481 + ...".
std::string parts_text(const ZoneVerdict& zone) {
  const WatermarkDemand& demand = zone.forecast.demand;
  const auto min = static_cast<std::int64_t>(zone.zone.counts.watermarks.min +
                                             zone.zone.counts.pressure.watermark_boost);
  std::string text = demand.mark == min ? fmt::format("min {}", min)
                                        : fmt::format("{} of min {}", demand.mark, min);
  if (demand.reserve != 0) {
    text += fmt::format(" + {} kept from requests for higher zones", demand.reserve);
  }
  if (demand.request != 0) text += fmt::format(" + {} for the request", demand.request);
  return text;
}

std::string unusable_text(const ZoneVerdict& zone) {
  const std::int64_t unusable = zone.forecast.demand.unusable;
  if (unusable == 0) return {};
  const auto cma = static_cast<std::int64_t>(zone.zone.counts.free_cma);
  return fmt::format(", of which {} are not for it ({})", unusable,
                     cma == 0          ? "reserved for urgent requests"
                     : cma == unusable ? "CMA"
                                       : "CMA and reserved for urgent requests");
}

std::string explain(const ZoneVerdict& zone, Order order) {
  const ZoneCounts& counts = zone.zone.counts;
  if (zone.is_absent) return "this machine has no memory there";
  if (zone.answer() == ZoneAnswer::no_memory) return "it has no pages to give";
  const std::string free =
      fmt::format("{} free{}, {} demanded ({})", counts.free, unusable_text(zone),
                  zone.forecast.demand.pages(), parts_text(zone));
  const auto largest = counts.largest();
  const bool has_one = largest && *largest >= order && order.value() != 0;
  if (zone.answer() == ZoneAnswer::served) return free;
  if (zone.answer() == ZoneAnswer::no_chunk) {
    return fmt::format("{}, but {}{}", free, largest_text(counts),
                       has_one ? ", and this request may not take it" : "");
  }
  if (zone.forecast.lacks_large) {
    return fmt::format("{}, but too little of it is in large chunks; {}", free,
                       largest_text(counts));
  }
  const std::int64_t usable =
      static_cast<std::int64_t>(counts.free) - zone.forecast.demand.unusable;
  return fmt::format("{}: {} short{}", free, zone.forecast.demand.pages() - usable,
                     has_one ? fmt::format("; it has a chunk of order {}", largest->value()) : "");
}

}  // namespace

std::string_view answer_word(const ZoneVerdict& zone) {
  switch (zone.answer()) {
    case ZoneAnswer::served:
      return "served";
    case ZoneAnswer::watermark:
      return "below_watermark";
    case ZoneAnswer::no_chunk:
      return "no_chunk";
    default:
      return "no_memory";
  }
}

std::string types_text(const FreeChunks& chunks) {
  if (chunks.types == TypeSet::all()) return {};
  std::string text;
  for (std::size_t i = 0; i < nr_migratetypes; ++i) {
    const auto type = static_cast<MigrateType>(i);
    if (!chunks.types.has(type)) continue;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", to_string(type));
  }
  return text;
}

Json zone_json(const ZoneVerdict& zone) {
  const ZoneCounts& counts = zone.zone.counts;
  const WatermarkDemand& demand = zone.forecast.demand;
  const auto largest = counts.largest();
  Json json;
  json["node"] = zone.zone.node;
  json["zone"] = zone.zone.name;
  json["answer"] = answer_word(zone);
  json["free"] = counts.free;
  json["demanded"] = demand.pages();
  json["demanded_watermark"] = demand.mark;
  json["demanded_reserve"] = demand.reserve;
  json["demanded_request"] = demand.request;
  json["unusable"] = demand.unusable;
  json["min"] = counts.watermarks.min + counts.pressure.watermark_boost;
  json["managed"] = counts.managed;
  json["listed"] = counts.chunks.empty() ? Json(nullptr) : Json(counts.nr_listed_pages());
  json["largest_order"] = largest ? Json(largest->value()) : Json(nullptr);
  json["largest_types"] = nullptr;
  if (largest && counts.chunks[largest->value()].types != TypeSet::all()) {
    Json types = Json::array();
    for (std::size_t i = 0; i < nr_migratetypes; ++i) {
      const auto type = static_cast<MigrateType>(i);
      if (counts.chunks[largest->value()].types.has(type)) types.push_back(to_string(type));
    }
    json["largest_types"] = std::move(types);
  }
  return json;
}

std::string zone_table(const AllocationVerdict& verdict, Order order, const MemInfo& info) {
  const bool is_several_nodes = std::ranges::any_of(verdict.zones, [&](const ZoneVerdict& zone) {
    return zone.zone.node != verdict.zones.front().zone.node;
  });
  std::size_t width = 0;
  for (const ZoneVerdict& zone : verdict.zones) {
    width = std::max(width, name_of(zone, is_several_nodes).size());
  }
  std::string text;
  std::string differing;
  for (const ZoneVerdict& zone : verdict.zones) {
    constexpr std::array<std::string_view, 5> words{"", "no memory", "below its watermark",
                                                    "no chunk of that order", "served"};
    text += fmt::format("  {:<{}}  {}: {}\n", name_of(zone, is_several_nodes), width,
                        words[static_cast<std::size_t>(zone.answer())], explain(zone, order));
    const ZoneCounts& counts = zone.zone.counts;
    if (!counts.chunks.empty() && counts.nr_listed_pages() != counts.free) {
      differing += fmt::format("{}{} {} kB and {} kB", differing.empty() ? "" : ", ",
                               name_of(zone, is_several_nodes), counts.free * info.page_kbytes,
                               counts.nr_listed_pages() * info.page_kbytes);
    }
  }
  if (!differing.empty()) {
    text += fmt::format("  Counters and lists were read one after the other: {}.\n", differing);
  }
  return text;
}

std::string served_text(const AllocationVerdict& verdict) {
  if (!verdict.largest_served) return "Served now: no order, not even a single page.\n";
  const auto& [order, server] = *verdict.largest_served;
  const bool is_several_nodes = verdict.zones.front().zone.node != verdict.zones.back().zone.node;
  return fmt::format("Served now: order {}{}, from {}.\n", order.value(),
                     order.value() == 0 ? "" : " and below",
                     name_of(verdict.zones[server], is_several_nodes));
}

}  // namespace example
