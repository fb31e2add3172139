// SPDX-License-Identifier: MIT
/// zone_pcp_disable() excludes others: the kernel keeps a mutex until zone_pcp_enable(), also against
/// changes of high and batch (v6.x-behaviour.md, section 6).
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::pcp_disable_cases {

namespace {

struct AloneConfig : NullLockConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};
struct SharedConfig : SpinlockConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};

// Runs change(zone) in a thread while the lists are disabled. Returns whether it came to an end before
// they were enabled. (It may be slow, but never early.)
template <typename Change>
bool ends_while_disabled(Zone<SharedConfig>& zone, Change change) {
  std::atomic<bool> has_begun = false;
  std::atomic<bool> has_ended = false;
  zone_pcp_disable(zone);
  std::thread other{[&] {
    has_begun = true;
    change(zone);
    has_ended = true;
  }};
  while (!has_begun) std::this_thread::yield();
  for (int i = 0; i < 2000 && !has_ended; ++i) std::this_thread::yield();
  const bool ended = has_ended;
  zone_pcp_enable(zone);
  other.join();
  return ended;
}

}  // namespace

TEST_CASE("while per-CPU lists are disabled, others who want to change them wait",
          "[drain][v6_1]") {
  Zone<SharedConfig> zone{{.spanned_pages = 32, .nr_cpus = 2}};
  zone.set_pageset(2, 6);
  CHECK_FALSE(ends_while_disabled(zone, [](auto& other) { other.set_pageset(3, 9); }));
  CHECK(zone.pageset() == Pageset{3, 9});
  CHECK(zone.pcp(cpu0).high == 9);
  CHECK_FALSE(ends_while_disabled(zone, [](auto& other) {
    zone_pcp_disable(other);
    zone_pcp_enable(other);
  }));
  CHECK(zone.pcp(cpu1).high == 9);
}

TEST_CASE("on a zone of one thread a change of the limits comes when the lists are enabled",
          "[drain][v6_1]") {
  Zone<AloneConfig> zone{pages(32)};
  zone_pcp_disable(zone);
  zone.set_pageset(3, 9);
  CHECK(zone.pcp(cpu0).high == 0);
  CHECK(zone.pcp(cpu0).batch == 1);
  zone_pcp_enable(zone);
  CHECK(zone.pcp(cpu0).high == 9);
  CHECK(zone.pcp(cpu0).batch == 3);
}

TEST_CASE("disabling per-CPU lists twice is reported where it would wait for ever",
          "[drain][v6_1]") {
  Zone<AloneConfig> zone{pages(32)};
  CHECK_VIOLATION_IN(zone, zone_pcp_enable(zone), "not disabled");
  zone_pcp_disable(zone);
  CHECK_VIOLATION_IN(zone, zone_pcp_disable(zone), "for ever");
  const Zone<AloneConfig> copy = zone;  // is disabled, too
  CHECK(copy == zone);
  zone_pcp_enable(zone);
  CHECK_FALSE(copy == zone);
}

}  // namespace pageblock::test::pcp_disable_cases
