// SPDX-License-Identifier: MIT
/// R3, R4, R10 and R11: frees that read a block's type, and act on it when it is another.
#include <mutex>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "races/catalog.hpp"
#include "races/kernels.hpp"

namespace races {
namespace {

using namespace pageblock;  // NOLINT
using interleave::Scenario;
using interleave::Tiny;
namespace rules = interleave::rules;

constexpr Cpu other{1};

// Two blocks of two pages. C frees a chunk of block 0 and asks for one of that order; A isolates block 0.
template <const Semantics& kernel>
auto escape(Order order) {
  using Kernel = Tiny<kernel, 1, 2>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [order](Scenario<Kernel>& race) {
    race.before([order](auto& world) {
      world.zone.set_pageset(1, 8);
      world.keep("chunk", alloc_pages(world.zone, other, order, MigrateType::movable));
    });
    race.thread("A").then("isolate [0, 2)", [](auto& world) {
      world.returns(start_isolate_page_range(world.zone, Pfn{0}, Pfn{2}, MigrateType::movable));
    });
    race.thread("C")
        .then("free 0",
              [order](auto& world) { free_pages(world.zone, other, *world.page("chunk"), order); })
        .then("alloc", [order](auto& world) {
          world.keep("chunk", alloc_pages(world.zone, other, order, MigrateType::movable));
        });
    race.holds(rules::isolated_pages_stay<Kernel>());
  });
}

// The same for a page that C is about to free, or that waits on its list; A disables the lists before if it
// takes memory offline.
template <const Semantics& kernel>
auto escape_from_list(bool waits, bool goes_offline) {
  using Kernel = Tiny<kernel, 1, 2>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [=](Scenario<Kernel>& race) {
    race.before([waits](auto& world) {
      world.zone.set_pageset(1, 8);
      world.keep("page", alloc_pages(world.zone, other, Order{0}, MigrateType::movable));
      if (waits) free_pages(world.zone, other, *world.page("page"), Order{0});
    });
    auto a = race.thread("A");
    if (goes_offline) {
      a.then("disable the lists", [](auto& world) { zone_pcp_disable(world.zone); });
    }
    a.then("isolate [0, 2)", [](auto& world) {
      world.returns(start_isolate_page_range(world.zone, Pfn{0}, Pfn{2}, MigrateType::movable));
    });
    auto c = race.thread("C");
    if (!waits) {
      c.then("free 0",
             [](auto& world) { free_pages(world.zone, other, *world.page("page"), Order{0}); });
    }
    c.then("alloc", [](auto& world) {
      world.keep("page", alloc_pages(world.zone, other, Order{0}, MigrateType::movable));
    });
    race.holds(rules::isolated_pages_stay<Kernel>());
  });
}

// Blocks of two pages, no larger chunks. A isolates block 0 and gives it back, C frees it.
template <const Semantics& kernel>
auto free_against_isolate(Order order, interleave::Rule<Tiny<kernel, 1, 1>> rule) {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [=](Scenario<Kernel>& race) {
    race.before([order](auto& world) {
      world.zone.set_pageset(1, 8);
      world.keep("chunk", alloc_pages(world.zone, other, order, MigrateType::movable));
    });
    race.thread("A")
        .then("isolate block",
              [](auto& world) {
                const Pfn block = (*world.page("chunk")).align_down(Order{1});
                static_cast<void>(
                    start_isolate_page_range(world.zone, block, block + 2, MigrateType::movable));
              })
        .then("undo block", [](auto& world) {
          const Pfn block = (*world.page("chunk")).align_down(Order{1});
          static_cast<void>(
              undo_isolate_page_range(world.zone, block, block + 2, MigrateType::movable));
        });
    race.thread("C").then("free", [order](auto& world) {
      free_pages(world.zone, other, *world.page("chunk"), order);
    });
    race.holds(rule);
  });
}

// Four blocks of two pages: blocks 0 and 1 are reserved for urgent requests; C frees a page of block 0,
// U gives both back.
template <const Semantics& kernel>
auto unreserve_twice() {
  using Kernel = Tiny<kernel, 1, 3>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.before([](auto& world) {
      world.zone.set_pageset(1, 8);
      world.keep("page", alloc_pages(world.zone, other, Order{0}, MigrateType::movable));
      const std::lock_guard guard{world.zone.lock()};
      for (const Pfn block : {Pfn{0}, Pfn{2}}) {
        set_pageblock_migratetype(world.zone, block, MigrateType::highatomic);
        move_freepages_block(world.zone, block, MigrateType::highatomic);
        world.zone.pressure().nr_reserved_highatomic += 2;
      }
    });
    race.thread("C")
        .then("free 0",
              [](auto& world) { free_pages(world.zone, other, *world.page("page"), Order{0}); })
        .then("drain", [](auto& world) { drain_pages(world.zone, other); });
    auto gives = race.thread("U");
    for (const char* name : {"give back one", "give back another"}) {
      gives.then(name, [](auto& world) {
        unreserve_highatomic_pageblock(world.zone, MigrateType::movable, true);
      });
    }
    race.holds(rules::reserve_is_counted<Kernel>());
  });
}

