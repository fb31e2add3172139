// SPDX-License-Identifier: MIT
#include "pageblock/base/contract.hpp"

#include <string>
#include <string_view>

#include <unistd.h>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/violation.hpp"

namespace pageblock::test::contract_cases {
namespace {

TEST_CASE("bug_on reports where it stands and why", "[contract]") {
  const ThrowingHandler handler;
  const int line = __LINE__ + 2;
  try {
    bug_on(true, "the reason");
    FAIL("bug_on returned");
  } catch (const ReportedViolation& reported) {
    CHECK(reported.violation().severity == Severity::bug);
    CHECK(reported.violation().check.line == line);
    CHECK(std::string_view{reported.violation().check.file} == __FILE__);
    CHECK(std::string_view{reported.violation().reason} == "the reason");
  }
}

TEST_CASE("bug_on does nothing when its condition is false", "[contract]") {
  CHECK(violation_of([] { bug_on(false, "no reason"); }) == "nothing");
}

TEST_CASE("warn_on returns its condition and goes on when the handler returns", "[contract]") {
  static int nr_warnings = 0;
  nr_warnings = 0;
  const ViolationHandler former = set_violation_handler([](const Violation& violation) {
    if (violation.severity == Severity::warning) ++nr_warnings;
  });
  const bool suspicious = warn_on(true, "odd");
  const bool sound = warn_on(false, "fine");
  set_violation_handler(former);
  CHECK(suspicious);
  CHECK(!sound);
  CHECK(nr_warnings == 1);
}

TEST_CASE("set_violation_handler returns the former handler, and null means print_violation",
          "[contract]") {
  const ViolationHandler mine = [](const Violation&) {};
  const ViolationHandler at_the_start = set_violation_handler(mine);
  CHECK(at_the_start == &print_violation);
  CHECK(set_violation_handler(nullptr) == mine);
  CHECK(set_violation_handler(at_the_start) == &print_violation);
}

TEST_CASE("bug_on prints file and line to standard error, and ends the program", "[contract]") {
  const ChildEnd end = run_in_child([] { bug_on(true, "printed", Place{"some/file.cpp", 12}); });
  CHECK(end.exit_code == terminated);
  CHECK(end.errors == "some/file.cpp:12: BUG: printed\n");
}

TEST_CASE("bug_on ends the program when the handler returns", "[contract]") {
  const ChildEnd end = run_in_child([] {
    set_violation_handler([](const Violation&) {});
    bug_on(true, "the handler returns");
  });
  CHECK(end.exit_code == terminated);
}

TEST_CASE("warn_on prints and lets the program go on", "[contract]") {
  const ChildEnd end = run_in_child([] {
    if (!warn_on(true, "printed", {}, {"some/file.cpp", 12})) _exit(1);
  });
  CHECK(end.exit_code == 0);
  CHECK(end.errors == "some/file.cpp:12: WARNING: printed\n");
}

TEST_CASE("to_string of a violation says what is known of the call", "[contract]") {
  Violation violation{Severity::bug, "the reason", {"check.hpp", 7}};
  CHECK(to_string(violation) == "check.hpp:7: BUG: the reason");
  violation.call.function = "a_function";
  CHECK(to_string(violation) == "check.hpp:7: BUG: a_function: the reason");
  violation.call.caller = {"main.cpp", 12};
  CHECK(to_string(violation) == "main.cpp:12: BUG: a_function: the reason (check.hpp:7)");
  violation.call.pfn = Pfn{33};
  CHECK(to_string(violation) == "main.cpp:12: BUG: a_function(pfn 33): the reason (check.hpp:7)");
  violation.call.order = Order{4};
  violation.other_order = Order{2};
  CHECK(to_string(violation) ==
        "main.cpp:12: BUG: a_function(pfn 33, order 4): the reason: 2 (check.hpp:7)");
  violation.call.pfn = {};
  violation.severity = Severity::warning;
  CHECK(to_string(violation) ==
        "main.cpp:12: WARNING: a_function(order 4): the reason: 2 (check.hpp:7)");
}

}  // namespace
}  // namespace pageblock::test::contract_cases
