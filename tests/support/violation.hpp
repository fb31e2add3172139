// SPDX-License-Identifier: MIT
/// Broken contracts as exceptions, so that tests can break them.
#pragma once

#include <string>
#include <type_traits>

#include "support/catch.hpp"
#include "support/throwing_handler.hpp"

namespace pageblock::test {

/// Calls @p call, whatever it returns, if anything.
template <typename Call>
void call_and_discard(Call& call) {
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
  } else {
    static_cast<void>(call());
  }
}

/// Returns the reason of the violation that @p call reports, or "nothing".
template <typename Call>
[[nodiscard]] std::string violation_of(Call call) {
  const ThrowingHandler handler;
  try {
    call_and_discard(call);
  } catch (const ReportedViolation& reported) {
    return reported.what();
  }
  return "nothing";
}

}  // namespace pageblock::test

/// Checks that @p expr is reported as a violation whose reason contains @p part.
#define CHECK_VIOLATION(expr, part)                                                       \
  do {                                                                                    \
    const std::string violation_reason =                                                  \
        ::pageblock::test::violation_of([&]() -> decltype(auto) { return expr; });        \
    INFO("expected a violation with '" << (part) << "', reported: " << violation_reason); \
    CHECK(violation_reason != "nothing");                                                 \
    CHECK(violation_reason.find(part) != std::string::npos);                              \
  } while (false)

/// The same, and checks that @p zone is afterwards what it was before. No lock of it may be held.
#define CHECK_VIOLATION_IN(zone, expr, part)      \
  do {                                            \
    const auto zone_before = (zone);              \
    CHECK_VIOLATION(expr, part);                  \
    const bool unchanged = (zone) == zone_before; \
    CHECK(unchanged);                             \
  } while (false)