// One block of 32 pages, the first half of which C holds, and another. A claims the block for unmovable
// memory.
template <const Semantics& kernel>
auto claim_against_free(bool has_isolated_bystander) {
  using Kernel = Tiny<kernel, 5, 5>;
  return scenario<Kernel>(
      {.spanned_pages = has_isolated_bystander ? 64U : 32U,
       .in_use = {{.range = {Pfn{0}, Pfn{16}}}},
       .nr_cpus = 2},
      [=](Scenario<Kernel>& race) {
        race.before([=](auto& world) {
          if (has_isolated_bystander) {
            static_cast<void>(set_migratetype_isolate(world.zone, Pfn{32}));
          }
          world.zone.memmap().transform(Pfn{0}, Pfn{16}, [](PageBits) { return PageBits{}; });
          world.zone.memmap().set_bits(Pfn{0}, PageBits::allocation(Order{4}));
        });
        race.thread("C").then("free 0 (order 4)", [](auto& world) {
          free_pages(world.zone, Cpu{0}, Pfn{0}, Order{4});
        });
        race.thread("A").then("alloc unmovable", [](auto& world) {
          world.keep("page", alloc_pages(world.zone, other, Order{4}, MigrateType::unmovable));
        });
        race.holds(rules::lists_match_types<Kernel>());
      });
}

template <const Semantics& kernel>
auto counted() {
  return rules::free_pages_are_counted<Tiny<kernel, 1, 1>>();
}
template <const Semantics& kernel>
auto on_their_lists() {
  return rules::lists_match_types<Tiny<kernel, 1, 1>>();
}

}  // namespace

std::vector<Race> free_races() {
  return {
      {"R3",
       "Freed pages escape from an isolated block",
       "C reads the type of block 0, movable. A isolates it, moves what is free there, and drains. "
       "Then C "
       "puts its page where movable pages go, and the next request gets it.",
       {{"v3.6", "V2", 1, "", escape<kernel::v3_6>(Order{0})},
        {"v3.6, drained right", "V2", 1,
         "the same, if a page that is drained went to the list of its block",
         escape<v3_6_drained>(Order{0})},
        {"v3.6, on a list", "V2", 1,
         "the page waits on C's list: it is had again between the move and the drain",
         escape_from_list<v3_6_drained>(true, false)},
        {"v6.1", "V2", 1, "who takes a contiguous range is met by this still",
         escape_from_list<kernel::v6_1>(false, false)},
        {"v6.1, offlining", "", 3, "offlining lets nothing stay on the lists (v5.11)",
         escape_from_list<kernel::v6_1>(false, true)},
        {"v6.1, offlining, on a list", "", 3, "the same of a page that waits there",
         escape_from_list<kernel::v6_1>(true, true)},
        {"v3.6, two pages", "V2", 1, "a chunk that goes straight to the buddy lists",
         escape<kernel::v3_6>(Order{1})},
        {"v3.18, two pages", "", 3,
         "the type is read again under zone->lock while a block is isolated",
         escape<v3_18>(Order{1})}}},
      {"R4",
       "Free pages are counted wrongly for good",
       "From v3.7 on isolated pages are not counted as free. Where a freed chunk is counted "
       "follows from one "
       "look at its block's type, its list from another.",
       {{"v3.7", "V1", 0,
         "a page waits on a list, its block is isolated: it is drained to the list of movable "
         "pages, and not counted",
         free_against_isolate<v3_7>(Order{0}, counted<v3_7>())},
        {"v3.7, two pages", "V1", 2,
         "a chunk that goes straight to the buddy lists is counted, and again by the undo",
         free_against_isolate<v3_7>(Order{1}, counted<v3_7>())},
        {"v3.7, lost", "V5", 2,
         "or is on the list of isolated pages, and its block is not: nobody gets it",
         free_against_isolate<v3_7>(Order{1}, on_their_lists<v3_7>())},
        {"v3.18", "", 3, "both follow from a look under zone->lock",
         free_against_isolate<v3_18>(Order{0}, counted<v3_18>())},
        {"v3.18, two pages", "", 3, "the same",
         free_against_isolate<v3_18>(Order{1}, counted<v3_18>())}}},
      {"R10",
       "A reserve is given back twice",
       "C reads that its page's block is reserved for urgent requests. U gives the block back. C's "
       "page goes "
       "to the list of reserved pages, where U finds it, gives its block back, and subtracts it "
       "again.",
       {{"v4.9", "V11", 2, "", unreserve_twice<v4_9>()},
        {"v6.1", "", 3, "only a block that is reserved is subtracted (v4.10)",
         unreserve_twice<kernel::v6_1>()}}},
      {"R11",
       "A block is claimed while a chunk of it is freed",
       "C reads the type of its block, movable. A takes unmovable memory there and claims the "
       "block. C's chunk "
       "goes to the movable list.",
       {{"v6.1", "V5", 1, "", claim_against_free<kernel::v6_1>(false)},
        {"v6.1, a block isolated", "", 3, "while any block is isolated, the type is read again",
         claim_against_free<kernel::v6_1>(true)},
        {"v6.12", "", 3, "the type is read under zone->lock (v6.10)",
         claim_against_free<kernel::v6_12>(false)}}},
  };
}

}  // namespace races
