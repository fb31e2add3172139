// SPDX-License-Identifier: MIT
/// R5, R13 to R15 and R18: pages that nobody holds, and that are not free either.
#include <memory>
#include <mutex>
#include <utility>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "races/catalog.hpp"
#include "races/kernels.hpp"

namespace races {
namespace {

using namespace pageblock;  // NOLINT
using interleave::Scenario;
using interleave::Tiny;

constexpr Cpu other{1};

// How X empties a block before it tests it.
enum class Emptying { drains, drains_once, drains_again, disables };

// Two blocks of two pages. C frees page 0; X wants block 0, and tries once, or until it is empty.
template <const Semantics& kernel>
auto stale_type(Emptying how, bool tries_once) {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>(
      {.spanned_pages = 4, .in_use = {{.range = {Pfn{0}, Pfn{1}}, .lru = true}}, .nr_cpus = 2},
      [=](Scenario<Kernel>& race) {
        race.before([](auto& world) { world.zone.set_pageset(1, 8); });
        auto isolates = race.thread("X");
        if (how == Emptying::disables) {
          isolates.then("disable pcp", [](auto& world) { zone_pcp_disable(world.zone); });
        }
        isolates.then("isolate [0, 2)", [how](auto& world) {
          static_cast<void>(
              start_isolate_page_range(world.zone, Pfn{0}, Pfn{2}, MigrateType::movable));
          if (how == Emptying::drains || how == Emptying::drains_once) drain_all_pages(world.zone);
        });
        if (tries_once) {
          isolates.then("test [0, 2)", [](auto& world) {
            const bool nobody_holds_it = world["freed"] != 0;
            const Status ret = test_pages_isolated(world.zone, Pfn{0}, Pfn{2});
            world.returns(ret == ok         ? "ok"
                          : nobody_holds_it ? "-EBUSY, and nobody holds a page"
                                            : "-EBUSY");
          });
        } else {
          isolates.then("test until it is empty", [how](auto& world) {
            if (test_pages_isolated(world.zone, Pfn{0}, Pfn{2}) == ok) return true;
            if (how == Emptying::drains_again) drain_all_pages(world.zone);
            return false;
          });
        }
        race.thread("C").then("put page 0", [](auto& world) {
          put_page(world.zone, other, Pfn{0});
          world["freed"] = 1;
        });
        if (tries_once) race.expect({"X: ok", "X: -EBUSY"});
      });
}

// Takes a free page off the buddy lists for good, if it is there. Kernel: take_page_off_buddy().
template <typename World>
bool take_page_off_buddy(World& world, Pfn pfn) {
  auto& zone = world.zone;
  const std::lock_guard guard{zone.lock()};
  const OptionalPfn head = zone.memmap().free_chunk_of(pfn);
  if (!head) return false;
  const Order order = zone.memmap().bits(*head).order();
  const MigrateType type = zone.pageblock_flags().get(pfn);
  zone.free_area().del(zone.memmap(), *head);
  zone.mod_freepage_state(-static_cast<std::int64_t>(order.nr_pages()), type);
  for (Pfn page = *head; page < *head + order.nr_pages(); ++page) {
    if (page != pfn) pageblock::detail::free_one_page(zone, page, Order{0}, type);
  }
  zone.memmap().set_bits(pfn, PageBits{PageBits::in_use});
  return true;
}

// One block of four free pages. Page 1 is found broken, and P takes it away; C asks for a page, and its CPU
// gets two at a time.
template <const Semantics& kernel>
auto poison(Emptying how, bool with_hotplug) {
  using Kernel = Tiny<kernel, 2, 2>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [=](Scenario<Kernel>& race) {
    race.before([](auto& world) { world.zone.set_pageset(2, 8); });
    auto limits = std::make_shared<interleave::Lock>("pcp_batch_high_lock");
    auto hotplug = std::make_shared<interleave::Lock>("cpu_hotplug_lock");
    race.thread("P").then("take page 1 away", [=](auto& world) {
      const auto take = [&world] {
        const bool is_held = world.zone.memmap().count(Pfn{1}) != 0;
        const bool taken = take_page_off_buddy(world, Pfn{1});
        world.returns(taken ? "taken" : is_held ? "in use" : "neither free nor in use");
      };
      if (how != Emptying::disables) {
        drain_all_pages(world.zone);
        return take();
      }
      const std::lock_guard outer{*limits};
      zone_pcp_disable(world.zone);
      take();
      zone_pcp_enable(world.zone);
      if (!with_hotplug) return;
      const std::lock_guard inner{*hotplug};  // a static key is switched
    });
    if (with_hotplug) {
      race.thread("H").then("a CPU comes", [=](auto&) {
        const std::lock_guard outer{*hotplug};
        const std::lock_guard inner{*limits};
      });
    } else {
      race.thread("C").then("alloc", [](auto& world) {
        world.keep("page", alloc_pages(world.zone, other, Order{0}, MigrateType::movable));
      });
    }
    if (!with_hotplug) race.expect({"P: taken", "P: in use"});
  });
}

// Two blocks of two free pages. R has taken the chunk of block 0 off its list to tell somebody that it is
// free; X wants the block.
template <const Semantics& kernel>
auto reporting() {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.thread("X")
        .then("isolate [0, 2)",
              [](auto& world) {
                static_cast<void>(
                    start_isolate_page_range(world.zone, Pfn{0}, Pfn{2}, MigrateType::movable));
              })
        .then("test [0, 2)",
              [](auto& world) { world.returns(test_pages_isolated(world.zone, Pfn{0}, Pfn{2})); });
    race.thread("R").then("report chunk 0", [](auto& world) {
      {
        const std::lock_guard guard{world.zone.lock()};
        const bool is_free = world.zone.memmap().bits(Pfn{0}).is_chunk(Order{1});
        const bool is_isolated = world.zone.pageblock_flags().get(Pfn{0}) == MigrateType::isolate;
        if (!is_free || is_isolated) return;
        if (isolate_free_page(world.zone, Pfn{0}) == 0) return;
      }
      world.may_switch();  // while the hypervisor is told
      const std::lock_guard guard{world.zone.lock()};
      putback_isolated_page(world.zone, Pfn{0}, Order{1}, world.zone.pageblock_flags().get(Pfn{0}));
    });
    race.expect({"X: ok"});
  });
}

