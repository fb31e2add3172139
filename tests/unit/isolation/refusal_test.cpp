// SPDX-License-Identifier: MIT
/// Refusal: its words, and what waiting could help.
#include "pageblock/isolation/refusal.hpp"

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pageblock::test::refusal_cases {

TEST_CASE("waiting_could_help is true where the owner of the page need not give it up",
          "[refusal]") {
  const auto helps = [](Reason reason) {
    return waiting_could_help(Refusal{Stage::test, Pfn{3}, reason});
  };
  CHECK(helps(Reason::notifier));      // after a change of a notifier's mind
  CHECK(helps(Reason::lru));           // after a migration
  CHECK(helps(Reason::per_cpu_list));  // after a drain
  CHECK_FALSE(helps(Reason::reserved));
  CHECK_FALSE(helps(Reason::not_lru));
  CHECK_FALSE(helps(Reason::inside_chunk));
  CHECK_FALSE(helps(Reason::on_no_list));
  CHECK_FALSE(helps(Reason::block_not_isolated));
  CHECK_FALSE(helps(Reason::no_memory));
}

TEST_CASE("to_string names every stage", "[refusal]") {
  CHECK(to_string(Stage::notifier) == "notifier");
  CHECK(to_string(Stage::mark) == "mark");
  CHECK(to_string(Stage::unmovable_check) == "unmovable check");
  CHECK(to_string(Stage::test) == "test");
  CHECK(to_string(Stage::range) == "range");
}

TEST_CASE("to_string names every reason", "[refusal]") {
  CHECK(to_string(Reason::notifier) == "a notifier objects");
  CHECK(to_string(Reason::reserved) == "reserved");
  CHECK(to_string(Reason::not_lru) == "in use and on no LRU list");
  CHECK(to_string(Reason::lru) == "in use on an LRU list");
  CHECK(to_string(Reason::per_cpu_list) == "on a per-CPU list");
  CHECK(to_string(Reason::inside_chunk) == "inside a free chunk that begins before");
  CHECK(to_string(Reason::on_no_list) == "count 0 but on no list");
  CHECK(to_string(Reason::block_not_isolated) == "in a pageblock that is not isolated");
  CHECK(to_string(Reason::block_isolated) == "in a pageblock that is isolated already");
  CHECK(to_string(Reason::cma) == "in a pageblock for CMA");
  CHECK(to_string(Reason::no_memory) == "no memory in the range");
  CHECK(to_string(Reason::unaligned) == "not on the border of a pageblock");
}

TEST_CASE("a Refusal prints as one line", "[refusal]") {
  CHECK(fmt::format("{}", Refusal{Stage::unmovable_check, Pfn{33}, Reason::reserved}) ==
        "unmovable check: page 33: reserved; waiting will not help");
  CHECK(fmt::format("{}", Refusal{Stage::test, Pfn{7}, Reason::lru}) ==
        "test: page 7: in use on an LRU list; waiting could help");
  CHECK(fmt::format("{:>10}|{:<9}|", Stage::test, Reason::reserved) == "      test|reserved |");
}

TEST_CASE("Refusals are equal when stage, page and reason are", "[refusal]") {
  const Refusal refusal{Stage::test, Pfn{7}, Reason::lru};
  CHECK(refusal == Refusal{Stage::test, Pfn{7}, Reason::lru});
  CHECK_FALSE(refusal == Refusal{Stage::notifier, Pfn{7}, Reason::lru});
  CHECK_FALSE(refusal == Refusal{Stage::test, Pfn{8}, Reason::lru});
  CHECK_FALSE(refusal == Refusal{Stage::test, Pfn{7}, Reason::not_lru});
}

}  // namespace pageblock::test::refusal_cases
