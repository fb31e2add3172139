// SPDX-License-Identifier: MIT
/// Contracts: how a call that the kernel would stop at an assertion is reported.
///
/// Layer:  base.
/// Kernel: BUG_ON, VM_BUG_ON, WARN_ON (include/asm-generic/bug.h, include/linux/mmdebug.h).
#pragma once

#include <atomic>
#include <cstdio>

#include <gsl/assert>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// What a check found: a broken contract (`bug`) or a suspicious state (`warning`).
enum class Severity { bug, warning };

/// One report of bug_on() or warn_on(): which check of the library failed, and why.
struct Violation {
  Severity severity;
  const char* file;
  int line;
  const char* reason;
};

/// Receives every violation. For Severity::bug it may throw or end the program; if it returns, the
/// program ends. For Severity::warning it may return.
using ViolationHandler = void (*)(const Violation&);

/// The handler in force at the start: prints `file:line: severity: reason` to standard error.
inline void print_violation(const Violation& violation) {
  // Not fmt: every user of a check would compile its formatting engine, seconds per file.
  std::fprintf(stderr, "%s:%d: %s: %s\n", violation.file, violation.line,
               violation.severity == Severity::bug ? "BUG" : "WARNING", violation.reason);
}

namespace detail {
inline std::atomic<ViolationHandler> violation_handler{&print_violation};
}  // namespace detail

/// Installs @p handler for the whole program (null: print_violation) and returns the former one.
inline ViolationHandler set_violation_handler(ViolationHandler handler) noexcept {
  return detail::violation_handler.exchange(handler != nullptr ? handler : &print_violation);
}

namespace detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void bug(const char* reason, const char* file,
                                                       int line) {
  violation_handler.load()(Violation{Severity::bug, file, line, reason});
  Expects(false);  // a handler may throw or stop, never continue
}

[[gnu::cold, gnu::noinline]] inline void warn(const char* reason, const char* file, int line) {
  violation_handler.load()(Violation{Severity::warning, file, line, reason});
}

}  // namespace detail

/// Reports a broken contract when @p condition is true (the kernel's polarity) and does not return.
/// Functions check before they change anything, so a throwing handler leaves the zone as it was.
/// (Only giving back blocks that were typed isolate by hand can stop half-way.)
/// Kernel: BUG_ON; VM_BUG_ON is the same call under `if constexpr (Config::debug_vm)`.
inline void bug_on(bool condition, const char* reason, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  if (condition) [[unlikely]] {
    detail::bug(reason, file, line);
  }
}

/// Reports when @p condition is true, and returns @p condition.
/// Kernel: WARN_ON.
inline bool warn_on(bool condition, const char* reason, const char* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
  if (condition) [[unlikely]] {
    detail::warn(reason, file, line);
  }
  return condition;
}

}  // namespace pageblock
