// SPDX-License-Identifier: MIT
// The naive model is judged itself: it replays recordings of the real kernels.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "conformance/input.hpp"
#include "conformance/line.hpp"
#include "model/naive_v6_zone.hpp"
#include "support/catch.hpp"

namespace pageblock::test {
namespace {

using conformance::Line;

class Fnv {
 public:
  void add(std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte) {
      value_ = (value_ ^ (value & 0xff)) * 0x100000001b3U;
      value >>= 8;
    }
  }
  void separate() { add(~std::uint64_t{0}); }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

// Pages in chunks of a block or more that are not isolated: NR_FREE_PAGES_BLOCKS of v6.18.
std::uint64_t free_in_blocks(const NaiveV6Zone& zone) {
  std::uint64_t pages = 0;
  for (unsigned order = zone.block_order; order < zone.max_order; ++order) {
    for (const MigrateType type : zone.rules.types) {
      if (type == MigrateType::isolate) continue;
      pages += zone.free_area[order].lists[index_of(type)].size() << order;
    }
  }
  return pages;
}

// The hash of FORMAT-v6.
std::uint64_t hash_of(const NaiveV6Zone& zone) {
  Fnv fnv;
  fnv.add(static_cast<std::uint64_t>(zone.nr_free_pages));
  fnv.add(static_cast<std::uint64_t>(zone.nr_free_cma));
  if (zone.rules.isolation_is_a_bit) fnv.add(free_in_blocks(zone));
  fnv.add(static_cast<std::uint64_t>(zone.nr_pageblock_isolate));
  fnv.add(zone.nr_reserved_highatomic);
  const bool is_tuned = zone.rules.lists_tune;
  if (is_tuned) fnv.add(static_cast<std::uint64_t>(zone.nr_free_highatomic));
  fnv.add(zone.watermark_boost);
  fnv.add((zone.boosted ? 1U : 0U) | (zone.reclaim_active ? 2U : 0U) | (zone.below_high ? 4U : 0U));
  for (const MigrateType type : zone.block_types) fnv.add(zone.number(type));
  for (const FreeAreaImage& area : zone.free_area) {
    fnv.add(area.nr_free);
    for (const MigrateType type : zone.rules.types) {
      for (const std::uint64_t pfn : area.lists[index_of(type)]) fnv.add(pfn);
      fnv.separate();
    }
  }
  for (const PcpImage& pcp : zone.pcps) {
    fnv.add(pcp.count);
    fnv.add(pcp.high);
    if (is_tuned) {
      fnv.add(pcp.high_min);
      fnv.add(pcp.high_max);
    }
    fnv.add(pcp.batch);
    if (is_tuned) {
      fnv.add((pcp.freed_high_order ? 1U : 0U) | (pcp.drains_a_batch ? 2U : 0U));
      fnv.add(pcp.alloc_factor);
      fnv.add(pcp.free_count);
    } else {
      fnv.add(pcp.free_factor);
    }
    for (const Pfns& list : pcp.lists) {
      for (const std::uint64_t pfn : list) {
        fnv.add(pfn);
        if (!is_tuned) fnv.add(zone.at(pfn).page_private);
      }
      fnv.separate();
    }
  }
  return fnv.value();
}

struct Replay {
  ModelGeometry geometry{.max_order = 0, .pageblock_order = 0, .rules = nullptr};
  unsigned huge_order = 0;
  ZoneLayout layout;
  std::optional<NaiveV6Zone> zone;

  static std::string result(std::int64_t value) { return std::to_string(value); }
  static std::string freed(std::int64_t value) {
    return value == 0 ? "freed" : value == -1 ? "held" : "bad";
  }
  static std::string pfn_or_none(std::int64_t pfn) {
    return pfn < 0 ? "none" : fmt::format("ok pfn={}", pfn);
  }
  [[nodiscard]] PfnRange range(const Line& line) const {
    const Pfn end = layout.start_pfn + layout.spanned_pages;
    return {Pfn{line.number("s")}, std::min(Pfn{line.number("e")}, end)};
  }