// Two blocks of two pages. Page 0 was freed where zone->lock could not be had, and waits for the next
// ordinary free in the zone; or it is a slab page whose count is 0, and nobody will ever free it.
enum class Waiting { for_nothing, for_a_free, for_the_test };
template <const Semantics& kernel>
auto never_freed(Waiting how, bool somebody_frees) {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>(
      {.spanned_pages = 4,
       .in_use = {{.range = {Pfn{0}, Pfn{1}}}, {.range = {Pfn{2}, Pfn{3}}}},
       .nr_cpus = 2},
      [=](Scenario<Kernel>& race) {
        race.before([](auto& world) {
          world.zone.set_pageset(1, 8);
          world.zone.memmap().set_count(Pfn{0}, 0);
        });
        const auto free_deferred = [](auto& world) {
          const std::lock_guard guard{world.zone.lock()};
          if (std::exchange(world["freed"], 1) != 0) return;
          pageblock::detail::free_one_page(world.zone, Pfn{0}, Order{0},
                                           world.zone.pageblock_flags().get(Pfn{0}));
        };
        race.thread("O")
            .then("isolate [0, 2)",
                  [](auto& world) {
                    zone_pcp_disable(world.zone);
                    static_cast<void>(
                        start_isolate_page_range(world.zone, Pfn{0}, Pfn{2}, MigrateType::movable));
                  })
            .then("test until it is empty", [=](auto& world) {
              if (how == Waiting::for_the_test) free_deferred(world);
              return test_pages_isolated(world.zone, Pfn{0}, Pfn{2}) == ok;
            });
        if (!somebody_frees) return;
        race.thread("C").then("free page 2", [=](auto& world) {
          free_pages(world.zone, other, Pfn{2}, Order{0});
          if (how == Waiting::for_a_free) free_deferred(world);
        });
      });
}

}  // namespace

std::vector<Race> drain_races() {
  return {
      {"R5",
       "A page comes to a per-CPU list after the drain",
       "C, which frees page 0, has read that its block is movable. X isolates the block and "
       "drains; the "
       "count of C's CPU is 0, so it is not even asked. Then C puts the page on its list, and X's "
       "test "
       "refuses, though nobody holds a page.",
       {{"v6.1, contig", "V9", 2, "", stale_type<kernel::v6_1>(Emptying::drains, true)},
        {"v5.8, offline", "V10", 1,
         "memory that goes offline is tried for ever, and never drained again",
         stale_type<kernel::v6_1>(Emptying::drains_once, false)},
        {"v5.9, offline", "", 3, "drained after each refusal",
         stale_type<kernel::v6_1>(Emptying::drains_again, false)},
        {"v5.11, offline", "", 3,
         "lists are disabled before: limits first, then every CPU is drained",
         stale_type<kernel::v6_1>(Emptying::disables, false)},
        {"v5.11, drains first", "V10", 1, "a mutant: drained before the limits are written",
         stale_type<v6_1_drains_first>(Emptying::disables, false)},
        {"v5.11, skips empty", "", 3,
         "CPUs whose count looks 0 are not drained: wrong only where a CPU's loads and stores may "
         "be "
         "reordered, which the explorer does not do",
         stale_type<v6_1_skips_empty>(Emptying::disables, false)}}},
      {"R13",
       "A broken page is on a per-CPU list when it is to be taken away",
       "P drains all lists and then takes page 1 off the buddy lists. In between C asks for a "
       "page, and its CPU "
       "gets page 1 as well, which is neither free nor in use then.",
       {{"v6.1, drain", "V9", 1, "", poison<kernel::v6_1>(Emptying::drains, false)},
        {"v5.11, disable", "", 3, "the lists are disabled meanwhile",
         poison<kernel::v6_1>(Emptying::disables, false)},
        {"v5.11, hotplug", "V10", 1, "and a CPU comes: two locks taken in two orders",
         poison<kernel::v6_1>(Emptying::disables, true)}}},
      {"R14",
       "A chunk is off its list while it is reported",
       "R takes a free chunk off its list, tells the hypervisor, and puts it back. X's test sees "
       "pages that nobody "
       "holds and that are not free.",
       {{"v6.1", "V9", 1, "", reporting<kernel::v6_1>()}}},
      {"R15",
       "A page waits to be freed",
       "A page that was freed where zone->lock could not be had waits for the next ordinary free "
       "in its zone. "
       "O takes its block offline, and tries until it is empty. Nobody frees anything.",
       {{"v6.15", "V10", 0, "", never_freed<kernel::v6_1>(Waiting::for_a_free, false)},
        {"v6.15, a free", "", 3, "somebody frees another page",
         never_freed<kernel::v6_1>(Waiting::for_a_free, true)},
        {"v6.15, fixed", "", 3, "if O frees what waits",
         never_freed<kernel::v6_1>(Waiting::for_the_test, true)}}},
      {"R18",
       "A page in use has no references",
       "One thread: a slab page with count 0 is no obstacle to isolation, is never moved, and is "
       "not free. "
       "Memory with it never goes offline.",
       {{"v6.14", "V10", 0, "", never_freed<kernel::v6_1>(Waiting::for_nothing, false)}}},
  };
}

}  // namespace races
