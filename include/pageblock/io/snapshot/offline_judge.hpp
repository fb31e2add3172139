// SPDX-License-Identifier: MIT
/// Judges for every memory block of a snapshot whether it could be taken offline.
///
/// Whether a range can be isolated, whether it is empty then and why not is the library's to say;
/// here is only the order of the questions.
///
/// Layer:  io.
/// Kernel: offline_pages() (mm/memory_hotplug.c).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/clients/offline_forecast.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/snapshot/snapshot_rules.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What would come of an attempt to take a memory block offline.
enum class Verdict {
  can_go,      ///< Isolated, and empty once what moves had left.
  refused,     ///< A page in use cannot move: -EBUSY.
  invalid,     ///< Two zones, or holes: -EINVAL before anything is tried.
  not_online,  ///< There is nothing to take offline.
};

/// Returns the name of a verdict, as documents and programs have it.
[[nodiscard]] constexpr std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, 4> names{"can_go", "refused", "invalid", "not_online"};
  return names[static_cast<std::size_t>(verdict)];
}

/// The answer for one memory block.
struct BlockJudgement {
  MemoryBlock block;
  /// The zones that the block lies in, by their index in the snapshot.
  std::vector<std::size_t> zones;
  PageCounts counts;
  std::uint64_t nr_holes = 0;
  Verdict verdict = Verdict::not_online;
  /// Of a refused block.
  std::optional<Refusal> refusal;
  /// Of a block that was not tried: why.
  std::string not_tried;
};

/// The answers for a whole machine.
struct Judgement {
  std::vector<BlockJudgement> blocks;
  /// How the kernel isolates whose rules were followed.
  IsolateRule rule = IsolateRule::notifiers;
  std::vector<std::string> notes;
};

/// Takes @p range of @p zone offline as far as it goes, and gives it back. Returns why it does not
/// go, or nothing. What moves is gone afterwards, and per-CPU lists are empty.
/// (v6.1's answer can be had without trying: forecast_offline().)
template <ZoneConfig Config>
std::optional<Refusal> try_offline(Zone<Config>& zone, PfnRange range) {
  auto refusal = explain_isolate_range(zone, range.start, range.end);
  if (start_isolate_page_range(zone, range.start, range.end, MigrateType::movable) != ok) {
    return refusal;
  }
  // What migration does to the pages that it leaves behind.
  const auto moves = [](PageBits bits) { return bits.has(PageBits::lru); };
  for (Pfn pfn = range.start; (pfn = zone.memmap().find_if(pfn, range.end, moves)) < range.end;) {
    while (put_page(zone, Cpu{0}, pfn).freed == Freed::held) {
    }
    ++pfn;
  }
  drain_all_pages(zone);
  if (test_pages_isolated(zone, range.start, range.end) != ok) {
    refusal = explain_test(zone, range.start, range.end);
  }
  const Status undone = undo_isolate_page_range(zone, range.start, range.end, MigrateType::movable);
  bug_on(undone != ok, "undoing an isolation cannot fail");
  return refusal;
}

/// Rebuilds a zone of @p snapshot.
template <ZoneConfig Config>
Zone<Config> rebuild(const Snapshot& snapshot, const SnapshotZone& from,
                     const PageWords& kpagecount) {
  Zone<Config> zone{layout_of(snapshot, from, kpagecount)};
  if constexpr (Config::semantics.isolate_rule == IsolateRule::scan) {
    for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
      if (snapshot.kind(pfn) != PageKind::passed_over) continue;
      zone.memmap().set_bits(pfn, PageBits{PageBits::offline});
    }
  }
  zone.set_watermarks(from.info.watermarks);
  const std::size_t nr_reserves = std::min(from.info.protection.size(), max_nr_zones);
  for (std::size_t i = 0; i < nr_reserves; ++i) {
    zone.set_lowmem_reserve(i, from.info.protection[i]);
  }
  if (from.nr_per_cpu == 0) return zone;
  // One list longer than its pages: nothing is drained before it is asked for.
  zone.set_pageset(1, static_cast<std::uint32_t>(from.nr_per_cpu) + 1);
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
    if (snapshot.kind(pfn) == PageKind::per_cpu) free_pages(zone, Cpu{0}, pfn, Order{0});
  }
  return zone;
}

/// Reports a machine whose pageblocks or chunks are not those of @p Config.
template <ZoneConfig Config>
void check_geometry(const Snapshot& snapshot, const SnapshotFiles& files) {
  if (const auto& types = snapshot.pagetypeinfo;
      types && types->page_block_order != Config::pageblock_order) {
    throw files.pagetypeinfo->error_at_line(
        types->order_line, fmt::format("pageblocks have order {}, but this program has only {}",
                                       types->page_block_order, Config::pageblock_order));
  }
  for (const SnapshotZone& zone : snapshot.zones) {
    if (!zone.buddyinfo || zone.buddyinfo->nr_free.size() == Config::max_order) continue;
    throw files.buddyinfo->error_at_line(
        zone.buddyinfo->line, fmt::format("{} orders, but this program has only {}",
                                          zone.buddyinfo->nr_free.size(), Config::max_order));
  }
  // Smaller blocks would share free chunks, and trying one would change the next.
  if (snapshot.memory.nr_pages < Geometry<Config>::max_order_nr_pages) {
    throw files.memory_blocks->error_at_line(
        1, fmt::format("a memory block of {} pages is smaller than the largest free chunk",
                       snapshot.memory.nr_pages));
  }
}

