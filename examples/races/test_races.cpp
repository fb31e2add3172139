// SPDX-License-Identifier: MIT
/// R1 and R2: the test whether pages are isolated, while somebody frees them. "memory hotplug: missing
/// zone->lock in test_pages_isolated()", v2.6.27.
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "races/catalog.hpp"
#include "races/kernels.hpp"

namespace races {
namespace {

using namespace pageblock;  // NOLINT
using interleave::Scenario;
using interleave::Tiny;

constexpr Cpu freeing{1};

// One block of four pages: 0 and 1 wait on the other CPU's list, freed since the block was isolated; 2
// and 3 are one free chunk. Nobody holds anything, so the test has no reason to refuse.
template <const Semantics& kernel>
auto refused_for_nothing() {
  using Kernel = Tiny<kernel, 2, 2>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.before([](auto& world) {
      world.zone.set_pageset(1, 8);
      const auto first = alloc_pages(world.zone, freeing, Order{0}, MigrateType::movable);
      const auto second = alloc_pages(world.zone, freeing, Order{0}, MigrateType::movable);
      static_cast<void>(set_migratetype_isolate(world.zone, Pfn{0}));
      free_pages(world.zone, freeing, second->pfn(), Order{0});
      free_pages(world.zone, freeing, first->pfn(), Order{0});
    });
    race.thread("S").then("test [0, 4)", [](auto& world) {
      world.returns(test_pages_isolated(world.zone, Pfn{0}, Pfn{4}));
    });
    race.thread("F").then("drain", [](auto& world) { drain_pages(world.zone, freeing); });
    race.expect({"S: ok"});
  });
}

// One block of sixteen pages: 0 waits on the other CPU's list, 1 is in use all the time. The test must
// refuse; if it does not, the pages are taken off their lists, and the kernel stops at one that is on none.
template <const Semantics& kernel>
auto accepted_in_use(bool goes_offline) {
  using Kernel = Tiny<kernel, 4, 4>;
  return scenario<Kernel>(
      {.spanned_pages = 16, .nr_cpus = 2}, [goes_offline](Scenario<Kernel>& race) {
        race.before([](auto& world) {
          world.zone.set_pageset(1, 8);
          const auto first = alloc_pages(world.zone, freeing, Order{0}, MigrateType::movable);
          static_cast<void>(alloc_pages(world.zone, freeing, Order{0}, MigrateType::movable));
          static_cast<void>(set_migratetype_isolate(world.zone, Pfn{0}));
          free_pages(world.zone, freeing, first->pfn(), Order{0});
        });
        auto tests = race.thread("S").then("test [0, 16)", [](auto& world) {
          const Status ret = test_pages_isolated(world.zone, Pfn{0}, Pfn{16});
          world["accepted"] = ret == ok ? 1 : 0;
          world.returns(ret);
        });
        if (goes_offline) {
          tests.then("take pages offline", [](auto& world) {
            if (world["accepted"] != 0) offline_isolated_pages(world.zone, Pfn{0}, Pfn{16});
          });
        }
        race.thread("F").then("drain", [](auto& world) { drain_pages(world.zone, freeing); });
        if (!goes_offline) race.expect({"S: -EBUSY"}, "V6");
      });
}

// One block of four pages: 0, 1 and 2 are free, 3 is in use by somebody who is about to let go of it.
template <const Semantics& kernel>
auto freed_after_the_drain() {
  using Kernel = Tiny<kernel, 2, 2>;
  return scenario<Kernel>(
      {.spanned_pages = 4, .in_use = {{.range = {Pfn{3}, Pfn{4}}, .lru = true}}, .nr_cpus = 2},
      [](Scenario<Kernel>& race) {
        race.before([](auto& world) { world.zone.set_pageset(1, 8); });
        race.thread("O")
            .then("isolate [0, 4)",
                  [](auto& world) {
                    static_cast<void>(
                        start_isolate_page_range(world.zone, Pfn{0}, Pfn{4}, MigrateType::movable));
                    drain_all_pages(world.zone);
                  })
            .then("test [0, 4)",
                  [](auto& world) {
                    const Status ret = test_pages_isolated(world.zone, Pfn{0}, Pfn{4});
                    world["accepted"] = ret == ok ? 1 : 0;
                    world.returns(ret);
                  })
            .then("take pages offline", [](auto& world) {
              if (world["accepted"] != 0) offline_isolated_pages(world.zone, Pfn{0}, Pfn{4});
            });
        race.thread("F").then("free 3", [](auto& world) { put_page(world.zone, freeing, Pfn{3}); });
      });
}

}  // namespace

std::vector<Race> test_races() {
  return {
      {"R1",
       "The test looks at pages without zone->lock",
       "S tests whether all pages of an isolated block are free, as memory that goes offline must "
       "be. F "
       "gives back pages from its CPU's list. A chunk's mark and its order are two reads, and F "
       "may write "
       "both between them.",
       {{"v2.6.26", "V9", 1,
         "mark read first, then the order: only refusals for nothing, when a chunk merges between "
         "the two",
         refused_for_nothing<v2_6_26>()},
        {"v2.6.26, loads reordered", "V7", 1,
         "order read first: a type that is there while a page waits on a list is taken for an "
         "order, and "
         "sixteen pages are passed unseen; then the kernel stops",
         accepted_in_use<v2_6_26_reordered>(true)},
        {"v2.6.26, loads reordered, test only", "V6", 1, "the test accepts a page in use",
         accepted_in_use<v2_6_26_reordered>(false)},
        {"v2.6.26, page in use", "", 3, "mark read first: never accepted, the lock or not",
         accepted_in_use<v2_6_26>(false)},
        {"v2.6.27", "", 3, "the fix: the test takes zone->lock", refused_for_nothing<v2_6_27>()},
        {"v2.6.27, page in use", "", 3, "the same, and a page in use",
         accepted_in_use<v2_6_27>(true)}}},
      {"R2",
       "The test accepts pages that wait on per-CPU lists",
       "O isolates a block, drains, and tests it; then it takes the pages off the buddy lists. "
       "Between "
       "the drain and the test F drops the last reference to a page, which goes to its CPU's list: "
       "the "
       "test lets it pass there, and the last step stops at BUG_ON(!PageBuddy).",
       {{"v2.6.26", "V7", 1, "", freed_after_the_drain<v2_6_26>()},
        {"v2.6.27", "V7", 1,
         "the lock makes no difference: a free to a per-CPU list does not take it",
         freed_after_the_drain<v2_6_27>()},
        {"v2.6.32", "V7", 2,
         "a page freed into an isolated block passes the lists by; but on its way, before "
         "zone->lock, it "
         "looks as if it waited on one: a smaller window",
         freed_after_the_drain<v2_6_32>()},
        {"v3.6", "V7", 2, "the same", freed_after_the_drain<kernel::v3_6>()},
        {"v6.1", "", 3, "what waits on a list refuses the test (v4.3)",
         freed_after_the_drain<kernel::v6_1>()}}},
  };
}

}  // namespace races
