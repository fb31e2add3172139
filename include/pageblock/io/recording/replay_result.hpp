// SPDX-License-Identifier: MIT
/// What a replay found out.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/exact_zone.hpp"

namespace pageblock {

/// How often the model was right.
struct ReplayScore {
  std::uint64_t right = 0;
  std::uint64_t total = 0;
  void count(bool is_right) {
    ++total;
    if (is_right) ++right;
  }
  [[nodiscard]] bool is_perfect() const { return right == total; }
};

/// A page that the model would not have handed out.
struct Misprediction {
  std::size_t line = 0;
  std::string what;  ///< the request
  std::optional<Pfn> predicted{};
  std::optional<Pfn> observed{};
  std::vector<std::string> lists{};  ///< what the request could be served from
};

/// A request that another zone has served.
struct ZoneMisprediction {
  std::size_t line = 0;
  std::string what;  ///< the request
  std::string predicted{};
  std::string observed{};
  std::vector<std::string> zones{};  ///< what decides, for each that it may use
};

/// An attempt to take a memory block offline, or to get a contiguous range.
struct IsolationAttempt {
  std::size_t line = 0;
  std::string what;
  PfnRange range{};

  /// Whether all pageblocks can be isolated, how many are until one refuses, and for which page.
  bool predicted = false;
  std::uint64_t predicted_blocks = 0;
  std::optional<Pfn> predicted_page{};
  /// If that page is a slab that may look movable: those behind it that may be in the way instead. The last
  /// is; unless there may be none, and then nothing is predicted.
  std::vector<Pfn> other_pages{};
  bool may_pass = false;
  std::vector<MigrateType> predicted_types{};  ///< of the pageblocks, at the end

  MigrateType undo_type = MigrateType::movable;  ///< of blocks given back
  bool reports = false;                          ///< the kernel's log names the page in the way
  std::optional<std::int64_t> isolate_ret{};     ///< nothing if it did not come to that
  std::uint64_t blocks = 0;
  std::optional<Pfn> page{};  ///< as the kernel's log names it
  std::vector<MigrateType> types{};
  std::optional<std::int64_t> ret{};  ///< of the whole attempt

  /// What forecast_offline() said of the whole attempt when it began. That is no prediction: pages
  /// are freed and taken until it ends, and what holds a page no zone knows.
  std::optional<std::int64_t> forecast{};

  /// Whether what is predicted of it came true. Whether pages can be migrated is not.
  [[nodiscard]] bool agrees() const {
    if (!ret) return true;  // it is not over
    if (!isolate_ret) return !predicted;
    if (may_pass) return true;
    const bool is_in_way =
        !page || page == predicted_page || std::ranges::count(other_pages, *page);
    return predicted == (*isolate_ret == 0) && predicted_blocks == blocks &&
           (predicted || is_in_way) && predicted_types == types;
  }
};

/// How a trace went in memory that is nothing like the recorded machine's.
struct PlainResult {
  std::uint64_t nr_requests = 0;
  std::uint64_t nr_refused = 0;  ///< there was no chunk
  std::uint64_t nr_frees = 0;
  std::uint64_t nr_unknown_frees = 0;             ///< of pages that no request got here
  std::uint64_t nr_unseen_frees = 0;              ///< of pages that were requested again
  std::uint64_t nr_failed_before = 0;             ///< requests that failed when they were traced
  std::uint64_t nr_steals = 0;                    ///< of memory of another type
  std::uint64_t nr_claims = 0;                    ///< with its pageblock
  std::uint64_t nr_free_pages = 0;                ///< at the end, without those on per-CPU lists
  std::vector<std::uint64_t> free_chunks{};       ///< of each order
  std::map<MigrateType, std::uint64_t> blocks{};  ///< pageblocks of each type
};

/// What came of following a recording: how much came true, and what did not.
struct ReplayResult {
  std::map<std::string, std::uint64_t, std::less<>> events;  ///< by kind
  std::uint64_t nr_operations = 0;
  ReplayScore allocations;
  ReplayScore zones;                                             ///< of requests
  std::map<std::string, std::uint64_t, std::less<>> open_zones;  ///< not predicted, by the reason
  ReplayScore refills;   ///< pages that came to per-CPU lists, in order
  ReplayScore drained;   ///< pages that left them, in order
  ReplayScore isolated;  ///< pageblocks asked to be isolated
  ReplayScore tested;    ///< tests whether a range is isolated
  /// Pages that left memory which was to become empty: where they were, and where they went, in order.
  ReplayScore migrations;
  ReplayScore
      claims;  ///< stolen blocks: whether they are claimed, from the pages known to be movable
  std::optional<Misprediction> first;
  std::optional<ZoneMisprediction> first_zone;
  std::vector<IsolationAttempt> attempts;
  std::optional<std::vector<ListDifference>> differences;  ///< at T1
  ReplayScore block_types;                                 ///< at T1
  ReplayScore counters;  ///< at T1: of zones and of their per-CPU lists
  std::optional<PlainResult> plain;
  std::map<std::string, std::uint64_t, std::less<>> taken;  ///< from the trace instead of predicted
};

}  // namespace pageblock