  std::string set_up(const Line& line) {
    const std::string_view op = line.op();
    if (op == "vec") {
      if (line.text("profile") == "v6.1") geometry.rules = &rules::v6_1;
      if (line.text("profile") == "v6.12") geometry.rules = &rules::v6_12;
      if (line.text("profile") == "v7.2") geometry.rules = &rules::v7_2;
      return geometry.rules == nullptr ? "?" : "ok";
    }
    if (op == "geom") {
      geometry.max_order = static_cast<unsigned>(line.number("max_page_order")) + 1;
      geometry.pageblock_order = static_cast<unsigned>(line.number("pageblock_order"));
      huge_order = static_cast<unsigned>(line.number("thp_order"));
      return "ok";
    }
    if (op == "zone") {
      layout.start_pfn = Pfn{line.number("start")};
      layout.spanned_pages = line.number("pages");
      if (line.text("type") == "movable") layout.type = ZoneType::movable;
      layout.mobility_grouping = line.number("mobility_disabled") == 0;
      const NaiveV6Zone empty{geometry, layout};
      return fmt::format("ok blocks={}", empty.block_types.size());
    }
    if (op == "reserved") {
      layout.reserved.push_back(range(line));
      return "ok";
    }
    if (op == "blocktype") {
      layout.block_types.push_back({range(line), geometry.rules->types.at(line.number("mt"))});
      return "ok";
    }
    if (op == "populate") {
      layout.populate_order = Order{static_cast<unsigned>(line.number("maxorder"))};
      zone.emplace(geometry, layout);
      zone->huge_order = huge_order;
      zone->has_neighbours = true;
      zone->set_pageset(1, 0, 0);
      return fmt::format("ok pages={}", zone->nr_free_pages);
    }
    return "?";
  }

