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
#include "pageblock/io/snapshot/snapshot_layout.hpp"
#include "pageblock/io/snapshot/snapshot_rules.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What would come of an attempt to take a memory block offline.
enum class Verdict {
  can_go,      ///< Isolated, and empty once what moves had left.
  refused,     ///< A page in use cannot move: -EBUSY.
  invalid,     ///< Two zones, or holes: -EINVAL before anything is tried.
  not_online,  ///< There is nothing to take offline.
  unknown,     ///< Several zones span it, and nothing says which it is in.
};

/// How many verdicts there are.
inline constexpr std::size_t nr_verdicts = 5;

/// Returns the name of a verdict, as documents and programs have it.
[[nodiscard]] constexpr std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, nr_verdicts> names{"can_go", "refused", "invalid",
                                                            "not_online", "unknown"};
  return names[static_cast<std::size_t>(verdict)];
}

/// The answer for one memory block.
struct BlockJudgement {
  MemoryBlock block;  ///< Which block.
  /// The zones that the block lies in, by their index in the snapshot.
  std::vector<std::size_t> zones;
  PageCounts counts;           ///< Its pages by kind.
  std::uint64_t nr_holes = 0;  ///< Pages that are no memory.
  /// Pages at its start that are its own memory map.
  std::uint64_t nr_memmap_pages = 0;
  Verdict verdict = Verdict::not_online;  ///< What an attempt would come to.
  /// Of a refused block.
  std::optional<Refusal> refusal;
  /// Of a block that was not tried: why.
  std::string not_tried;
};

/// The answers for a whole machine.
struct Judgement {
  std::vector<BlockJudgement> blocks;  ///< One for each block, in order.
  /// How the kernel isolates whose rules were followed.
  UnmovableSearch search = UnmovableSearch::notified;
  std::vector<std::string> notes;  ///< What a reader of the verdicts should know.
};

