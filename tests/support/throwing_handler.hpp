// SPDX-License-Identifier: MIT
/// Broken contracts as exceptions.
#pragma once

#include <stdexcept>

#include "pageblock/base/contract.hpp"

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

/// While it lives, every broken contract throws a ReportedViolation; warnings are passed over.
class ThrowingHandler {
 public:
  ThrowingHandler()
      : former_{set_violation_handler([](const Violation& violation) {
          if (violation.severity == Severity::bug) throw ReportedViolation{violation};
        })} {}
  ~ThrowingHandler() { set_violation_handler(former_); }
  ThrowingHandler(const ThrowingHandler&) = delete;
  ThrowingHandler& operator=(const ThrowingHandler&) = delete;

 private:
  ViolationHandler former_;
};

}  // namespace pageblock::test
