// SPDX-License-Identifier: MIT
/// Contracts: how a call that the kernel would stop at an assertion is reported.
///
/// Layer:  base.
/// Kernel: BUG_ON, VM_BUG_ON, WARN_ON (include/asm-generic/bug.h, include/linux/mmdebug.h).
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include <gsl/assert>

#include "pageblock/base/pfn.hpp"

namespace pageblock {

/// A place in a program. A function whose last parameter is `Place caller = Place::here()` knows
/// where it was called; who calls it says nothing.
struct Place {
  const char* file = nullptr;  ///< As the compiler was given it; none if unknown.
  int line = 0;                ///< From 1; 0 if unknown.

  /// Returns the place that calls, where it is a default argument.
  [[nodiscard]] static constexpr Place here(const char* file = __builtin_FILE(),
                                            int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// A call of a function of the library, for reports: which, from where, and what of. It costs
/// nothing until something is reported.
struct ReportedCall {
  const char* function = nullptr;  ///< The library's function that was called; none if unknown.
  Place caller{};                  ///< Who called it.
  OptionalPfn pfn{};               ///< The page that it was about, if any.
  std::optional<Order> order{};    ///< The order that it was given, if any.
};

/// What a check found: a broken contract (`bug`) or a suspicious state (`warning`).
enum class Severity { bug, warning };

/// One report of bug_on() or warn_on(): what is wrong, with which call, and which check found it.
struct Violation {
  Severity severity;    ///< Whether a kernel would stop, or print and go on.
  const char* reason;   ///< What does not hold, as a sentence without an end.
  Place check;          ///< Where in the library it was found.
  ReportedCall call{};  ///< What had been called.
  /// Where @p reason speaks of another order: which.
  std::optional<Order> other_order{};
};

/// Returns one line, with what is known:
///
///     main.cpp:12: BUG: free_pages(pfn 33, order 0): the chunk was allocated with another order: 3
///     (page_alloc.hpp:109)
[[nodiscard]] inline std::string to_string(const Violation& violation) {
  // Not fmt: every user of a check would compile its formatting engine, seconds per file.
  const ReportedCall& call = violation.call;
  const Place& place = call.caller.file != nullptr ? call.caller : violation.check;
  std::string text;
  const auto add = [&text](const char* before, std::uint64_t number) {
    text.append(before).append(std::to_string(number));
  };
  const auto add_place = [&](const Place& of) {
    text.append(of.file);
    add(":", static_cast<std::uint64_t>(of.line));
  };
  add_place(place);
  text.append(violation.severity == Severity::bug ? ": BUG: " : ": WARNING: ");
  if (call.function != nullptr) {
    text.append(call.function);
    if (call.pfn) add("(pfn ", (*call.pfn).value());
    if (call.order) add(call.pfn ? ", order " : "(order ", call.order->value());
    text.append(call.pfn || call.order ? "): " : ": ");
  }
  text.append(violation.reason);
  if (violation.other_order) add(": ", violation.other_order->value());
  if (&place != &violation.check) {
    text.append(" (");
    add_place(violation.check);
    text.append(")");
  }
  return text;
}

/// Receives every violation. For Severity::bug it may throw or end the program; if it returns, the
/// program ends. For Severity::warning it may return.
using ViolationHandler = void (*)(const Violation&);

/// The handler in force at the start: prints to_string() and the end of the line to standard error.
inline void print_violation(const Violation& violation) {
  std::fprintf(stderr, "%s\n", to_string(violation).c_str());
}

namespace detail {
inline std::atomic<ViolationHandler> violation_handler{&print_violation};
}  // namespace detail

/// Installs @p handler for the whole program (null: print_violation) and returns the former one.
inline ViolationHandler set_violation_handler(ViolationHandler handler) noexcept {
  return detail::violation_handler.exchange(handler != nullptr ? handler : &print_violation);
}

namespace detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void bug(const Violation& violation) {
  violation_handler.load()(violation);
  Expects(false);  // a handler may throw or stop, never continue
}

[[noreturn, gnu::cold, gnu::noinline]] inline void bug(const char* reason, const char* file,
                                                       int line) {
  bug({Severity::bug, reason, {file, line}});
}

[[gnu::cold, gnu::noinline]] inline void warn(const Violation& violation) {
  violation_handler.load()(violation);
}

}  // namespace detail

/// Reports a broken contract when @p condition is true (the kernel's polarity) and does not return.
/// Functions check before they change anything, so a throwing handler leaves the zone as it was.
/// (Only giving back blocks that were typed isolate by hand can stop half-way.)
/// Kernel: BUG_ON; VM_BUG_ON is the same call under `if constexpr (Config::debug_vm)`.
inline void bug_on(bool condition, const char* reason, Place check = Place::here()) {
  if (condition) [[unlikely]] {
    detail::bug(reason, check.file, check.line);
  }
}

/// The same, of a call. @p call is the ReportedCall, or a function that puts it together once there
/// is something to report: on paths where each instruction counts.
template <typename CallOrMake>
[[gnu::always_inline]] inline void bug_on(bool condition, const char* reason,
                                          const CallOrMake& call, Place check = Place::here()) {
  if (condition) [[unlikely]] {
    if constexpr (std::invocable<CallOrMake>) {
      detail::bug({Severity::bug, reason, check, call()});
    } else {
      detail::bug({Severity::bug, reason, check, call});
    }
  }
}

/// Reports when @p condition is true, and returns @p condition.
/// Kernel: WARN_ON.
inline bool warn_on(bool condition, const char* reason, const ReportedCall& call = {},
                    Place check = Place::here()) {
  if (condition) [[unlikely]] {
    detail::warn({Severity::warning, reason, check, call});
  }
  return condition;
}

}  // namespace pageblock
