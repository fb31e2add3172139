// SPDX-License-Identifier: MIT
/// R17: what is right and must be silent, and what it would be otherwise.
#include <memory>
#include <mutex>

#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/watermark.hpp"

#include "races/catalog.hpp"
#include "races/kernels.hpp"

namespace races {
namespace {

using namespace pageblock;  // NOLINT
using interleave::Scenario;
using interleave::Tiny;
namespace rules = interleave::rules;

template <typename Kernel>
void hold_counters(Scenario<Kernel>& race) {
  race.holds(rules::free_pages_are_counted<Kernel>());
  race.holds(rules::isolated_blocks_are_counted<Kernel>());
  race.holds(rules::zone_is_consistent<Kernel>());
}

template <const Semantics& kernel>
auto two_undos() {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.before([](auto& world) {
      static_cast<void>(start_isolate_page_range(world.zone, Pfn{0}, Pfn{8}, MigrateType::movable));
    });
    for (const char* name : {"U", "W"}) {
      race.thread(name).then("undo [0, 8)", [](auto& world) {
        static_cast<void>(
            undo_isolate_page_range(world.zone, Pfn{0}, Pfn{8}, MigrateType::movable));
      });
    }
    hold_counters(race);
  });
}

// Blocks of two pages. X takes the first, Y the last of @p pages: with larger chunks v3.6 isolates both.
template <const Semantics& kernel, unsigned top_order>
auto disjoint_ranges(std::uint64_t pages) {
  using Kernel = Tiny<kernel, 1, top_order>;
  return scenario<Kernel>({.spanned_pages = pages, .nr_cpus = 2}, [pages](Scenario<Kernel>& race) {
    race.thread("X").then("contig [0, 2)", [](auto& world) {
      world.returns(alloc_contig_range(world.zone, Cpu{0}, Pfn{0}, Pfn{2}, MigrateType::movable));
    });
    race.thread("Y").then(fmt::format("contig [{}, {})", pages - 2, pages), [pages](auto& world) {
      world.returns(
          alloc_contig_range(world.zone, Cpu{1}, Pfn{pages - 2}, Pfn{pages}, MigrateType::movable));
    });
    race.expect({"X: ok, Y: ok"});
  });
}

template <const Semantics& kernel>
auto fix_up_against_isolation() {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.thread("O").then("offline [0, 4)", [](auto& world) {
      world.returns(offline_pages(world.zone, Pfn{0}, 4, AllMove{}, {.rounds = 2}));
    });
    race.thread("X").then("isolate and undo [4, 8)", [](auto& world) {
      world.returns(start_isolate_page_range(world.zone, Pfn{4}, Pfn{8}, MigrateType::movable));
      static_cast<void>(undo_isolate_page_range(world.zone, Pfn{4}, Pfn{8}, MigrateType::movable));
    });
    hold_counters(race);
    race.expect({"O: ok, X: ok"});
  });
}

// One CMA block of four pages, all in use by X, which gives back two: pages and bits of the bitmap. Y asks
// for two.
template <const Semantics& kernel>
auto cma_release(bool bits_first) {
  using Kernel = Tiny<kernel, 2, 2>;
  return scenario<Kernel>(
      {.spanned_pages = 4,
       .in_use = {{.range = {Pfn{0}, Pfn{4}}}},
       .block_types = {{{Pfn{0}, Pfn{4}}, MigrateType::cma}},
       .nr_cpus = 2},
      [bits_first](Scenario<Kernel>& race) {
        auto bitmap = std::make_shared<interleave::Lock>("cma->lock");
        race.before([](auto& world) { world["bit 0"] = 1; });
        race.thread("X").then("cma_release [0, 2)", [=](auto& world) {
          const auto clear = [&] {
            const std::lock_guard guard{*bitmap};
            world["bit 0"] = 0;
          };
          if (bits_first) clear();
          free_contig_range(world.zone, Cpu{0}, Pfn{0}, 2);
          if (!bits_first) clear();
        });
        race.thread("Y").then("cma_alloc 2", [=](auto& world) {
          {
            const std::lock_guard guard{*bitmap};
            if (world["bit 0"] != 0) return world.returns(-Err::nomem);
            world["bit 0"] = 1;
          }
          world.returns(alloc_contig_range(world.zone, Cpu{1}, Pfn{0}, Pfn{2}, MigrateType::cma));
        });
        race.expect({"Y: ok", "Y: -ENOMEM"});
      });
}