  std::string operate(const Line& line) {
    NaiveV6Zone& z = *zone;
    const std::string_view op = line.op();
    const std::uint64_t pfn = line.number("pfn");
    const std::uint64_t s = line.number("s");
    const std::uint64_t e = line.number("e");
    const auto order = static_cast<unsigned>(line.number("order"));
    auto flags = static_cast<unsigned>(line.number("flags"));
    const auto gfp = static_cast<unsigned>(line.number("gfp"));
    MigrateType type = z.rules.types.at(line.number("mt"));
    // For taking memory offline, for CMA, or for others.
    if (const std::string_view mode = line.text("mode"); !mode.empty()) {
      flags = mode == "0" ? NaiveV6Zone::memory_offline : 0;
      type = mode == "1" ? MigrateType::cma : MigrateType::movable;
    }
    if (const std::string_view cma = line.text("cma"); !cma.empty()) {
      type = cma == "1" ? MigrateType::cma : MigrateType::movable;
    }
    const auto pfns = [&] {
      Pfns all;
      for (std::string_view text = line.text("pfns"); !text.empty();) {
        const std::size_t comma = std::min(text.find(','), text.size());
        all.push_back(conformance::to_number<std::uint64_t>(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
      }
      return all;
    };
    if (op == "alloc") {
      const std::int64_t got = z.alloc(0, order, type, flags);
      if (got >= 0 && order > 0 && line.number("comp") != 0)
        z.make_compound(static_cast<std::uint64_t>(got), order);
      return pfn_or_none(got);
    }
    if (op == "alloc_pages") return pfn_or_none(z.alloc_pages(0, order, gfp));
    if (op == "alloc_bulk") {
      const Pfns got = z.alloc_pages_bulk(0, line.number("n"), gfp);
      if (got.empty()) return "0";
      return fmt::format("{} pfns={}", got.size(), fmt::join(got, ","));
    }
    if (op == "free") return freed(z.free(0, pfn, order));
    if (op == "put") return freed(z.put(0, pfn));
    if (op == "get") {
      z.get(pfn);
      return fmt::format("ok count={}", z.at(pfn).count);
    }
    if (op == "split") {
      z.split(pfn, order);
      return "ok";
    }
    if (op == "free_list") {
      const Pfns all = pfns();
      // First what never gets to a list: single pages of isolated blocks, or from v6.12 on chunks of other orders.
      const auto has_no_list = [&](std::uint64_t p) {
        return z.rules.lists_tune ? !z.has_lists(z.compound_order(p))
                                  : z.type_of(p) == MigrateType::isolate;
      };
      std::vector<bool> is_done;
      for (const std::uint64_t p : all) {
        z.at(p).count = 0;
        is_done.push_back(has_no_list(p));
        if (is_done.back()) z.free_unused(0, p, z.compound_order(p));
      }
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (!is_done[i]) z.free_unused(0, all[i], z.compound_order(all[i]));
      }
      return "ok";
    }
    if (op == "set_lru" || op == "clear_lru") {
      for (std::uint64_t i = 0; i < line.number("n"); ++i) z.set_lru(pfn + i, op == "set_lru");
      return "ok";
    }
    if (op == "drain") {
      z.drain_cpu(0);
      return "ok";
    }
    if (op == "drain_all") {
      z.drain_all();
      return "ok";
    }
    if (op == "tick") return z.rules.lists_tune && z.tick(0) ? "1" : "0";
    if (op == "set_managed") {
      z.managed_pages = line.number("pages");
      return "ok";
    }
    if (op == "init_cma") {
      z.init_cma(pfn);
      // The recording machine's v7.2 sets the reserves anew whenever memory comes: what it keeps for
      // requests that could use a higher zone is 228 pages, whatever the zone.
      if (&z.rules == &rules::v7_2) {
        std::fill(z.lowmem_reserve.begin() + 1, z.lowmem_reserve.end(), 228U);
      }
      return "ok";
    }
    if (op == "set_pcp") {
      z.set_pageset(line.number("batch"), line.number("high_min"),
                    z.rules.lists_tune ? line.number("high_max") : 0);
      z.pcps[0].drains_a_batch = z.rules.lists_tune && line.number("free_high_batch") != 0;
      return "ok";
    }
    if (op == "pcp_disable") {
      z.disable_pcps();
      return "ok";
    }
    if (op == "pcp_enable") {
      z.enable_pcps();
      return "ok";
    }
    if (op == "set_zflag") {
      const bool is_on = line.number("on") != 0;
      if (line.number("bit") == 1) z.reclaim_active = is_on;
      if (line.number("bit") == 2) z.below_high = is_on;
      return "ok";
    }
    if (op == "set_wmark") {
      z.min_watermark = line.number("min");
      z.low_watermark = line.number("low");
      z.high_watermark = line.number("high");
      z.watermark_boost = 0;
      return "ok";
    }
    if (op == "wmark") return z.watermark_ok(order, line.number("mark"), 0, flags) ? "1" : "0";
    if (op == "isolate") return result(z.set_isolate(pfn, s, e, type, flags));
    if (op == "unisolate") {
      z.unset_isolate(pfn, type);
      return "ok";
    }
    if (op == "start_isolate") return result(z.start_isolate(s, e, type, flags));
    if (op == "undo_isolate") {
      z.undo_isolate(s, e, type);
      return "ok";
    }
    if (op == "test_isolated") return result(z.test_isolated(s, e, flags));
    if (op == "unmovable") {
      const auto found = z.find_unmovable(s, e, type, flags);
      return found ? std::to_string(*found) : "none";
    }
    if (op == "alloc_contig") {
      return result(z.alloc_contig(0, s, e, type, line.number("comp") != 0));
    }
    if (op == "free_contig") {
      z.free_contig(0, pfn, line.number("n"));
      return "ok";
    }
    if (op == "move_block") {
      const auto moved = z.move_block(pfn, type);
      return moved ? std::to_string(moved->free) : "-1";
    }
    if (op == "set_mt") {
      z.set_type(pfn, type);
      return "ok";
    }
    if (op == "reserve_highatomic") {
      z.reserve_highatomic(pfn, order);
      return "ok";
    }
    if (op == "unreserve_highatomic")
      return z.unreserve_highatomic(type, line.number("force") != 0) ? "1" : "0";
    if (op == "isolate_free") {
      if (!z.is_head(pfn) || z.order_of(pfn) != order) return "-1";
      return std::to_string(z.isolate_free(pfn));
    }
    if (op == "putback") {
      z.put_back(pfn, order, type);
      return "ok";
    }
    return "?";
  }

  // Returns the first difference, or nothing.
  std::string run(const std::string& path) {
    conformance::Input input{path};
    std::uint64_t nr = 0;
    while (const auto text = input.next_line()) {
      if (text->empty() || text->find_first_of("#>|d") == 0) {
        if (text->empty() || !text->starts_with("drain")) continue;
      }
      const Line line{*text};
      std::string got;
      try {
        const bool is_setup = line.op() == "vec" || line.op() == "geom" || line.op() == "zone" ||
                              line.op() == "reserved" || line.op() == "blocktype" ||
                              line.op() == "populate";
        got = is_setup ? set_up(line) : operate(line);
      } catch (const Bug&) {
        got = "BUG";
      }
      const std::string_view expected = line.result().substr(2);
      if (got != expected)
        return fmt::format("line {}: {}\n  got {}", input.line_number(), *text, got);
      if (zone && line.hash() && *line.hash() != hash_of(*zone)) {
        return fmt::format("line {}: {}\n  another hash", input.line_number(), *text);
      }
      ++nr;
    }
    if (!input.error().empty() || nr < 5) return path + ": " + input.error();
    return {};
  }
};

}  // namespace

TEST_CASE("The naive model replays recordings of the real kernels", "[model]") {
  const std::string version = GENERATE("v6.1", "v6.12", "v7.2");
  const auto tests = std::filesystem::path{__FILE__}.parent_path().parent_path();
  const auto ours = tests / "data/conformance" / version;
  const auto shared =
      tests / "../../shared/conformance" / version;  // may lie beside the project, with more
  const auto folder = std::filesystem::is_directory(shared) ? shared : ours;
  std::size_t nr_files = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder}) {
    const std::string difference = Replay{}.run(file.path().string());
    if (!difference.empty()) fmt::print("{}: {}\n", file.path().string(), difference);
    CHECK(difference.empty());
    ++nr_files;
  }
  CHECK(nr_files >= 59);
}

}  // namespace pageblock::test
