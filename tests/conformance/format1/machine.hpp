// SPDX-License-Identifier: MIT
/// The operations of format version 1: v3.6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/pageblock.hpp"

#include "conformance/format1/state.hpp"
#include "conformance/line.hpp"
#include "conformance/machine.hpp"

namespace conformance::format1 {

template <unsigned MaxOrder, unsigned PageblockOrder>
struct ReplayConfig : pageblock::DefaultConfig {
  static constexpr unsigned max_order = MaxOrder;
  static constexpr unsigned pageblock_order = PageblockOrder;
  static constexpr unsigned nr_cpus = 64;
  static constexpr bool checks_free_order = false;  // the vectors say what a kernel does
  using Lock = pageblock::NullLock;
};

template <pageblock::ZoneConfig Config>
class ZoneMachine : public Machine {
 public:
  std::string run(const Line& line) override {
    return is_populated_ ? operate(line) : set_up(line);
  }
  [[nodiscard]] bool is_populated() const override { return is_populated_; }
  [[nodiscard]] std::uint64_t hash() const override { return state_hash(zone_); }
  [[nodiscard]] std::vector<std::string> dump() const override { return format1::dump(zone_); }

 private:
  using Zone = pageblock::Zone<Config>;
  using MigrateType = pageblock::MigrateType;
  using Order = pageblock::Order;
  using Pfn = pageblock::Pfn;
  using Cpu = pageblock::Cpu;
  using Status = pageblock::Status;

