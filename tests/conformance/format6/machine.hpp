// SPDX-License-Identifier: MIT
/// The operations of format version 6: v6.1 and later.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "pageblock/pageblock.hpp"

#include "conformance/format6/events.hpp"
#include "conformance/format6/state.hpp"
#include "conformance/line.hpp"
#include "conformance/machine.hpp"

namespace conformance::format6 {

template <typename Kernel, unsigned MaxOrder, unsigned PageblockOrder, bool has_huge_pages>
struct ReplayConfig : pageblock::DefaultConfig {
  static constexpr unsigned max_order = MaxOrder;
  static constexpr unsigned pageblock_order = PageblockOrder;
  static constexpr unsigned nr_cpus = 1;
  static constexpr pageblock::Semantics semantics = [] {
    auto kernel = Kernel::semantics;
    kernel.pcp_huge_pages = has_huge_pages;
    return kernel;
  }();
  using Lock = pageblock::NullLock;
};

/// The same with a tracer, so that the zone takes each step by itself.
template <typename Kernel, unsigned MaxOrder, unsigned PageblockOrder, bool has_huge_pages>
struct WatchedConfig : ReplayConfig<Kernel, MaxOrder, PageblockOrder, has_huge_pages> {
  using Tracer = EventTracer<Kernel>;
};

template <pageblock::ZoneConfig Config>
class ZoneMachine : public Machine {
 public:
  std::string run(const Line& line) override {
    return is_populated_ ? operate(line) : set_up(line);
  }
  [[nodiscard]] bool is_populated() const override { return is_populated_; }
  [[nodiscard]] std::uint64_t hash() const override { return state_hash(zone()); }
  [[nodiscard]] std::vector<std::string> dump() const override { return format6::dump(zone()); }
  [[nodiscard]] std::vector<Event> take_events() override {
    if constexpr (pageblock::is_watched<Config>) {
      if (is_populated_) return zone().tracer().take();
    }
    return {};
  }

 private:
  using Zone = pageblock::Zone<Config>;
  using MigrateType = pageblock::MigrateType;
  using Order = pageblock::Order;
  using Pfn = pageblock::Pfn;
  using Status = pageblock::Status;
  static constexpr pageblock::Cpu cpu{0};

  [[nodiscard]] Zone& zone() { return node_.zones().front(); }
  [[nodiscard]] const Zone& zone() const { return node_.zones().front(); }

