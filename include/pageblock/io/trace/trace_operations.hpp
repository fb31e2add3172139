// SPDX-License-Identifier: MIT
/// What a recorded trace says was asked of the page allocator, and how it answered.
///
/// Layer:  io.
/// Kernel: none; TraceDecoder reads these from the lines of a trace.
///
/// An operation is one call, whose lines may be many: a request that refills a per-CPU list has one
/// for each page. Migratetypes are the kernel's numbers, zones are named by their addresses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock::recorded {

/// A chunk of another type was found, and its whole pageblock claimed or not. Until v6.11 the chunk was
/// taken in any case.
struct Steal {
  Pfn pfn{};
  bool claimed = false;
  std::uint32_t alloc_flags = 0;  ///< of the request; 0 where no probe says them
};

/// Where a request takes its page from.
enum class Source : std::uint8_t {
  any,       ///< as its order says
  buddy,     ///< the buddy lists although its order has per-CPU lists: their lock was busy
  bulk,      ///< a per-CPU list, one of many pages for the bulk allocator
  captured,  ///< none: a task that compacts memory for itself was handed a chunk as it was freed
};

/// What the kernel had noted of a zone's memory (zone->flags) at one moment.
struct ZoneFlags {
  bool reclaim_active = false;
  bool below_high = false;
};

/// A request to one zone; no pfn if the zone could not serve it.
struct Allocation {
  std::optional<Pfn> pfn{};
  Order order{};
  unsigned migratetype = 0;
  Source source = Source::any;
  std::optional<std::uint64_t> zone{};    ///< where no pfn says which
  std::optional<ZoneFlags> zone_flags{};  ///< of that zone, where a probe says them (v6.12)
  std::uint32_t alloc_flags = 0;          ///< 0 where no probe says them
  std::string_view gfp_flags{};           ///< empty for pages of the bulk allocator
  std::vector<Pfn> refill{};              ///< pages that came to the per-CPU list with it
  std::vector<Steal> steals{};
};

/// A request that no zone could serve.
struct FailedRequest {
  Order order{};
  unsigned migratetype = 0;
};

/// What an interrupt found a CPU doing: something under the lock of its lists in one zone, which a probe
/// names or in which a page is.
struct Interrupted {
  std::optional<std::uint64_t> zone{};
  std::optional<Pfn> pfn{};
};

/// A chunk enters a per-CPU list, or the buddy lists if its order has none.
struct Free {
  Pfn pfn{};
  Order order{};
  bool past_pcp = false;  ///< to the buddy lists: isolated, or the per-CPU list's lock was busy
  bool to_tail = false;
  std::optional<ZoneFlags> zone_flags{};  ///< of the page's zone, where a probe says them (v6.12)
  /// Where the free's own probe was missed: whether the lock was busy, and so past_pcp, depends on it.
  std::optional<Interrupted> interrupted{};
  std::vector<Pfn> drained{};  ///< what left the per-CPU lists for it, in this order
  /// Where a probe shows each step of its drain (v7.2): what those DrainSteps call it; else 0.
  std::size_t number = 0;
  bool drains = false;  ///< there are such steps
};

/// The lists of a CPU in one zone are emptied.
struct Drain {
  Cpu cpu{};
  std::uint64_t zone = 0;
  std::vector<Pfn> drained{};
};

/// The lists of a CPU in one zone begin to shrink, as once a second: what they had then (v6.7). A DrainStep
/// for each batch follows.
struct Decay {
  std::uint64_t zone = 0;
  std::uint64_t high = 0;
  std::uint64_t count = 0;
};
/// One of the steps in which a CPU's lists in one zone are emptied, or shrink, or are drained for a free;
/// zone->lock is given up between them, and others come in. Only where probes show them; else there is one
/// Drain, or the Free has what was drained.
struct DrainStep {
  Cpu cpu{};
  std::uint64_t zone = 0;
  bool decays = false;
  std::size_t of_free = 0;  ///< the number of the Free that drains
  std::uint64_t count = 0;  ///< of pages to free, if there are as many
  std::vector<Pfn> drained{};
};

/// The lists of all CPUs are emptied in the zone that holds a page. Only where no probe shows each
/// CPU's drain.
struct DrainAll {
  Pfn pfn{};
  std::vector<Pfn> drained{};
};

/// A zone does without per-CPU lists, or has them again.
struct PcpDisable {
  std::uint64_t zone = 0;
  bool drains = false;  ///< no probe shows the drains behind it
  std::vector<Pfn> drained{};
};
/// zone_pcp_enable() was called.
struct PcpEnable {
  std::uint64_t zone = 0;
};