  [[nodiscard]] static Pfn pfn(const Line& line, std::string_view key) {
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
  [[nodiscard]] static Cpu cpu(const Line& line) {
    return Cpu{to_number<unsigned>(line.has("cpu") ? line.text("cpu") : "0")};
  }
  [[nodiscard]] static MigrateType type(const Line& line) {
    const auto named = Config::semantics.type_of(line.number("mt"));
    if (!named) throw BadLine{"there is no such migratetype"};
    return *named;
  }
  [[nodiscard]] static bool flag(const Line& line, std::string_view key) {
    const std::uint64_t value = line.number(key);
    if (value > 1) throw BadLine{concat(key, " is 0 or 1")};
    return value == 1;
  }
  [[nodiscard]] static pageblock::Temperature temperature(const Line& line) {
    return flag(line, "cold") ? pageblock::Temperature::cold : pageblock::Temperature::hot;
  }

  std::string set_up(const Line& line) {
    const std::string_view op = line.op();
    if (op == "zone") {
      layout_.start_pfn = pfn(line, "start");
      layout_.spanned_pages = line.number("pages");
      if (layout_.spanned_pages > most_pages) {
        throw BadLine{concat("a zone of more than ", most_pages, " pages")};
      }
      const std::string_view kind = line.text("type");
      if (kind != "normal" && kind != "movable") throw BadLine{"type is normal or movable"};
      layout_.type = kind == "movable" ? pageblock::ZoneType::movable : pageblock::ZoneType::normal;
      layout_.mobility_grouping = !flag(line, "mobility_disabled");
      const std::uint64_t size = Zone::pageblock_nr_pages;
      return concat("ok blocks=", (layout_.spanned_pages + size - 1) / size);
    }
    if (op == "hole") {
      layout_.holes.push_back(range(line));
      return "ok";
    }
    if (op == "reserved") {
      layout_.reserved.push_back(range(line));
      return "ok";
    }
    if (op == "blocktype") {
      layout_.block_types.push_back({range(line), type(line)});
      return "ok";
    }
    if (op == "cpus") {
      layout_.nr_cpus = to_number<unsigned>(line.text("n"));
      batch_ = to_number<std::uint32_t>(line.text("batch"));
      high_ = to_number<std::uint32_t>(line.text("high"));
      return "ok";
    }
    if (op != "populate") throw BadLine{concat("\"", op, "\" is no setup line")};
    layout_.populate_order = Order{to_number<unsigned>(line.text("maxorder"))};
    zone_ = Zone{layout_};
    zone_.set_pageset(batch_, high_);
    pageblock::register_memory_isolate_notifier(zone_, {&scripted, &script_, 1});
    pageblock::register_memory_isolate_notifier(zone_, {&count_balloon, &balloon_, 0});
    balloon_.start = layout_.start_pfn;
    balloon_.marks.resize(layout_.spanned_pages);
    is_populated_ = true;
    return concat("ok pages=", zone_.nr_free_pages());
  }

  std::string operate(const Line& line) {
    using namespace pageblock;
    const std::string_view op = line.op();
    if (op == "alloc") {
      const auto page = alloc_pages(zone_, cpu(line), order(line), type(line), temperature(line));
      return page ? concat("ok pfn=", page->pfn().value()) : "none";
    }
    if (op == "free") {
      return word(free_pages(zone_, cpu(line), pfn(line, "pfn"), order(line), temperature(line)));
    }
    if (op == "split") {
      split_page(zone_, pfn(line, "pfn"), order(line));
      return "ok";
    }
    if (op == "get") {
      get_page(zone_, pfn(line, "pfn"));
      return concat("ok count=", zone_.page(pfn(line, "pfn")).count());
    }
    if (op == "put") return word(put_page(zone_, cpu(line), pfn(line, "pfn")));
    if (op == "set_lru") {
      set_page_lru(zone_, pfn(line, "pfn"), true);
      return "ok";
    }
    if (op == "clear_lru") {
      set_page_lru(zone_, pfn(line, "pfn"), false);
      return "ok";
    }
    if (op == "hold" || op == "release") return hold(range(line), op == "hold");
    if (op == "notifier") {
      constexpr std::uint64_t stop = 0x8000;
      const std::uint64_t error = line.number("errno");
      const std::uint64_t raw = line.has("raw") ? line.number("raw")
                                : error == 0    ? 1
                                                : stop + 1 + error;
      script_ = static_cast<int>(raw);
      return concat("ok raw=", raw);
    }
    if (op == "isolate") return word(set_migratetype_isolate(zone_, pfn(line, "pfn")));
    if (op == "unisolate") {
      unset_migratetype_isolate(zone_, pfn(line, "pfn"), type(line));
      return "ok";
    }
    if (op == "start_isolate") {
      return word(start_isolate_page_range(zone_, pfn(line, "s"), pfn(line, "e"), type(line)));
    }
    if (op == "undo_isolate") {
      return word(undo_isolate_page_range(zone_, pfn(line, "s"), pfn(line, "e"), type(line)));
    }
    if (op == "test_isolated") {
      return word(test_pages_isolated(zone_, pfn(line, "s"), pfn(line, "e")));
    }
    if (op == "drain") {
      drain_pages(zone_, cpu(line));
      return "ok";
    }
    if (op == "drain_all") {
      drain_all_pages(zone_);
      return "ok";
    }
    if (op == "wmark") {
      return concat(int{zone_watermark_ok(zone_, order(line), line.number("mark"),
                                          line.number("classzone"), flags(line))});
    }
    if (op == "wmark_safe") {
      return concat(int{zone_watermark_ok_safe(zone_, order(line), line.number("mark"),
                                               line.number("classzone"), flags(line))});
    }
    if (op == "set_wmark") {
      zone_.set_watermarks({line.number("min"), line.number("low"), line.number("high")});
      return "ok";
    }
    if (op == "set_lowmem_reserve") {
      zone_.set_lowmem_reserve(line.number("classzone"), line.number("pages"));
      return "ok";
    }
    if (op == "nr_isolate_freepages") return concat(nr_zone_isolate_freepages(zone_));
    if (op == "alloc_contig") {
      return word(alloc_contig_range(zone_, cpu(line), pfn(line, "s"), pfn(line, "e"), type(line),
                                     NothingMoves{}));
    }
    if (op == "free_contig") {
      free_contig_range(zone_, cpu(line), pfn(line, "pfn"), line.number("n"));
      return "ok";
    }
    if (op == "split_free") return concat(split_free_page(zone_, pfn(line, "pfn")));
    if (op == "set_mt") {
      set_pageblock_migratetype(zone_, pfn(line, "pfn"), type(line));
      return "ok";
    }
    if (op == "move_block") {
      const std::lock_guard guard{zone_.lock()};
      return concat(move_freepages_block(zone_, pfn(line, "pfn"), type(line)));
    }
    if (op == "init_cma") {
      init_cma_reserved_pageblock(zone_, pfn(line, "pfn"));
      return "ok";
    }
    if (op == "offline") {
      offline_isolated_pages(zone_, pfn(line, "s"), pfn(line, "e"));
      return "ok";
    }
    if (op == "removable") {
      return concat(int{is_pageblock_removable_nolock(zone_, pfn(line, "pfn"))});
    }
    if (op == "unmovable") {
      return concat(int{has_unmovable_pages(zone_, pfn(line, "pfn"), line.number("count"))});
    }
    throw BadLine{concat("\"", op, "\" is no operation")};
  }

  [[nodiscard]] static unsigned flags(const Line& line) {
    return to_number<unsigned>(line.has("flags") ? line.text("flags") : "0");
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

  std::string hold(pageblock::PfnRange marked, bool on) {
    if (marked.start < zone_.start_pfn() || marked.end > zone_.end_pfn()) {
      throw BadLine{"the range leaves the zone"};
    }
    std::uint64_t changed = 0;
    for (Pfn page = marked.start; page < marked.end; ++page) {
      const std::size_t i = page - balloon_.start;
      changed += balloon_.marks[i] != on ? 1U : 0U;
      balloon_.marks[i] = on;
    }
    return concat("ok n=", changed);
  }

  struct Balloon {
    Pfn start{};
    std::vector<bool> marks;
  };

  static int scripted(void* value, pageblock::MemoryIsolateNotify&) {
    return *static_cast<int*>(value);
  }
  static int count_balloon(void* context, pageblock::MemoryIsolateNotify& arg) {
    const auto& balloon = *static_cast<const Balloon*>(context);
    for (Pfn page = arg.start_pfn; page < arg.start_pfn + arg.nr_pages; ++page) {
      const std::size_t i = page - balloon.start;
      if (i < balloon.marks.size() && balloon.marks[i]) ++arg.pages_found;
    }
    return pageblock::notify::okay;
  }

  bool is_populated_ = false;
  pageblock::ZoneLayout layout_;
  std::uint32_t batch_ = 1;
  std::uint32_t high_ = 0;
  Zone zone_;
  int script_ = pageblock::notify::okay;
  Balloon balloon_;
};

template <typename Kernel, unsigned max_order, unsigned pageblock_order, unsigned>
[[nodiscard]] std::unique_ptr<Machine> make() {
  static_assert(Kernel::semantics.major == 3);
  return std::make_unique<ZoneMachine<ReplayConfig<max_order, pageblock_order>>>();
}

}  // namespace conformance::format1