  [[nodiscard]] static Pfn pfn(const Line& line, std::string_view key = "pfn") {
    return Pfn{line.number(key)};
  }
  [[nodiscard]] static pageblock::PfnRange range(const Line& line) {
    return {pfn(line, "s"), pfn(line, "e")};
  }
  [[nodiscard]] static Order order(const Line& line) {
    const std::uint64_t value = line.number("order");
    if (value >= Config::max_order) throw BadLine{"the order is above the largest"};
    return Order{static_cast<unsigned>(value)};
  }
  [[nodiscard]] static MigrateType type(const Line& line) {
    const auto named = Config::semantics.type_of(line.number("mt"));
    if (!named) throw BadLine{"there is no such migratetype"};
    return *named;
  }
  template <typename Number = unsigned>
  [[nodiscard]] static Number small(const Line& line, std::string_view key) {
    const std::string_view text = line.text(key);
    return text.empty() ? Number{0} : to_number<Number>(text);
  }
  [[nodiscard]] static bool flag(const Line& line, std::string_view key) {
    const std::uint64_t value = line.number(key);
    if (value > 1) throw BadLine{concat(key, " is 0 or 1")};
    return value == 1;
  }
  [[nodiscard]] static std::vector<Pfn> pfns(const Line& line) {
    std::vector<Pfn> all;
    for (std::string_view text = line.text("pfns"); !text.empty();) {
      const std::size_t comma = std::min(text.find(','), text.size());
      all.emplace_back(to_number<std::uint64_t>(text.substr(0, comma)));
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return all;
  }

  // The kernel's bits. Its zone list has this zone alone.
  [[nodiscard]] pageblock::Gfp gfp(const Line& line) const {
    const std::uint64_t bits = line.number("gfp");
    constexpr std::uint64_t movable = 0x8, reclaimable = 0x10, high = 0x20, atomic = 0x200,
                            kswapd = 0x800, memalloc = 0x20000, comp = 0x40000,
                            nomemalloc = 0x80000;
    const std::uint64_t known =
        movable | reclaimable | high | atomic | kswapd | memalloc | comp | nomemalloc;
    if ((bits & ~known) != 0) throw BadLine{"there is no such gfp flag in the format"};
    if ((bits & movable) != 0 && (bits & reclaimable) != 0) {
      throw BadLine{"a request is movable or reclaimable"};
    }
    return {.migratetype = (bits & movable) != 0       ? MigrateType::movable
                           : (bits & reclaimable) != 0 ? MigrateType::reclaimable
                                                       : MigrateType::unmovable,
            .highest_zone = pageblock::ZoneType::movable,
            .high = (bits & high) != 0,
            .atomic = (bits & atomic) != 0,
            .direct_reclaim = false,
            .kswapd_reclaim = (bits & kswapd) != 0,
            .memalloc = (bits & memalloc) != 0,
            .nomemalloc = (bits & nomemalloc) != 0,
            .compound = (bits & comp) != 0};
  }

  std::string set_up(const Line& line) {
    const std::string_view op = line.op();
    if (op == "zone") {
      layout_.start_pfn = pfn(line, "start");
      layout_.spanned_pages = line.number("pages");
      if (layout_.spanned_pages > most_pages) {
        throw BadLine{concat("a zone of more than ", most_pages, " pages")};
      }
      // Not ZONE_NORMAL, which has rules of its own.
      const std::string_view kind = line.text("type");
      if (kind != "normal" && kind != "movable") throw BadLine{"type is normal or movable"};
      layout_.type = kind == "movable" ? pageblock::ZoneType::movable : pageblock::ZoneType::dma32;
      layout_.mobility_grouping = !flag(line, "mobility_disabled");
      const Pfn end = layout_.start_pfn + layout_.spanned_pages;
      const Pfn first = layout_.start_pfn.align_down(Zone::pageblock_order);
      return concat("ok blocks=",
                    (end.align_up(Zone::pageblock_order) - first) / Zone::pageblock_nr_pages);
    }
    if (op == "reserved") {
      layout_.reserved.push_back(range(line));
      return "ok";
    }
    if (op == "blocktype") {
      set_block_types(range(line), type(line));
      return "ok";
    }
    if (op != "populate") throw BadLine{concat("\"", op, "\" is no setup line")};
    layout_.populate_order = Order{small(line, "maxorder")};
    std::vector<Zone> zones;
    zones.emplace_back(layout_);
    zones.front().set_pageset(1, 0);
    node_ = pageblock::Node<Config>{std::move(zones)};
    is_populated_ = true;
    return concat("ok pages=", zone().managed_pages());
  }

  // The first block may begin before the zone: its part in the zone is meant.
  void set_block_types(pageblock::PfnRange pages, MigrateType type) {
    const Pfn start = layout_.start_pfn;
    const Pfn first_block = start.align_down(Zone::pageblock_order);
    if (pages.start < first_block) throw BadLine{"the range begins before the zone's first block"};
    pages.end = std::min(pages.end, start + layout_.spanned_pages);
    if (pages.start < start) {
      const Pfn block_end = first_block + Zone::pageblock_nr_pages;
      if (start < pages.end) {
        layout_.block_types.push_back({{start, std::min(block_end, pages.end)}, type});
      }
      pages.start += Zone::pageblock_nr_pages;
    }
    if (pages.start < pages.end) layout_.block_types.push_back({pages, type});
  }

  std::string operate(const Line& line) {
    for (const auto step :
         {&ZoneMachine::change_settings, &ZoneMachine::allocate, &ZoneMachine::give_back,
          &ZoneMachine::isolate, &ZoneMachine::take_ranges, &ZoneMachine::move_blocks}) {
      std::string result = (this->*step)(line, line.op());
      if (!result.empty()) return result;
    }
    throw BadLine{concat("\"", line.op(), "\" is no operation")};
  }

  // Each of these returns nothing for an operation of another kind.

  std::string change_settings(const Line& line, std::string_view op) {
    if (op == "set_managed") {
      zone().mod_managed_pages(static_cast<std::int64_t>(line.number("pages")) -
                               static_cast<std::int64_t>(zone().managed_pages()));
      return "ok";
    }
    if (op == "set_pcp") {
      set_pcp(small<std::uint32_t>(line, "batch"), small<std::uint32_t>(line, "high_min"),
              small<std::uint32_t>(line, "high_max"), flag(line, "free_high_batch"));
      return "ok";
    }
    if (op == "set_wmark") {
      zone().set_watermarks({line.number("min"), line.number("low"), line.number("high")});
      zone().pressure().watermark_boost = 0;
      return "ok";
    }
    if (op == "set_zflag") {
      return set_zone_flag(line.number("bit"), flag(line, "on"));
    }
    if (op == "pcp_disable") {
      zone_pcp_disable(zone());
      return "ok";
    }
    if (op == "pcp_enable") {
      zone_pcp_enable(zone());
      return "ok";
    }
    if (op == "drain") {
      drain_pages(zone(), cpu);
      return "ok";
    }
    if (op == "drain_all") {
      drain_all_pages(zone());
      return "ok";
    }
    if (op == "tick") {
      if constexpr (tunes_lists<Config>) return concat(int{decay_pcp_high(zone(), cpu)});
      return "0";
    }
    if (op == "wmark") {
      return concat(int{
          zone_watermark_ok(zone(), order(line), line.number("mark"), 0, small(line, "flags"))});
    }
    return {};
  }

  void set_pcp(std::uint32_t batch, std::uint32_t high_min, std::uint32_t high_max,
               bool free_high_batch) {
    if constexpr (tunes_lists<Config>) {
      zone().set_pageset({.batch = batch, .high = high_min, .high_max = high_max});
      zone().pcp(cpu).free_high_batch = free_high_batch;
    } else {
      zone().set_pageset(batch, high_min);
    }
  }

  std::string set_zone_flag(std::uint64_t bit, bool is_set) {
    if (bit == 1) {
      zone().pressure().reclaim_active = is_set;
      return "ok";
    }
    if constexpr (tunes_lists<Config>) {
      if (bit == 2) {
        zone().pressure().below_high = is_set;
        return "ok";
      }
    }
    throw BadLine{"the kernel has no such zone flag to set"};
  }

  std::string allocate(const Line& line, std::string_view op) {
    using namespace pageblock;
    if (op == "alloc") {
      const auto page = alloc_pages(zone(), cpu, order(line), type(line), small(line, "flags"));
      const bool is_compound = flag(line, "comp");
      if (!page) return "none";
      if (is_compound) prep_compound_page(zone(), *page, order(line));
      return concat("ok pfn=", page->pfn().value());
    }
    if (op == "alloc_pages") {
      const auto page = alloc_pages(node_, cpu, order(line), gfp(line)).page;
      return page ? concat("ok pfn=", page->pfn().value()) : "none";
    }
    if (op == "alloc_bulk") {
      std::string list;
      const auto nr = alloc_pages_bulk(
          node_, cpu, gfp(line), small<std::uint32_t>(line, "n"), [&](Page<Config> page) {
            list += concat(list.empty() ? " pfns=" : ",", page.pfn().value());
          });
      return concat(nr, list);
    }
    if (op == "init_cma") {
      init_cma_reserved_pageblock(zone(), pfn(line));
      // The number of managed pages has changed, and from v6.13 on the kernel then recomputes what zones keep for
      // requests that could go to higher ones: the machine of the recordings has such.
      if (Config::semantics.reserve_follows_managed) keep_lowmem_reserve();
      return "ok";
    }
    return {};
  }

  void keep_lowmem_reserve() {
    constexpr std::uint64_t pages_kept = 228;
    for (auto higher = static_cast<std::size_t>(zone().type()) + 1;
         higher < pageblock::max_nr_zones; ++higher) {
      zone().set_lowmem_reserve(higher, pages_kept);
    }
  }

  std::string give_back(const Line& line, std::string_view op) {
    if (op == "free") return word(free_pages(zone(), cpu, pfn(line), order(line)));
    if (op == "put") return word(put_page(zone(), cpu, pfn(line)));
    if (op == "get") {
      get_page(zone(), pfn(line));
      return concat("ok count=", zone().page(pfn(line)).count());
    }
    if (op == "split") {
      split_page(zone(), pfn(line), order(line));
      return "ok";
    }
    if (op == "free_list") {
      if constexpr (Config::semantics.batch_free == pageblock::BatchFree::folios) {
        free_unref_folios(zone(), cpu, pfns(line));
      } else {
        free_unref_page_list(zone(), cpu, pfns(line));
      }
      return "ok";
    }
    if (op == "set_lru" || op == "clear_lru") {
      const Pfn end = pfn(line) + line.number("n");
      for (Pfn page = pfn(line); page < end; ++page) set_page_lru(zone(), page, op == "set_lru");
      return "ok";
    }
    return {};
  }

  // Who isolates, where the format says it in one word.
  [[nodiscard]] static pageblock::IsolateMode mode(const Line& line) {
    const auto value = small(line, "mode");
    if (value > 2) throw BadLine{"mode is 0, 1 or 2"};
    return static_cast<pageblock::IsolateMode>(value);
  }

  std::string isolate(const Line& line, std::string_view op) {
    if constexpr (pageblock::IsolatesForModeSinceV6_17<Config>) {
      return isolate_for_mode(line, op);
    } else {
      return isolate_for_flags(line, op);
    }
  }

  // The blocks beside the zone are reserved pages of another one: a range that begins there is refused at once, and
  // one that ends there once its first block is isolated, which is then given back.
  template <typename Isolate, typename Undo>
  Status isolate_beside_others(const pageblock::PfnRange& pages, Isolate isolate, Undo undo) {
    constexpr Order order = Zone::pageblock_order;
    const bool begins_beside = pages.start < zone().start_pfn().align_down(order);
    const bool ends_beside = pages.end > zone().end_pfn().align_up(order);
    if (pages.empty() || (!begins_beside && !ends_beside)) return isolate(pages.start, pages.end);
    if (begins_beside || !zone().spans(pages.start)) return -pageblock::Err::busy;
    const Pfn end = pages.start.align_down(order) + Zone::pageblock_nr_pages;
    const Status ret = isolate(pages.start, end);
    if (ret == pageblock::ok) static_cast<void>(undo(pages.start, end));
    return -pageblock::Err::busy;
  }

  std::string isolate_for_mode(const Line& line, std::string_view op) {
    using namespace pageblock;
    if (op == "unisolate") {
      static_cast<void>(type(line));  // which counts for nothing
      unset_migratetype_isolate(zone(), pfn(line));
      return "ok";
    }
    if (op != "isolate" && op != "start_isolate" && op != "undo_isolate" && op != "test_isolated" &&
        op != "unmovable") {
      return {};
    }
    const auto [start, end] = range(line);
    if (op == "isolate") {
      return word(set_migratetype_isolate(zone(), pfn(line), mode(line), start, end));
    }
    if (op == "start_isolate") {
      const auto isolate = [&](Pfn s, Pfn e) {
        return start_isolate_page_range(zone(), s, e, mode(line));
      };
      const auto undo = [&](Pfn s, Pfn e) { return undo_isolate_page_range(zone(), s, e); };
      return word(isolate_beside_others({start, end}, isolate, undo));
    }
    if (op == "undo_isolate") {
      static_cast<void>(type(line));
      const Status undone = undo_isolate_page_range(zone(), start, end);
      return undone == ok ? "ok" : word(undone);
    }
    if (op == "test_isolated") return word(test_pages_isolated(zone(), start, end, mode(line)));
    const auto page = has_unmovable_pages(zone(), {start, end}, mode(line));
    return page ? concat(page->value()) : "none";
  }

  std::string isolate_for_flags(const Line& line, std::string_view op) {
    using namespace pageblock;
    if (op == "isolate") {
      const IsolateRequest request{range(line), type(line), small(line, "flags")};
      return word(set_migratetype_isolate(zone(), pfn(line), request));
    }
    if (op == "unisolate") {
      unset_migratetype_isolate(zone(), pfn(line), type(line));
      return "ok";
    }
    if (op == "start_isolate") {
      const auto [start, end] = range(line);
      const auto isolate = [&](Pfn s, Pfn e) {
        return start_isolate_page_range(zone(), s, e, type(line), small(line, "flags"));
      };
      const auto undo = [&](Pfn s, Pfn e) {
        return undo_isolate_page_range(zone(), s, e, type(line));
      };
      return word(isolate_beside_others({start, end}, isolate, undo));
    }
    if (op == "undo_isolate") {
      const auto [start, end] = range(line);
      const Status undone = undo_isolate_page_range(zone(), start, end, type(line));
      return undone == ok ? "ok" : word(undone);
    }
    if (op == "test_isolated") {
      const auto [start, end] = range(line);
      return word(test_pages_isolated(zone(), start, end, small(line, "flags")));
    }
    if (op == "unmovable") {
      const auto page = has_unmovable_pages(zone(), range(line), type(line), small(line, "flags"));
      return page ? concat(page->value()) : "none";
    }
    return {};
  }

  std::string take_ranges(const Line& line, std::string_view op) {
    if (op == "alloc_contig") {
      const auto [start, end] = range(line);
      const auto who = [&] {
        if constexpr (pageblock::IsolatesForModeSinceV6_17<Config>) {
          return flag(line, "cma") ? pageblock::AcrFlags::cma : pageblock::AcrFlags::none;
        } else {
          return type(line);
        }
      }();
      const pageblock::NothingMoves pages;
      if (flag(line, "comp")) {
        if constexpr (Config::semantics.contig_compound) {
          return word(alloc_contig_compound(zone(), cpu, start, end, who, pages));
        } else {
          throw BadLine{"this kernel makes no range one compound page"};
        }
      }
      return word(alloc_contig_range(zone(), cpu, start, end, who, pages));
    }
    if (op == "free_contig") {
      free_contig_range(zone(), cpu, pfn(line), line.number("n"));
      return "ok";
    }
    const std::lock_guard guard{zone().lock()};
    if (op == "isolate_free") {
      const bool is_chunk =
          zone().is_valid(pfn(line)) && zone().memmap().bits(pfn(line)).is_chunk(order(line));
      return is_chunk ? concat(isolate_free_page(zone(), pfn(line))) : "-1";
    }
    if (op == "putback") {
      putback_isolated_page(zone(), pfn(line), order(line), type(line));
      return "ok";
    }
    return {};
  }

  std::string move_blocks(const Line& line, std::string_view op) {
    if (op == "move_block") {
      const std::lock_guard guard{zone().lock()};
      return concat(move_freepages_block(zone(), pfn(line), type(line)));
    }
    if (op == "set_mt") {
      set_pageblock_migratetype(zone(), pfn(line), type(line));
      return "ok";
    }
    if (op == "reserve_highatomic") {
      reserve_highatomic_pageblock(zone(), pfn(line), order(line));
      return "ok";
    }
    if (op == "unreserve_highatomic") {
      return concat(int{unreserve_highatomic_pageblock(zone(), type(line), flag(line, "force"))});
    }
    return {};
  }

  [[nodiscard]] static std::string word(Status status) { return std::to_string(status.to_errno()); }
  [[nodiscard]] static std::string word(const pageblock::FreeResult& result) {
    switch (result.freed) {
      case pageblock::Freed::freed:
        return "freed";
      case pageblock::Freed::held:
        return "held";
      case pageblock::Freed::bad:
        break;
    }
    return concat("bad n=", result.nr_bad);
  }

  bool is_populated_ = false;
  pageblock::ZoneLayout layout_;
  pageblock::Node<Config> node_;
};

/// Two machines that must agree: on a zone that is watched and on one that is not, which may do
/// several steps as one.
class Twins : public Machine {
 public:
  Twins(std::unique_ptr<Machine> watched, std::unique_ptr<Machine> unwatched)
      : watched_{std::move(watched)}, unwatched_{std::move(unwatched)} {}