/// Takes @p range of @p zone offline as far as it goes, and gives it back. Returns why it does not
/// go, or nothing. What moves is gone afterwards, and per-CPU lists are empty.
/// (v6.1's answer can be had without trying: forecast_offline().)
template <ZoneConfig Config>
std::optional<Refusal> try_offline(Zone<Config>& zone, PfnRange range) {
  auto refusal = detail::explain_range(zone, range.start, range.end, MigrateType::movable);
  if (detail::isolate_range(zone, range.start, range.end, MigrateType::movable) != ok) {
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
  if (detail::test_range(zone, range.start, range.end) != ok) {
    refusal = detail::explain_failed_test(zone, range.start, range.end);
  }
  const Status undone = detail::give_range_back(zone, range.start, range.end, MigrateType::movable);
  bug_on(undone != ok, "undoing an isolation cannot fail");
  return refusal;
}

/// Rebuilds a zone of @p snapshot.
template <ZoneConfig Config>
Zone<Config> rebuild(const Snapshot& snapshot, const SnapshotZone& from,
                     const PageWords& kpagecount) {
  Zone<Config> zone{layout_of(snapshot, from, kpagecount)};
  zone.set_watermarks(from.info.watermarks);
  const std::size_t nr_reserves = std::min(from.info.protection.size(), max_nr_zones);
  for (std::size_t i = 0; i < nr_reserves; ++i) {
    zone.set_lowmem_reserve(i, from.info.protection[i]);
  }
  // One list longer than its pages: nothing is drained before it is asked for.
  if (from.nr_per_cpu != 0) {
    zone.set_pageset(1, static_cast<std::uint32_t>(from.nr_per_cpu) + 1);
  }
  const auto finish = [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
    for (Pfn pfn{start}; pfn < Pfn{end}; ++pfn) {
      if (kind == PageKind::per_cpu) {
        free_pages(zone, Cpu{0}, pfn, Order{0});
      } else if constexpr (Config::semantics.unmovable_search == UnmovableSearch::every_page) {
        if (kind == PageKind::passed_over) zone.memmap().set_bits(pfn, PageBits{PageBits::offline});
        if (kind == PageKind::balloon) {
          zone.memmap().set_bits(pfn, PageBits{PageBits::offline | PageBits::in_use});
        }
      }
    }
  };
  for (const PfnRange& own : from.pages) {
    snapshot.kinds.for_each_run(own.start.value(), own.end.value(),
                                [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
                                  if (kind == PageKind::per_cpu || kind == PageKind::passed_over ||
                                      kind == PageKind::balloon) {
                                    finish(start, end, kind);
                                  }
                                });
  }
  return zone;
}

/// Compares the free chunks of a zone, cut greedily, with those that the kernel counted.
inline void compare_chunks(const Snapshot& snapshot, const SnapshotZone& zone,
                           const InputFile& buddyinfo, std::vector<std::string>& notes) {
  const std::vector<std::uint64_t>& there = zone.buddyinfo->nr_free;
  const std::vector<std::uint64_t> here = free_chunks(snapshot, zone, there.size());
  std::string counted;
  std::string rebuilt;
  std::uint64_t nr_pages = 0;
  for (std::size_t order = 0; order < there.size(); ++order) {
    counted += fmt::format(" {}", there[order]);
    rebuilt += fmt::format(" {}", here[order]);
    nr_pages += (here[order] > there[order] ? here[order] - there[order] : 0) << order;
  }
  if (nr_pages == 0) return;
  notes.push_back(
      fmt::format("{}:{}: zone {} has{} free chunks of order 0 to {}, rebuilt{}: {} pages are in "
                  "chunks of other orders",
                  buddyinfo.base_name(), zone.buddyinfo->line, zone.info.name, counted,
                  there.size() - 1, rebuilt, nr_pages));
}

/// Says where a block lies, and why it cannot be tried.
inline BlockJudgement locate(const Snapshot& snapshot, const MemoryBlock& block) {
  BlockJudgement result;
  result.block = block;
  std::vector<PfnRange> parts = parts_within(snapshot.open, block.range);
  const bool is_open = !parts.empty();
  for (std::size_t i = 0; i < snapshot.zones.size(); ++i) {
    const auto own = parts_within(snapshot.zones[i].pages, block.range);
    if (!own.empty()) result.zones.push_back(i);
    parts.insert(parts.end(), own.begin(), own.end());
  }
  std::vector<PfnRange> memory;
  for (const PfnRange& part : parts) {
    snapshot.kinds.for_each_run(part.start.value(), part.end.value(),
                                [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
                                  result.counts.add(kind, end - start);
                                  if (kind != PageKind::hole)
                                    memory.push_back({Pfn{start}, Pfn{end}});
                                  if (kind == PageKind::own_memmap)
                                    result.nr_memmap_pages += end - start;
                                });
  }
  const auto holes =
      detail::complement(detail::merged(std::move(memory)), block.range.start, block.range.end);
  result.nr_holes = block.range.nr_pages() - result.counts.nr_present();

  if (!block.is_online()) {
    result.not_tried = fmt::format("it is {}", block.state);
  } else if (is_open) {
    result.verdict = Verdict::unknown;
    result.not_tried = "in which zone it is, nothing says";
  } else if (result.zones.size() > 1) {
    result.verdict = Verdict::invalid;
    result.not_tried = "in two zones:";
    for (const std::size_t i : result.zones) {
      result.not_tried += fmt::format(" {}", snapshot.zones[i].info.name);
    }
  } else if (!holes.empty()) {
    result.verdict = Verdict::invalid;
    result.not_tried =
        fmt::format("{} pages without memory, from {:x}", result.nr_holes, holes.front().start);
  }
  return result;
}

/// Judges every memory block by the rules of @p Config, and of the kernel that is @p asked as far as its
/// pages' kinds go. Each zone is rebuilt once, and its blocks are tried and undone on one copy: what
/// a try leaves behind (free pages, empty per-CPU lists) cannot change the answer for another block,
/// since no free chunk reaches from one memory block into another and isolation asks only for the
/// block's own pages. Says again what the pages are, if the kernel sees them otherwise.
/// Requires: the snapshot's pageblocks have the order of @p Config.
/// Throws ParseError.
template <ZoneConfig Config>
Judgement judge(Snapshot& snapshot, const SnapshotFiles& files, KernelVersion asked) {
  constexpr bool scans = Config::semantics.unmovable_search == UnmovableSearch::every_page;
  bug_on(snapshot.pageblock_order != Config::pageblock_order, "pageblocks of another order");
  // In a block smaller than a chunk a try would change the next block.
  const std::uint64_t least =
      scans ? Zone<Config>::pageblock_nr_pages : Geometry<Config>::max_order_nr_pages;
  if (snapshot.memory.nr_pages < least) {
    const InputFile& file = files.memory_blocks ? *files.memory_blocks : files.zoneinfo;
    throw file.error_at_line(
        std::max<std::size_t>(snapshot.memory.size_line, 1),
        fmt::format("a memory block of {} pages is smaller than {}", snapshot.memory.nr_pages,
                    scans ? "a pageblock" : "the largest free chunk"));
  }
  apply_kernel_rules(snapshot, files.kpageflags, asked);
  Judgement result;
  result.search = Config::semantics.unmovable_search;
  for (const MemoryBlock& block : snapshot.memory.blocks) {
    result.blocks.push_back(locate(snapshot, block));
  }
  for (std::size_t i = 0; i < snapshot.zones.size(); ++i) {
    const Zone<Config> zone = rebuild<Config>(snapshot, snapshot.zones[i], files.kpagecount);
    if (files.buddyinfo && snapshot.zones[i].buddyinfo) {
      compare_chunks(snapshot, snapshot.zones[i], *files.buddyinfo, result.notes);
    }
    [[maybe_unused]] Zone<Config> copy = zone;
    for (BlockJudgement& block : result.blocks) {
      if (!block.not_tried.empty() || block.zones.front() != i) continue;
      // The block's own memory map is left out, and given up behind the rest.
      const PfnRange range{block.block.range.start + block.nr_memmap_pages, block.block.range.end};
      if constexpr (scans) {
        block.refusal = forecast_offline(zone, range).refusal;
      } else {
        block.refusal = try_offline(copy, range);
      }
      block.verdict = block.refusal ? Verdict::refused : Verdict::can_go;
    }
  }
  return result;
}

}  // namespace pageblock