/// High and batch of all zones from now on.
struct PcpSettings {
  /// The limits of one zone.
  struct Limits {
    std::uint32_t high = 0;  ///< where it moves (v6.7) the lowest
    std::uint32_t batch = 0;
    std::uint32_t high_max = 0;  ///< 0 where high does not move
    friend bool operator==(const Limits&, const Limits&) = default;
  };
  std::array<Limits, max_nr_zones> zones{};
};

/// kswapd begins or ends to reclaim in the zones up to a number.
struct Reclaim {
  bool active = false;
  std::uint64_t highest_zone = 0;
};

/// A pageblock was asked to be isolated; [start, end) is what the whole request wants.
struct SetIsolate {
  Pfn pfn{};
  std::uint32_t flags = 0;
  PfnRange range{};
  std::int64_t ret = 0;
};
/// unset_migratetype_isolate() was called.
struct UnsetIsolate {
  Pfn pfn{};
  unsigned migratetype = 0;
};

/// A range of pageblocks was asked to be isolated: a SetIsolate for each follows.
struct IsolateRange {
  PfnRange range{};
  unsigned migratetype = 0;
  std::uint32_t flags = 0;
  std::int64_t ret = 0;
};
/// test_pages_isolated() was called.
struct TestIsolated {
  PfnRange range{};
  Pfn fin_pfn{};
  bool success = false;
};

/// A free chunk was split where a range ends in it.
struct SplitFree {
  Pfn pfn{};
  Order order{};
  std::uint64_t offset = 0;
  std::int64_t ret = 0;
};

/// The pageblock at one end of a range was isolated; no free chunk reaches across the border now.
struct IsolateSingle {
  Pfn border;
};

/// A free chunk was taken off the lists, for compaction or a contiguous range. 0 pages: refused.
struct IsolateFree {
  Pfn pfn{};
  Order order{};
  std::uint64_t nr_pages = 0;
};
/// A chunk that had been taken out was put back on its list.
struct PutBack {
  Pfn pfn{};
  Order order{};
  unsigned migratetype = 0;
};
/// split_page(): an allocated chunk became single pages.
struct SplitPage {
  Pfn pfn{};
  Order order{};
};

/// Compaction begins. It turns free lists round, which events show only where there is a TurnList.
struct Compaction {};
/// Compaction turned the free list at an address so that a chunk is its first now, or its last.
struct TurnList {
  std::uint64_t list = 0;
  Pfn pfn{};
  bool to_head = false;
};

/// A pageblock got another type outside of steals and isolation: the HighAtomic reserve.
struct Retype {
  Pfn pfn{};
  unsigned migratetype = 0;
};

// Taking memory offline and online. What happens in between are further operations.
/// offline_pages() began.
struct OfflineBegin {
  PfnRange range{};
};
/// offline_pages() has isolated the range.
struct OfflineIsolated {
  PfnRange range{};
};
/// offline_pages() returned.
struct OfflineEnd {
  std::int64_t ret = 0;
};
/// online_pages() began.
struct OnlineBegin {
  PfnRange range{};
  std::optional<std::uint64_t> zone{};
};
/// online_pages() returned.
struct OnlineEnd {
  std::int64_t ret = 0;
};

/// A contiguous range was asked for.
struct ContigBegin {
  PfnRange range{};
  unsigned migratetype = 0;
};
/// alloc_contig_range() returned.
struct ContigEnd {
  std::int64_t ret = 0;
  std::string_view caller{};  ///< the kernel's function that asked
};

/// migrate_pages() began, for memory that is to become empty.
struct MigrateBegin {};
/// It returned.
struct MigrateEnd {};

/// What a program wrote to the trace.
struct Mark {
  std::string_view text{};
};

/// One operation of a trace, and when it took effect.
struct Operation {
  /// The line at which it took effect: the first that was written under the zone's lock.
  std::size_t line = 0;
  Cpu cpu{};
  std::variant<Allocation, FailedRequest, Free, Drain, Decay, DrainStep, DrainAll, PcpDisable,
               PcpEnable, PcpSettings, Reclaim, SetIsolate, UnsetIsolate, IsolateRange,
               TestIsolated, SplitFree, IsolateSingle, IsolateFree, PutBack, SplitPage, Compaction,
               TurnList, Retype, OfflineBegin, OfflineIsolated, OfflineEnd, OnlineBegin, OnlineEnd,
               ContigBegin, ContigEnd, MigrateBegin, MigrateEnd, Mark>
      what;
};

}  // namespace pageblock::recorded
