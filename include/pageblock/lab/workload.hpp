// SPDX-License-Identifier: MIT
/// What a machine does with its memory, as data: who requests which chunks, and how long they live.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/format.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/mm/gfp.hpp"

namespace pageblock {

/// Which of a stream's chunks is freed next. With the number of chunks that a stream holds, this decides
/// how long they live: on average, chunks held / requests of this stream, counted in its requests.
enum class Death : std::uint8_t {
  random,    ///< Any of them: lifetimes are distributed exponentially.
  oldest,    ///< The first that came: lifetimes are all alike, as in a cache that is read once.
  newest,    ///< The last that came: most live short, a few for ever.
  together,  ///< A process exits, and frees what it has in the order in which it got it.
  never,     ///< None: they stay for ever.
};

/// Returns the name of the rule.
[[nodiscard]] constexpr std::string_view to_string(Death death) {
  switch (death) {
    case Death::random:
      return "random";
    case Death::oldest:
      return "oldest";
    case Death::newest:
      return "newest";
    case Death::together:
      return "together";
    case Death::never:
      break;
  }
  return "never";
}

/// How often a request has an order, compared with the others of the stream.
struct OrderWeight {
  unsigned order = 0;        ///< Below Config::max_order.
  std::uint32_t weight = 1;  ///< Any number.
  friend bool operator==(const OrderWeight&, const OrderWeight&) = default;
};

/// Requests of one kind.
struct Stream {
  std::string name{};                   ///< For people.
  Gfp gfp = gfp_highuser_movable;       ///< Says the migratetype; a zone needs no more of it.
  std::vector<OrderWeight> orders{{}};  ///< Single pages unless told otherwise.
  std::uint32_t share = 1000;           ///< Pages held, compared with the other streams.
  std::uint32_t turnover = 1000;        ///< Operations, compared with the other streams.
  Death death = Death::random;          ///< What is freed next.
  /// Where a process frees all it has: how many chunks that is, on average.
  std::uint32_t process_chunks = 1024;
  bool process_varies = true;  ///< They are distributed exponentially, or all have that many.
  /// Reclaim takes from here, the oldest first, where a request finds nothing.
  bool is_reclaimable = false;
  friend bool operator==(const Stream&, const Stream&) = default;
};

/// A time in which streams hold more or less than usual.
struct Phase {
  std::uint64_t operations = 1;  ///< How long it lasts.
  /// What each stream holds, in thousandths of its share; 1000 for those that are not listed.
  std::vector<std::uint32_t> levels{};
  friend bool operator==(const Phase&, const Phase&) = default;
};

/// A named mixture of streams. Its phases follow each other and begin again; none means all streams
/// always hold their share.
struct Workload {
  std::string name{};             ///< What a command line calls it.
  std::string imitates{};         ///< What it is meant to be like.
  std::string source{};           ///< Where its numbers come from, and which are a guess.
  std::vector<Stream> streams{};  ///< One at least.
  std::vector<Phase> phases{};    ///< May be empty.
  friend bool operator==(const Workload&, const Workload&) = default;
};

/// Returns what is wrong with @p workload in a zone whose orders are below @p max_order; nothing if it
/// can run.
[[nodiscard]] inline std::string problem_of(const Workload& workload, unsigned max_order) {
  constexpr std::size_t most_streams = 16;
  const auto says = [&](const auto& what) {
    return fmt::format("workload {}: {}", workload.name, what);
  };
  if (workload.streams.empty()) return says("it has no streams");
  if (workload.streams.size() > most_streams) return says("it has more than 16 streams");
  std::uint64_t shares = 0;
  std::uint64_t turnover = 0;
  for (const Stream& stream : workload.streams) {
    const auto of = [&](const auto& what) {
      return says(fmt::format("stream {} {}", stream.name, what));
    };
    if (!is_pcp_type(stream.gfp.migratetype)) return of("has a type that requests do not have");
    std::uint64_t weights = 0;
    for (const auto& [order, weight] : stream.orders) {
      if (order >= max_order)
        return of(fmt::format("has order {}; the largest is {}", order, max_order - 1));
      weights += weight;
    }
    if (weights == 0) return of("has no orders");
    if (stream.death == Death::together && stream.process_chunks == 0)
      return of("has processes without chunks");
    shares += stream.share;
    turnover += stream.turnover;
  }
  if (shares == 0) return says("no stream has a share");
  if (turnover == 0) return says("no stream has a turnover");
  for (const Phase& phase : workload.phases) {
    if (phase.operations == 0) return says("a phase has no operations");
    if (phase.levels.size() > workload.streams.size())
      return says("a phase has more levels than there are streams");
  }
  return {};
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::Death> : pageblock::detail::ToStringFormatter {};
