// SPDX-License-Identifier: MIT
#include "support/operation.hpp"

#include <stdexcept>
#include <string>

#include "pageblock/base/contract.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/zones.hpp"

namespace pageblock::test::operation_cases {

using enum MigrateType;

TEST_CASE("perform calls the function of the operation and returns its value", "[operation]") {
  TinyZone zone = free_zone(32);
  TinyZone other = zone;
  CHECK(perform(zone, {.call = Call::alloc_pages, .order = Order{1}}) == Result{.value = 16});
  CHECK(request(other, 1) == Pfn{16});
  CHECK((zone == other));
  CHECK(perform(zone, {.call = Call::get_page, .pfn = Pfn{16}}) == Result{});
  const Operation free{.call = Call::free_pages, .pfn = Pfn{16}, .order = Order{1}};
  CHECK(perform(zone, free) == Result{.value = -1});
  CHECK(perform(zone, {.call = Call::set_page_lru, .pfn = Pfn{17}}) == Result{});
  CHECK(perform(zone, free) == Result{.value = 1});
  CHECK(perform(zone, {.call = Call::alloc_pages, .order = Order{4}}) == Result{.value = 0});
  CHECK(perform(zone, {.call = Call::alloc_pages, .order = Order{4}}) == Result{.value = -1});
  const Operation test{.call = Call::test_pages_isolated, .pfn = Pfn{0}, .end = Pfn{8}};
  CHECK(perform(zone, test) == Result{.value = -16});
}

TEST_CASE("perform makes a broken contract a result and puts the handler back", "[operation]") {
  const ViolationHandler mine = [](const Violation&) {};
  const ViolationHandler former = set_violation_handler(mine);
  TinyZone zone = free_zone(32);
  CHECK(perform(zone, {.call = Call::get_page, .pfn = Pfn{3}}) == Result{.is_bug = true});
  CHECK(set_violation_handler(former) == mine);
}

TEST_CASE("to_code of an operation is the expression that makes the call", "[operation]") {
  CHECK(to_code({.call = Call::start_isolate_page_range, .pfn = Pfn{0}, .end = Pfn{8}}) ==
        "start_isolate_page_range(zone, Pfn{0}, Pfn{8}, MigrateType::movable)");
  CHECK(to_code({.call = Call::alloc_pages, .cpu = cpu1, .type = reclaimable}) ==
        "alloc_pages(zone, Cpu{1}, Order{0}, MigrateType::reclaimable)");
  CHECK(to_code({.call = Call::free_pages, .temperature = Temperature::cold}) ==
        "free_pages(zone, Cpu{0}, Pfn{0}, Order{0}, Temperature::cold)");
  CHECK(to_code({.call = Call::zone_watermark_ok, .number = 3, .flags = 0x10}) ==
        "zone_watermark_ok(zone, Order{0}, 3, 0, 0x10)");
  CHECK(to_code({.call = Call::undo_isolate_page_range, .type = static_cast<MigrateType>(7)}) ==
        "undo_isolate_page_range(zone, Pfn{0}, Pfn{0}, static_cast<MigrateType>(7))");
}

TEST_CASE("to_code knows every call, and perform those that the kernel has", "[operation]") {
  TinyZone zone = free_zone(32);
  for (std::size_t i = 0; i < nr_calls; ++i) {
    const Operation op{.call = static_cast<Call>(i)};
    if (has_call(op.call, false)) {
      CHECK(to_code(op).find("zone") != std::string::npos);
      static_cast<void>(perform(zone, op));
    } else {
      CHECK_THROWS_AS(perform(zone, op), std::logic_error);
    }
  }
}

}  // namespace pageblock::test::operation_cases
