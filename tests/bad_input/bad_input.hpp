// SPDX-License-Identifier: MIT
/// Bad inputs as rows: a call, what is bad about it, and what it gets.
#pragma once

#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/child.hpp"
#include "support/throwing_handler.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test {

/// Whether a call leaves the zone equal to the copy made before it.
enum class Zones : std::uint8_t { same, changed, gone };

/// One line of the table in README.md, of a call on a zone of this type. The text of the call is the code
/// that is run.
template <typename OfZone>
struct BadInputOf {
  std::string_view call;
  std::string_view what;
  std::string_view gets;
  std::string_view note;  // why a call that is not refused is as it should be
  Zones zones;
  std::string (*run)(OfZone& zone);
};

/// The zone of most rows; those of v6.1 have another RowZone in their namespace.
using RowZone = TinyZone;
using BadInput = BadInputOf<TinyZone>;

template <typename OfZone>
[[nodiscard]] BadInputOf<OfZone> row(std::string_view call, std::string_view what,
                                     std::string_view gets, std::string_view note, Zones zones,
                                     std::string (*run)(OfZone&)) {
  return {call, what, gets, note, zones, run};
}

/// Names that the calls use.
inline constexpr auto no_type = static_cast<MigrateType>(7);
inline constexpr Cpu no_cpu{2};
inline constexpr Pfn last_pfn{~std::uint64_t{0}};
inline constexpr Order single{0};
inline constexpr Order above{5};
using enum MigrateType;

/// What the notifiers of the table throw.
struct NotifierError : std::runtime_error {
  NotifierError() : std::runtime_error{"of the notifier"} {}
};

/// Calls move_freepages_block() with the lock held that it needs.
inline std::int64_t locked_move(TinyZone& zone, Pfn pfn, MigrateType type) {
  const std::lock_guard guard{zone.lock()};
  return move_freepages_block(zone, pfn, type);
}

/// Says in words what @p call returns or reports.
template <typename Call>
std::string outcome_of(Call call) {
  using Result = std::invoke_result_t<Call>;
  const ThrowingHandler handler;
  try {
    if constexpr (std::is_void_v<Result>) {
      call();
      return "nothing";
    } else if constexpr (std::is_same_v<Result, FreeResult>) {
      const FreeResult result = call();
      return result.nr_bad == 0 ? fmt::format("{}", result.freed)
                                : fmt::format("{}: {} pages", result.freed, result.nr_bad);
    } else if constexpr (requires(Result result) { result.has_value(); }) {
      const auto result = call();
      return result ? fmt::format("{}", *result) : "nothing";
    } else if constexpr (std::is_same_v<Result, std::string>) {
      return call();
    } else if constexpr (std::is_same_v<std::remove_cvref_t<Result>, TinyZone>) {
      const TinyZone zone = call();
      return fmt::format("a zone of {} pages", zone.present_pages());
    } else {
      return fmt::format("{}", call());
    }
  } catch (const ReportedViolation& reported) {
    return fmt::format("BUG: {}", reported.what());
  } catch (const NotifierError&) {
    return "the notifier's exception";
  }
}

/// Runs @p call in a process of its own, with a violation handler that returns.
template <typename Call>
std::string end_with_handler_that_returns(Call call) {
  const ChildEnd end = run_in_child([&call] {
    set_violation_handler([](const Violation&) {});
    call_and_discard(call);
  });
  return end.exit_code == terminated ? "the program ends" : fmt::format("exit {}", end.exit_code);
}

/// The zone that the table draws.
inline TinyZone zone_of_table() {
  ZoneLayout layout{.start_pfn = Pfn{32}, .spanned_pages = 132};
  layout.holes = {range(48, 50), range(128, 144)};
  layout.reserved = {range(72, 80)};
  layout.in_use = {{.range = range(64, 72)},
                   {.range = range(68, 69), .count = 2},
                   {.range = range(69, 70), .lru = true},
                   {.range = range(70, 71), .count = ~std::uint32_t{0}},
                   {.range = range(80, 84)},
                   {.range = range(112, 116)}};
  layout.block_types = {{range(72, 88), unmovable}, {range(112, 120), unmovable}};
  layout.nr_cpus = 2;
  TinyZone zone{layout};
  zone.set_pageset(2, 8);
  // The last block's chunk is taken first, and given back.
  const auto cut = alloc_pages(zone, cpu0, Order{2}, movable);
  static_cast<void>(alloc_pages(zone, cpu0, Order{2}, movable));
  free_pages(zone, cpu0, *cut, Order{2});
  static_cast<void>(start_isolate_page_range(zone, Pfn{96}, Pfn{112}, movable));
  free_pages(zone, cpu0, Pfn{67}, single);
  return zone;
}

/// A zone that was made with its second block of type isolate, which does not count it.
inline TinyZone uncounted_zone() {
  return TinyZone{{.spanned_pages = 32, .block_types = {{range(8, 16), isolate}}}};
}

}  // namespace pageblock::test

/// A row: the call is refused, or does nothing.
#define BAD(what, gets, ...) BAD_INPUT(what, gets, "", Zones::same, __VA_ARGS__)

/// Rows of calls that are not refused, and why: the zone stays the same, or changes.
#define HARMLESS(what, gets, note, ...) BAD_INPUT(what, gets, note, Zones::same, __VA_ARGS__)
#define ALLOWED(what, gets, note, ...) BAD_INPUT(what, gets, note, Zones::changed, __VA_ARGS__)

#define BAD_INPUT(what, gets, note, zones, ...)                                            \
  row<RowZone>(#__VA_ARGS__, what, gets, note, zones, []([[maybe_unused]] RowZone& zone) { \
    return outcome_of([&]() -> decltype(auto) { return __VA_ARGS__; });                    \
  })

/// A row: the call ends the program, since the violation handler returns.
#define ENDS(what, ...)                                                                     \
  row<RowZone>(#__VA_ARGS__, what, "the program ends", "", Zones::gone, [](RowZone& zone) { \
    return end_with_handler_that_returns([&]() -> decltype(auto) { return __VA_ARGS__; });  \
  })
