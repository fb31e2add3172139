// SPDX-License-Identifier: MIT
// buddyinfo, pagetypeinfo and zoneinfo, one or a series of each.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/log/allocation_verdict.hpp"
#include "pageblock/mm/fragmentation_index.hpp"
#include "pageblock/mm/zone_counters.hpp"

#include "whynot/answer.hpp"
#include "whynot/zone_answers.hpp"

namespace example {

using namespace pageblock;

namespace {

// All that the tables together say of the zones.
struct Machine {
  KernelZones kernel;
  std::vector<NodeZone> zones;
  bool has_marks = false;
  bool has_types = false;
};

template <typename Table>
const Table* last_of(const Question& question) {
  const Table* last = nullptr;
  for (const Finding& finding : question.findings->found) {
    if (const auto* table = std::get_if<Table>(&finding.what)) last = table;
  }
  return last;
}

NodeZone& zone_in(Machine& machine, const ZoneName& name) {
  const auto found = std::ranges::find_if(machine.zones, [&](const NodeZone& zone) {
    return zone.node == name.node && zone.name == name.zone;
  });
  if (found != machine.zones.end()) return *found;
  return machine.zones.emplace_back(NodeZone{name.node, 0, name.zone, {}});
}

std::optional<MigrateType> type_named(std::string_view name) {
  for (std::size_t i = 0; i < nr_migratetypes; ++i) {
    if (to_string(static_cast<MigrateType>(i)) == name) return static_cast<MigrateType>(i);
  }
  return std::nullopt;
}

// The free chunks by type: which types have some, and how many there are in all.
void add_types(Machine& machine, const PageTypeInfo& info) {
  machine.has_types = !info.free.empty();
  const bool has_counts = std::ranges::any_of(
      machine.zones, [](const NodeZone& zone) { return !zone.counts.chunks.empty(); });
  for (const FreeOfType& row : info.free) {
    NodeZone& zone = zone_in(machine, row.name);
    const auto type = type_named(row.type);
    auto& chunks = zone.counts.chunks;
    if (chunks.size() < row.nr_free.size()) chunks.resize(row.nr_free.size(), {0, TypeSet{}});
    for (std::size_t order = 0; order < row.nr_free.size(); ++order) {
      FreeChunks& of_order = chunks[order];
      if (of_order.types == TypeSet::all()) of_order.types = TypeSet{};
      if (!has_counts) of_order.count += row.nr_free[order];
      if (type && row.nr_free[order] != 0) of_order.types.add(*type);
      // The kernel does not count what is free in isolated blocks (since v3.7).
      if (!has_counts && type != MigrateType::isolate) {
        zone.counts.free += row.nr_free[order] << order;
      }
      if (type == MigrateType::cma) zone.counts.free_cma += row.nr_free[order] << order;
    }
  }
}

Machine machine_of(const Question& question) {
  Machine machine;
  if (const auto* rows = last_of<BuddyInfo>(question)) {
    for (const BuddyInfoRow& row : *rows) {
      NodeZone& zone = zone_in(machine, row.name);
      for (const std::uint64_t count : row.nr_free)
        zone.counts.chunks.push_back({count, TypeSet::all()});
      zone.counts.free = row.nr_free_pages();
    }
  }
  if (const auto* types = last_of<PageTypeInfo>(question)) add_types(machine, *types);
  for (NodeZone& zone : machine.zones)
    zone.counts.managed = std::max<std::uint64_t>(zone.counts.free, 1);
  if (const auto* zones = last_of<ZoneTable>(question)) {
    machine.has_marks = true;
    for (const ZoneInfo& info : *zones) {
      ZoneCounts& counts = zone_in(machine, info.name).counts;
      counts.managed = info.managed.value_or(info.present);
      counts.free = info.free;
      counts.watermarks = info.watermarks;
      counts.lowmem_reserve = info.protection;
    }
  }
  std::vector<MemInfoZone> named;
  for (const NodeZone& zone : machine.zones) {
    MemInfoZone& of = named.emplace_back(MemInfoZone{.node = zone.node, .name = zone.name});
    of.lowmem_reserve = zone.counts.lowmem_reserve;
  }
  machine.kernel = guess_kernel_zones(named);
  for (NodeZone& zone : machine.zones)
    zone.number = machine.kernel.number_of(zone.name).value_or(0);
  return machine;
}

const Semantics& rules_of(const Question& question) {
  auto version = question.kernel;
  if (!version) version = parse_kernel_version(question.findings->release);
  if (!version) {
    if (const auto* types = last_of<PageTypeInfo>(question)) {
      for (const BlockTypeCounts& zone : types->zones) {
        for (const auto& [name, count] : zone.types) {
          if (name == "Reserve") version = KernelVersion{3, 6};
        }
      }
    }
  }
  return rules_for(version);
}

struct TableQuestion {
  Order order{};
  GfpFlags flags{};
};
TableQuestion table_question(const Question& question) {
  return {question.order.value_or(Order{0}), question.gfp.value_or(read_gfp_flags("GFP_KERNEL"))};
}

// The kind of the table that was found first.
std::string_view first_kind(const Question& question) {
  for (const Finding& finding : question.findings->found) {
    if (std::holds_alternative<BuddyInfo>(finding.what)) return "buddyinfo";
    if (std::holds_alternative<PageTypeInfo>(finding.what)) return "pagetypeinfo";
    if (std::holds_alternative<ZoneTable>(finding.what)) return "zoneinfo";
  }
  return {};
}

// Puts in whether the order that is asked about would be served, and by whom.
void add_verdict(Answer& answer, const Question& question) {
  const Machine machine = machine_of(question);
  const TableQuestion asked = table_question(question);
  const Semantics& rules = rules_of(question);
  const AllocationVerdict verdict =
      judge_allocation(machine.kernel, machine.zones, asked.order, asked.flags, rules);
  const bool lacks_lists = std::ranges::all_of(
      machine.zones, [](const NodeZone& zone) { return zone.counts.chunks.empty(); });
  Json& json = answer.json;
  json["order"] = question.order ? Json(question.order->value()) : Json(nullptr);
  json["gfp"] = asked.flags.names();
  json["rules"] = fmt::format("v{}.{}", rules.major, rules.minor);
  json["knows_watermarks"] = machine.has_marks;
  json["cause"] = to_string(verdict.cause);
  json["largest_order_served"] =
      verdict.largest_served ? Json(verdict.largest_served->first.value()) : Json(nullptr);
  for (Json& zone : json["zones"]) {
    zone["answer"] = nullptr;
    for (const ZoneVerdict& of : verdict.zones) {
      if (zone["node"] != of.zone.node || zone["zone"] != of.zone.name || of.is_absent) continue;
      const bool is_open = lacks_lists && of.answer() == ZoneAnswer::no_chunk;
      if (!is_open) zone["answer"] = answer_word(of);
      zone["demanded"] = of.forecast.demand.pages();
      zone["unusable_pages"] = of.forecast.demand.unusable;
    }
  }
  if (answer.json["kind"] != first_kind(question)) return;  // in words once
  std::string& text = answer.text;
  if (question.order) {
    text += fmt::format("Order {} ({}), {}, by {}'s rules{}:\n", asked.order.value(),
                        size_text(asked.order.nr_pages()), asked.flags.names(),
                        json["rules"].get<std::string>(),
                        machine.has_marks ? "" : " without watermarks, which zoneinfo has");
    text += zone_table(verdict, asked.order, {});
    text += verdict.cause == FailureCause::none ? "It would be served.\n"
            : lacks_lists && verdict.cause == FailureCause::fragmentation
                ? "Enough is free; whether in one piece, buddyinfo says.\n"
                : fmt::format("It would not be served: {}.\n", verdict.cause);
  }
  if (lacks_lists) return;
  if (machine.has_marks) {
    text += served_text(verdict);
  } else if (verdict.largest_served) {
    text += fmt::format(
        "By the lists alone, order {} and below would be served; watermarks, which zoneinfo "
        "has, may forbid it.\n",
        verdict.largest_served->first.value());
  }
}

double share(const ContigPageInfo& info, Order order) {
  if (info.free_pages == 0) return 1;
  const std::uint64_t usable = info.free_blocks_suitable << order.value();
  return static_cast<double>(info.free_pages - usable) / static_cast<double>(info.free_pages);
}
double rounded(double value) {
  return static_cast<double>(static_cast<std::int64_t>(value * 1000 + 0.5)) / 1000;
}

Json orders_json(const std::vector<std::uint64_t>& nr_free) {
  Json orders = Json::array();
  for (std::size_t i = 0; i < nr_free.size(); ++i) {
    const Order order{static_cast<unsigned>(i)};
    const ContigPageInfo info = contig_page_info(nr_free, order);
    orders.push_back({{"order", i},
                      {"chunks", nr_free[i]},
                      {"unusable", rounded(share(info, order))},
                      {"unusable_index", unusable_free_index(order, info)},
                      {"fragmentation_index", fragmentation_index(order, info)}});
  }
  return orders;
}

// A word for how a number went.
std::string_view direction(double first, double last, double step) {
  return last > first + step ? "rising" : last + step < first ? "falling" : "steady";
}

// How it went over a series.
void add_trend(Answer& answer, const Series<BuddyInfo>& series, const Question& question) {
  const Order order = question.order.value_or(Order{4});
  Json trend = Json::array();
  std::string text;
  for (const BuddyInfoRow& last : *series.tables.back().table) {
    Json points = Json::array();
    for (const auto& [where, table] : series.tables) {
      for (const BuddyInfoRow& row : *table) {
        if (!(row.name == last.name)) continue;
        points.push_back(
            {{"time", where->time.empty() ? Json(nullptr) : Json(where->time)},
             {"file", where->file},
             {"line", where->line},
             {"free", row.nr_free_pages()},
             {"unusable", rounded(share(contig_page_info(row.nr_free, order), order))}});
      }
    }
    if (points.size() < 2) continue;
    const Json first = points.front();
    const Json end = points.back();
    const auto free_from = first["free"].get<double>();
    const auto free_to = end["free"].get<double>();
    const std::string_view free_goes = direction(free_from, free_to, free_from / 20);
    const std::string_view goes =
        direction(first["unusable"].get<double>(), end["unusable"].get<double>(), 0.02);
    text += fmt::format("  {}: free {} -> {} ({}); unusable at order {}: {:.3f} -> {:.3f} ({})\n",
                        last.name, first["free"].get<std::uint64_t>(),
                        end["free"].get<std::uint64_t>(), free_goes, order.value(),
                        first["unusable"].get<double>(), end["unusable"].get<double>(), goes);
    trend.push_back({{"node", last.name.node},
                     {"zone", last.name.zone},
                     {"order", order.value()},
                     {"free", free_goes},
                     {"unusable", goes},
                     {"points", std::move(points)}});
  }
  answer.json["trend"] = std::move(trend);
  if (text.empty()) return;
  const auto name_of = [](const Finding& where) {
    return where.time.empty() ? fmt::format("{}, line {}", where.file, where.line) : where.time;
  };
  answer.text += fmt::format("Over {} tables, from {} to {}:\n{}", series.tables.size(),
                             name_of(*series.tables.front().where),
                             name_of(*series.tables.back().where), text);
}

}  // namespace

Answer answer_to(const Series<BuddyInfo>& series, const Question& question) {
  const BuddyInfo& rows = *series.tables.back().table;
  Answer answer;
  answer.json = {{"kind", "buddyinfo"}, {"tables", series.tables.size()}, {"zones", Json::array()}};
  answer.title = fmt::format("the free chunks of {}", count_text(rows.size(), "zone"));
  std::size_t width = 4;
  for (const BuddyInfoRow& row : rows) width = std::max(width, fmt::format("{}", row.name).size());
  std::string& text = answer.text;
  text += fmt::format("  {:<{}}  {:>9} {:>10} {:>7}   cannot be used at order\n", "", width, "free",
                      "", "largest");
  text += fmt::format("  {:<{}}  {:>9} {:>10} {:>7}", "zone", width, "pages", "", "order");
  const std::size_t nr_orders = rows.front().nr_free.size();
  for (std::size_t order = 1; order < nr_orders; ++order) text += fmt::format(" {:>5}", order);
  text += '\n';
  for (const BuddyInfoRow& row : rows) {
    std::optional<std::size_t> largest;
    for (std::size_t order = 0; order < row.nr_free.size(); ++order) {
      if (row.nr_free[order] != 0) largest = order;
    }
    answer.json["zones"].push_back({{"node", row.name.node},
                                    {"zone", row.name.zone},
                                    {"free", row.nr_free_pages()},
                                    {"largest_order", json_or_null(largest)},
                                    {"orders", orders_json(row.nr_free)}});
    text += fmt::format("  {:<{}}  {:>9} {:>10} {:>7}", fmt::format("{}", row.name), width,
                        row.nr_free_pages(), size_text(row.nr_free_pages()),
                        largest ? fmt::format("{}", *largest) : "none");
    for (std::size_t i = 1; i < row.nr_free.size(); ++i) {
      const Order order{static_cast<unsigned>(i)};
      text += fmt::format(" {:.3f}", share(contig_page_info(row.nr_free, order), order));
    }
    text += '\n';
  }
  text +=
      "The share of the free memory that is in chunks too small for that order (the kernel's "
      "unusable_index, which cuts off after three digits).\n";
  if (question.order) {
    for (const BuddyInfoRow& row : rows) {
      const ContigPageInfo info = contig_page_info(row.nr_free, *question.order);
      const std::int64_t index = fragmentation_index(*question.order, info);
      text += fmt::format(
          "  {:<{}}  fragmentation index {}\n", fmt::format("{}", row.name), width,
          index == -1000
              ? std::string{"-1.000: an allocation would not fail"}
              : fmt::format("{:.3f}: {}", static_cast<double>(index) / 1000,
                            index > 500 ? "it is fragmented" : "there is too little memory"));
    }
  }
  add_verdict(answer, question);
  add_trend(answer, series, question);
  answer.likeness = "buddyinfo";
  return answer;
}

Answer answer_to(const Series<PageTypeInfo>& series, const Question& question) {
  const PageTypeInfo& info = *series.tables.back().table;
  Answer answer;
  answer.json = {{"kind", "pagetypeinfo"},
                 {"tables", series.tables.size()},
                 {"pageblock_order", info.page_block_order},
                 {"zones", Json::array()}};
  answer.title = fmt::format("free chunks and pageblocks by type; a pageblock has order {}",
                             info.page_block_order);
  std::string& text = answer.text;
  std::vector<ZoneName> names;
  const auto note = [&names](const ZoneName& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const FreeOfType& row : info.free) note(row.name);
  for (const BlockTypeCounts& row : info.zones) note(row.name);
  for (const ZoneName& name : names) {
    Json types = Json::object();
    std::uint64_t free = 0;
    std::optional<std::size_t> largest_of_all;
    std::string line;
    for (const FreeOfType& row : info.free) {
      if (!(row.name == name)) continue;
      std::uint64_t pages = 0;
      bool is_least = false;
      std::optional<std::size_t> largest;
      for (std::size_t order = 0; order < row.nr_free.size(); ++order) {
        pages += row.nr_free[order] << order;
        is_least = is_least || row.is_least[order];
        if (row.nr_free[order] != 0) largest = order;
      }
      free += pages;
      if (largest && (!largest_of_all || *largest > *largest_of_all)) largest_of_all = largest;
      types[row.type] = {
          {"free", pages}, {"is_least", is_least}, {"largest_order", json_or_null(largest)}};
      if (pages == 0) continue;
      line += fmt::format("    {:<12} {}{} free, largest order {}\n", row.type,
                          is_least ? "at least " : "", pages, *largest);
    }
    std::string blocks;
    for (const BlockTypeCounts& row : info.zones) {
      if (!(row.name == name)) continue;
      for (const auto& [type, count] : row.types) {
        types[type]["blocks"] = count;
        if (count != 0) blocks += fmt::format("{}{} {}", blocks.empty() ? "" : ", ", count, type);
      }
    }
    text += fmt::format("  {}: {} pages free; blocks: {}\n{}", name, free,
                        blocks.empty() ? "none" : blocks, line);
    answer.json["zones"].push_back({{"node", name.node},
                                    {"zone", name.zone},
                                    {"free", free},
                                    {"largest_order", json_or_null(largest_of_all)},
                                    {"types", std::move(types)}});
  }
  add_verdict(answer, question);
  if (series.tables.size() > 1) {
    text += fmt::format("This is the last of {} tables.\n", series.tables.size());
  }
  answer.likeness = "pagetypeinfo";
  return answer;
}

Answer answer_to(const Series<ZoneTable>& series, const Question& question) {
  const ZoneTable& zones = *series.tables.back().table;
  Answer answer;
  answer.json = {{"kind", "zoneinfo"}, {"tables", series.tables.size()}, {"zones", Json::array()}};
  answer.title = fmt::format("the counters of {}", count_text(zones.size(), "zone"));
  std::string& text = answer.text;
  std::size_t width = 4;
  for (const ZoneInfo& zone : zones) width = std::max(width, fmt::format("{}", zone.name).size());
  text += fmt::format("  {:<{}} {:>10} {:>9} {:>9} {:>9} {:>10}\n", "zone", width, "free", "min",
                      "low", "high", "managed");
  for (const ZoneInfo& zone : zones) {
    const std::string_view state = zone.present == 0 ? "has no pages"
                                   : zone.free < zone.watermarks.min
                                       ? "below min: only urgent requests"
                                   : zone.free < zone.watermarks.low  ? "below low: kswapd works"
                                   : zone.free < zone.watermarks.high ? "between low and high"
                                                                      : "above high";
    answer.json["zones"].push_back({{"node", zone.name.node},
                                    {"zone", zone.name.zone},
                                    {"free", zone.free},
                                    {"largest_order", nullptr},
                                    {"min", zone.watermarks.min},
                                    {"low", zone.watermarks.low},
                                    {"high", zone.watermarks.high},
                                    {"spanned", zone.spanned},
                                    {"present", zone.present},
                                    {"managed", json_or_null(zone.managed)},
                                    {"start_pfn", zone.start_pfn.value()},
                                    {"protection", zone.protection},
                                    {"state", state}});
    text +=
        fmt::format("  {:<{}} {:>10} {:>9} {:>9} {:>9} {:>10}  {}\n", fmt::format("{}", zone.name),
                    width, zone.free, zone.watermarks.min, zone.watermarks.low,
                    zone.watermarks.high, zone.managed.value_or(zone.present), state);
  }
  add_verdict(answer, question);
  Json trend = Json::array();
  if (series.tables.size() > 1) {
    text += fmt::format("Over {} tables:\n", series.tables.size());
    for (const ZoneInfo& last : zones) {
      Json points = Json::array();
      for (const auto& [where, table] : series.tables) {
        for (const ZoneInfo& zone : *table) {
          if (!(zone.name == last.name)) continue;
          points.push_back({{"time", where->time.empty() ? Json(nullptr) : Json(where->time)},
                            {"file", where->file},
                            {"line", where->line},
                            {"free", zone.free}});
        }
      }
      const auto first = points.front()["free"].get<double>();
      const std::string_view goes = direction(first, static_cast<double>(last.free), first / 20);
      text += fmt::format("  {}: free {} -> {} ({})\n", last.name,
                          points.front()["free"].get<std::uint64_t>(), last.free, goes);
      trend.push_back({{"node", last.name.node},
                       {"zone", last.name.zone},
                       {"free", goes},
                       {"points", std::move(points)}});
    }
  }
  answer.json["trend"] = std::move(trend);
  answer.likeness = "zoneinfo";
  return answer;
}

}  // namespace example
