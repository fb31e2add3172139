// SPDX-License-Identifier: MIT
/// Why a block or a range was refused: what lies behind the kernel's -EBUSY.
///
/// Layer:  isolation.
/// Kernel: none; v3.6 says -EBUSY and nothing else, v6.1 prints the page.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/base/format.hpp"
#include "pageblock/base/pfn.hpp"

namespace pageblock {

/// The step that refused.
enum class Stage : std::uint8_t {
  notifier,         ///< A callback of the memory isolate notifier chain returned an error.
  mark,             ///< The pageblock could not be marked (v6.1).
  unmovable_check,  ///< has_unmovable_pages() found one; in v3.6, more than the notifiers account for.
  test,             ///< test_pages_isolated().
  range,            ///< The range itself is wrong: -EINVAL (forecast_offline()).
};

/// What is in the way.
enum class Reason : std::uint8_t {
  notifier,            ///< A notifier objects.
  reserved,            ///< In use since boot, or offline.
  not_lru,             ///< In use and on no LRU list: a kernel page, which cannot move.
  lru,                 ///< In use and on an LRU list: it can be migrated.
  per_cpu_list,        ///< Free, on a CPU's list: a drain brings it.
  inside_chunk,        ///< Inside a free chunk that begins before the page.
  on_no_list,          ///< Count 0 but not free: a tail of an allocation, or lost.
  block_not_isolated,  ///< Its pageblock does not have type isolate.
  block_isolated,      ///< Its pageblock has it already: somebody else isolates it.
  cma,                 ///< Its pageblock is for CMA, and the caller is not.
  no_memory,           ///< The range has no valid page; in forecast_offline(), one that is not.
  unaligned,           ///< The range is not whole pageblocks.
  pinned,              ///< Somebody besides its owner holds a reference to it.
  locked,              ///< Somebody holds its lock.
  writeback,           ///< It is being written to disk.
  off_lru,             ///< Of an LRU list, but not there at the moment.
  refuses,             ///< What it belongs to cannot let it go.
  no_copy,             ///< There was no memory for its copy.
  block_cut,           ///< Its pageblock is cut by the zone's start or end (v6.10).
};

/// A refusal of one block or range.
struct Refusal {
  Stage stage;  ///< Which step refused.
  /// The page in the way. Of v3.6's unmovable check: the one that exceeds what the notifiers account
  /// for; where no page is meant: the first valid page of the block, or the start of the range.
  Pfn pfn;
  Reason reason;  ///< Why.

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// Returns whether what is in the way may go away without the owner of the page giving it up.
[[nodiscard]] constexpr bool is_transient(Reason reason) {
  switch (reason) {
    case Reason::notifier:
    case Reason::lru:
    case Reason::per_cpu_list:
    case Reason::block_isolated:
    case Reason::pinned:
    case Reason::locked:
    case Reason::writeback:
    case Reason::off_lru:
    case Reason::no_copy:
      return true;
    default:
      return false;
  }
}

/// Returns whether the same call may succeed later without the owner of the page giving it up:
/// after a migration, a drain, a change of a notifier's mind, or when others give the block back.
[[nodiscard]] constexpr bool waiting_could_help(const Refusal& refusal) {
  return is_transient(refusal.reason);
}

/// Returns the name of a stage.
[[nodiscard]] constexpr std::string_view to_string(Stage stage) {
  constexpr std::array<std::string_view, 5> names{"notifier", "mark", "unmovable check", "test",
                                                  "range"};
  return names[static_cast<std::size_t>(stage)];
}

/// Returns the words for a reason.
[[nodiscard]] constexpr std::string_view to_string(Reason reason) {
  constexpr std::array<std::string_view, 19> names{
      "a notifier objects",
      "reserved",
      "in use and on no LRU list",
      "in use on an LRU list",
      "on a per-CPU list",
      "inside a free chunk that begins before",
      "count 0 but on no list",
      "in a pageblock that is not isolated",
      "in a pageblock that is isolated already",
      "in a pageblock for CMA",
      "no memory in the range",
      "not on the border of a pageblock",
      "pinned",
      "locked",
      "under writeback",
      "taken off its LRU list by somebody",
      "cannot be migrated",
      "without memory for a copy",
      "in a pageblock that the zone cuts",
  };
  return names[static_cast<std::size_t>(reason)];
}

/// Returns, for example, "unmovable check: page 33: reserved; waiting will not help".
[[nodiscard]] inline std::string to_string(const Refusal& refusal);

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::Stage> : pageblock::detail::ToStringFormatter {};

template <>
struct fmt::formatter<pageblock::Reason> : pageblock::detail::ToStringFormatter {};

template <>
struct fmt::formatter<pageblock::Refusal> : pageblock::detail::ToStringFormatter {};

inline std::string pageblock::to_string(const Refusal& refusal) {
  return fmt::format("{}: page {}: {}; waiting {}", refusal.stage, refusal.pfn, refusal.reason,
                     waiting_could_help(refusal) ? "could help" : "will not help");
}