  std::string run(const Line& line) override {
    std::string bug;
    std::string result;
    try {
      result = watched_->run(line);
    } catch (const Bug& caught) {
      bug = caught.reason;
    }
    std::string other;
    try {
      other = unwatched_->run(line);
    } catch (const Bug& caught) {
      if (bug.empty()) throw Bug{"of the unwatched zone alone: " + caught.reason};
      throw;
    }
    if (!bug.empty()) throw Bug{"of the watched zone alone: " + bug};
    if (result != other) result += concat(", but where nobody watches ", other);
    if (line.hash() && is_populated()) {
      hash_ = watched_->hash();
      const std::uint64_t unwatched = unwatched_->hash();
      if (hash_ != unwatched) {
        result += concat(", with hash ", hex(hash_), ", but where nobody watches ", hex(unwatched));
      }
    }
    return result;
  }
  [[nodiscard]] bool is_populated() const override { return watched_->is_populated(); }
  // Of a line with a hash, for which alone it is asked.
  [[nodiscard]] std::uint64_t hash() const override { return hash_; }
  [[nodiscard]] std::vector<std::string> dump() const override { return watched_->dump(); }
  [[nodiscard]] std::vector<Event> take_events() override { return watched_->take_events(); }

 private:
  std::unique_ptr<Machine> watched_;
  std::unique_ptr<Machine> unwatched_;
  std::uint64_t hash_ = 0;
};

template <typename Kernel, unsigned max_order, unsigned pageblock_order, unsigned thp_order>
[[nodiscard]] std::unique_ptr<Machine> make() {
  static_assert(thp_order == 0 || thp_order == pageblock_order);
  constexpr bool huge = thp_order != 0;
  return std::make_unique<Twins>(
      std::make_unique<ZoneMachine<WatchedConfig<Kernel, max_order, pageblock_order, huge>>>(),
      std::make_unique<ZoneMachine<ReplayConfig<Kernel, max_order, pageblock_order, huge>>>());
}

}  // namespace conformance::format6