/// Compares the free chunks of a rebuilt zone, cut greedily, with those that the kernel counted.
template <ZoneConfig Config>
void compare_chunks(const Zone<Config>& zone, const SnapshotZone& from, const InputFile& buddyinfo,
                    std::vector<std::string>& notes) {
  std::string counted;
  std::string rebuilt;
  std::uint64_t nr_pages = 0;
  for (unsigned order = 0; order < Config::max_order; ++order) {
    const std::uint64_t here = zone.nr_free(Order{order});
    const std::uint64_t there = from.buddyinfo->nr_free[order];
    counted += fmt::format(" {}", there);
    rebuilt += fmt::format(" {}", here);
    nr_pages += (here > there ? here - there : 0) << order;
  }
  if (nr_pages == 0) return;
  notes.push_back(
      fmt::format("{}:{}: zone {} has{} free chunks of order 0 to {}, rebuilt{}: {} pages are in "
                  "chunks of other orders",
                  buddyinfo.base_name(), from.buddyinfo->line, from.info.name, counted,
                  Config::max_order - 1, rebuilt, nr_pages));
}

/// Says where a block lies, and why it cannot be tried.
inline BlockJudgement locate(const Snapshot& snapshot, const MemoryBlock& block) {
  BlockJudgement result;
  result.block = block;
  std::optional<Pfn> first_hole;
  Pfn behind = block.range.start;  // of the zones so far
  for (std::size_t i = 0; i < snapshot.zones.size(); ++i) {
    const PfnRange zone = snapshot.zones[i].info.range();
    const PfnRange part{std::max(zone.start, block.range.start),
                        std::min(zone.end, block.range.end)};
    if (part.empty()) continue;
    result.zones.push_back(i);
    if (!first_hole && part.start > behind) first_hole = behind;
    for (Pfn pfn = part.start; pfn < part.end; ++pfn) {
      const PageKind kind = snapshot.kind(pfn);
      if (kind == PageKind::hole && !first_hole) first_hole = pfn;
      result.counts.add(kind);
    }
    behind = part.end;
  }
  if (!first_hole && behind < block.range.end) first_hole = behind;
  result.nr_holes = block.range.nr_pages() - result.counts.nr_present();

  if (!block.is_online()) {
    result.not_tried = fmt::format("it is {}", block.state);
  } else if (result.zones.size() > 1) {
    result.verdict = Verdict::invalid;
    result.not_tried = "in two zones:";
    for (const std::size_t i : result.zones) {
      result.not_tried += fmt::format(" {}", snapshot.zones[i].info.name);
    }
  } else if (first_hole) {
    result.verdict = Verdict::invalid;
    result.not_tried =
        fmt::format("{} pages without memory, from {:x}", result.nr_holes, *first_hole);
  }
  return result;
}

/// Judges every memory block. Each zone is rebuilt once, and its blocks are tried and undone on one
/// copy: what a try leaves behind (free pages, empty per-CPU lists) cannot change the answer for
/// another block, since no free chunk reaches from one memory block into another and isolation asks
/// only for the block's own pages. Says again what the pages are, if the kernel sees them otherwise.
/// Throws ParseError.
template <ZoneConfig Config>
Judgement judge(Snapshot& snapshot, const SnapshotFiles& files) {
  constexpr bool scans = Config::semantics.isolate_rule == IsolateRule::scan;
  check_geometry<Config>(snapshot, files);
  if constexpr (scans) apply_v6_1_rules(snapshot, PageWords{files.kpageflags});
  Judgement result;
  result.rule = Config::semantics.isolate_rule;
  for (const MemoryBlock& block : snapshot.memory.blocks) {
    result.blocks.push_back(locate(snapshot, block));
  }
  const PageWords kpagecount{files.kpagecount};
  for (std::size_t i = 0; i < snapshot.zones.size(); ++i) {
    const Zone<Config> zone = rebuild<Config>(snapshot, snapshot.zones[i], kpagecount);
    if (files.buddyinfo && snapshot.zones[i].buddyinfo) {
      compare_chunks(zone, snapshot.zones[i], *files.buddyinfo, result.notes);
    }
    [[maybe_unused]] Zone<Config> copy = zone;
    for (BlockJudgement& block : result.blocks) {
      if (!block.not_tried.empty() || block.zones.front() != i) continue;
      if constexpr (scans) {
        block.refusal = forecast_offline(zone, block.block.range).refusal;
      } else {
        block.refusal = try_offline(copy, block.block.range);
      }
      block.verdict = block.refusal ? Verdict::refused : Verdict::can_go;
    }
  }
  return result;
}

}  // namespace pageblock