// One block of two pages. X isolates it; A takes a page that nobody can move. Whoever comes first wins: a
// block that was isolated has no such page.
template <const Semantics& kernel>
auto check_and_mark(bool under_one_lock) {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 2, .nr_cpus = 2}, [=](Scenario<Kernel>& race) {
    race.before([](auto& world) { world.zone.set_pageset(1, 8); });
    race.thread("X").then("isolate block 0", [=](auto& world) {
      if (!under_one_lock) {
        const std::lock_guard guard{world.zone.lock()};
        if (pageblock::detail::refuse_isolate(world.zone, Pfn{0}, MigrateType::movable)) {
          return world.returns(-Err::busy);
        }
      }
      if (under_one_lock) return world.returns(set_migratetype_isolate(world.zone, Pfn{0}));
      const std::lock_guard guard{world.zone.lock()};
      set_pageblock_migratetype(world.zone, Pfn{0}, MigrateType::isolate);
      world.zone.mod_nr_pageblock_isolate(1);
      const auto moved = move_freepages_block(world.zone, Pfn{0}, MigrateType::isolate);
      world.zone.mod_nr_free_pages(-static_cast<std::int64_t>(moved));
      world.returns(ok);
    });
    race.thread("A").then("alloc unmovable", [](auto& world) {
      const auto page = alloc_pages(world.zone, Cpu{1}, Order{0}, MigrateType::unmovable);
      world.keep("page", page);
      world.returns(page ? "a page" : "none");
    });
    race.expect({"X: ok, A: none", "X: -EBUSY, A: a page"}, "V6");
  });
}

// kswapd looks at the number of isolated blocks without a lock, and only decides by it.
auto look_at_the_counter() {
  using Kernel = Tiny<kernel::v3_6, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.thread("A").then("isolate and undo [0, 4)", [](auto& world) {
      world.returns(start_isolate_page_range(world.zone, Pfn{0}, Pfn{4}, MigrateType::movable));
      static_cast<void>(undo_isolate_page_range(world.zone, Pfn{0}, Pfn{4}, MigrateType::movable));
    });
    race.thread("K").then("look", [](auto& world) {
      for (int round = 0; round < 2; ++round) {
        world.may_switch();
        world.returns(zone_watermark_ok_safe(world.zone, Order{0}, 5, 0, 0) ? "enough" : "too few");
      }
    });
    hold_counters(race);
  });
}

// virtio-mem takes its mutex when memory is about to go, and gives it back when it has gone or has not; the
// second only if the first was asked.
template <bool remembers>
auto cancelled_notifier() {
  using Kernel = Tiny<kernel::v6_1, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    auto mutex = std::make_shared<interleave::Lock>("hotplug_mutex");
    race.thread("V").then("fake offline", [=](auto& world) {
      const std::lock_guard guard{*mutex};
      world.returns(alloc_contig_range(world.zone, Cpu{0}, Pfn{0}, Pfn{2}, MigrateType::movable));
    });
    race.thread("O").then("offline, refused by another notifier", [=](auto& world) {
      const bool is_asked = world["asked"] != 0;  // another, which comes first, refuses
      if (is_asked) mutex->lock();
      world.may_switch();
      if (is_asked || !remembers) mutex->unlock();
      world.returns(-Err::busy);
    });
  });
}

}  // namespace

std::vector<Race> control_races() {
  return {
      {"R17",
       "Controls: what is right, and what it would be otherwise",
       "Each of these is silent, or is a mutant that must be found.",
       {{"check outside the lock", "V6", 1,
         "a mutant: the block is looked at in one critical section, marked in another",
         check_and_mark<kernel::v6_1>(false)},
        {"check under the lock", "", 3, "", check_and_mark<kernel::v6_1>(true)},
        {"two undos", "", 3, "of one range: the second finds nothing", two_undos<kernel::v6_1>()},
        {"disjoint ranges, v3.6", "V9", 0,
         "ranges are widened to the largest chunk, and so overlap",
         disjoint_ranges<kernel::v3_6, 2>(4)},
        {"disjoint ranges, v6.1", "", 3, "with a largest chunk between them",
         disjoint_ranges<kernel::v6_1, 1>(8)},
        {"fix-up", "", 3,
         "of counters when memory went, in a section of its own, against isolation of other memory",
         fix_up_against_isolation<kernel::v6_1>()},
        {"cma_release", "", 3, "pages first, then bits", cma_release<kernel::v6_1>(false)},
        {"cma_release, bits first", "V9", 1, "a mutant", cma_release<kernel::v6_1>(true)},
        {"kswapd's look", "", 3, "at the counter, without a lock", look_at_the_counter()},
        {"notifier", "", 3, "virtio-mem gives back its mutex only if it took it",
         cancelled_notifier<true>()},
        {"notifier, forgetful", "V7", 0, "a mutant: it gives it back whenever memory stays",
         cancelled_notifier<false>()}}},
  };
}

}  // namespace races
