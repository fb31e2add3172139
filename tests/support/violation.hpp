/// Broken contracts as exceptions, so that tests can break them.
#pragma once

#include <stdexcept>
#include <string>

#include "pageblock/base/contract.hpp"

#include "support/catch.hpp"

namespace pageblock::test {

/// What the handler of a ThrowingHandler throws; what() is the reason.
class ReportedViolation : public std::runtime_error {
 public:
  explicit ReportedViolation(const Violation& violation)
      : std::runtime_error{violation.reason}, violation_{violation} {}

  [[nodiscard]] const Violation& violation() const { return violation_; }

 private:
  Violation violation_;
};

/// While it lives, every violation, warnings too, throws a ReportedViolation.
class ThrowingHandler {
 public:
  ThrowingHandler()
      : former_{set_violation_handler(
            [](const Violation& violation) { throw ReportedViolation{violation}; })} {}
  ~ThrowingHandler() { set_violation_handler(former_); }
  ThrowingHandler(const ThrowingHandler&) = delete;
  ThrowingHandler& operator=(const ThrowingHandler&) = delete;

 private:
  ViolationHandler former_;
};

/// Returns the reason of the violation that @p call reports, or "nothing".
template <typename Call>
[[nodiscard]] std::string violation_of(Call call) {
  const ThrowingHandler handler;
  try {
    call();
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
        ::pageblock::test::violation_of([&] { static_cast<void>(expr); });                \
    INFO("expected a violation with '" << (part) << "', reported: " << violation_reason); \
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
