// SPDX-License-Identifier: MIT
/// R6 to R9, R12 and R16: ranges that overlap, chunks that span blocks, and blocks that lose what they were.
#include <memory>
#include <mutex>
#include <vector>

#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/compound.hpp"
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

// Four blocks of two pages, all free. X wants blocks 0 to 2, Y wants 2 and 3.
template <const Semantics& kernel, unsigned top_order>
auto contig_against_contig() {
  using Kernel = Tiny<kernel, 1, top_order>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.thread("X").then("contig [0, 6)", [](auto& world) {
      world.returns(alloc_contig_range(world.zone, Cpu{0}, Pfn{0}, Pfn{6}, MigrateType::movable));
    });
    race.thread("Y").then("contig [4, 8)", [](auto& world) {
      world.returns(alloc_contig_range(world.zone, Cpu{1}, Pfn{4}, Pfn{8}, MigrateType::movable));
    });
    race.holds(rules::isolation_stays<Kernel>());
  });
}

// Two ranges that touch, of a zone with one chunk over both: X wants the first, or takes it offline, Y
// wants the other.
template <const Semantics& kernel>
auto ranges_that_touch(bool goes_offline) {
  using Kernel = Tiny<kernel, 1, 3>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 2}, [=](Scenario<Kernel>& race) {
    if (goes_offline) {
      race.thread("X").then("offline [0, 4)", [](auto& world) {
        world.returns(offline_pages(world.zone, Pfn{0}, 4, AllMove{}, {.rounds = 2}));
      });
    } else {
      race.thread("X").then("contig [0, 4)", [](auto& world) {
        world.returns(alloc_contig_range(world.zone, Cpu{0}, Pfn{0}, Pfn{4}, MigrateType::movable));
      });
      race.expect({"X: ok, Y: ok"});
    }
    race.thread("Y").then("contig [4, 8)", [](auto& world) {
      world.returns(alloc_contig_range(world.zone, Cpu{1}, Pfn{4}, Pfn{8}, MigrateType::movable));
    });
  });
}

// The same, by what the callers get: one of them at least, as all memory is free.
template <const Semantics& kernel>
auto both_refused() {
  using Kernel = Tiny<kernel, 1, 3>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.thread("X").then("contig [0, 6)", [](auto& world) {
      world.returns(alloc_contig_range(world.zone, Cpu{0}, Pfn{0}, Pfn{6}, MigrateType::movable));
    });
    race.thread("Y").then("contig [4, 8)", [](auto& world) {
      world.returns(alloc_contig_range(world.zone, Cpu{1}, Pfn{4}, Pfn{8}, MigrateType::movable));
    });
    race.expect({"X: ok, Y: -EBUSY", "X: -EBUSY, Y: ok"});
  });
}

// Two blocks of two pages, isolated as one range; one free chunk spans both. U gives them back.
template <const Semantics& kernel>
auto undo_of_a_chunk() {
  using Kernel = Tiny<kernel, 1, 2>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.before([](auto& world) {
      static_cast<void>(start_isolate_page_range(world.zone, Pfn{0}, Pfn{4}, MigrateType::movable));
    });
    race.thread("U").then("undo [0, 4)", [](auto& world) {
      static_cast<void>(undo_isolate_page_range(world.zone, Pfn{0}, Pfn{4}, MigrateType::movable));
    });
    race.thread("A").then("alloc", [](auto& world) {
      world.keep("page", alloc_pages(world.zone, Cpu{1}, Order{0}, MigrateType::movable));
    });
    race.holds(rules::free_pages_are_counted<Kernel>());
  });
}

// The mirror image: one free chunk spans both blocks, and the second is isolated by itself.
template <const Semantics& kernel>
auto set_of_half_a_chunk() {
  using Kernel = Tiny<kernel, 1, 2>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.thread("S")
        .then("isolate block 1",
              [](auto& world) { world.returns(set_migratetype_isolate(world.zone, Pfn{2})); })
        .then("isolate block 0",
              [](auto& world) { world.returns(set_migratetype_isolate(world.zone, Pfn{0})); });
    auto allocates = race.thread("A");
    for (const char* name : {"alloc one", "alloc another", "alloc a third"}) {
      allocates.then(name, [name](auto& world) {
        world.keep(name, alloc_pages(world.zone, Cpu{1}, Order{0}, MigrateType::movable));
      });
    }
    race.holds(rules::lists_match_types<Kernel>());
  });
}

// One block of four pages for CMA. Two users of it want two pages each, and it has them.
template <const Semantics& kernel>
auto two_users_of_cma(bool has_mutex) {
  using Kernel = Tiny<kernel, 2, 2>;
  return scenario<Kernel>(
      {.spanned_pages = 4, .block_types = {{{Pfn{0}, Pfn{4}}, MigrateType::cma}}, .nr_cpus = 2},
      [has_mutex](Scenario<Kernel>& race) {
        auto bitmap = std::make_shared<interleave::Lock>("cma->lock");
        auto mutex = std::make_shared<interleave::Lock>("cma_mutex");
        for (unsigned user = 0; user < 2; ++user) {
          race.thread(user == 0 ? "X" : "Y").then("cma_alloc 2", [=](auto& world) {
            for (const std::uint64_t first : {0U, 2U}) {
              const char* const bit = first == 0 ? "bit 0" : "bit 1";
              {
                const std::lock_guard guard{*bitmap};
                if (world[bit] != 0) continue;
                world[bit] = 1;
              }
              {
                auto guard =
                    has_mutex ? std::unique_lock{*mutex} : std::unique_lock<interleave::Lock>{};
                const Status ret = alloc_contig_range(world.zone, Cpu{user}, Pfn{first},
                                                      Pfn{first + 2}, MigrateType::cma);
                if (ret == ok) return world.returns(ok);
              }
              const std::lock_guard guard{*bitmap};
              world[bit] = 0;
            }
            world.returns(-Err::nomem);
          });
        }
        race.expect({"X: ok, Y: ok"});
      });
}

// Two blocks of two pages, all free. O takes both offline, Y wants the second.
template <const Semantics& kernel>
auto contig_against_offline(bool has_allocator,
                            std::vector<interleave::Rule<Tiny<kernel, 1, 1>>> held) {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>(
      {.spanned_pages = 4, .nr_cpus = has_allocator ? 3U : 2U}, [=](Scenario<Kernel>& race) {
        race.thread("O").then("offline [0, 4)", [](auto& world) {
          world.returns(offline_pages(world.zone, Pfn{0}, 4, AllMove{}, {.rounds = 2}));
        });
        race.thread("Y").then("contig [2, 4)", [](auto& world) {
          world.returns(
              alloc_contig_range(world.zone, Cpu{1}, Pfn{2}, Pfn{4}, MigrateType::movable));
        });
        if (has_allocator) {
          race.thread("A").then("alloc", [](auto& world) {
            world.keep("page", alloc_pages(world.zone, Cpu{2}, Order{0}, MigrateType::movable));
          });
        }
        for (const auto& rule : held) race.holds(rule);
      });
}

// The same, as offline_pages() does it that tries until it succeeds: nobody isolates the block again.
template <const Semantics& kernel>
auto offline_for_ever() {
  using Kernel = Tiny<kernel, 1, 1>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [](Scenario<Kernel>& race) {
    race.thread("O")
        .then("isolate [0, 4)",
              [](auto& world) {
                zone_pcp_disable(world.zone);
                const Status ret =
                    start_isolate_page_range(world.zone, Pfn{0}, Pfn{4}, MigrateType::movable,
                                             isolate_flags::memory_offline);
                world["isolated"] = ret == ok ? 1 : 0;
                if (ret != ok) world.returns(ret);
              })
        .then("test until it is empty", [](auto& world) {
          if (world["isolated"] == 0) return true;
          drain_all_pages(world.zone);
          return test_pages_isolated(world.zone, Pfn{0}, Pfn{4}, isolate_flags::memory_offline) ==
                 ok;
        });
    race.thread("Y").then("contig [2, 4)", [](auto& world) {
      world.returns(alloc_contig_range(world.zone, Cpu{1}, Pfn{2}, Pfn{4}, MigrateType::movable));
    });
  });
}

// Two blocks of two pages, one free chunk. X isolates the second block; A takes and frees what it can.
template <const Semantics& kernel>
auto border_against_alloc(Order order) {
  using Kernel = Tiny<kernel, 1, 2>;
  return scenario<Kernel>({.spanned_pages = 4, .nr_cpus = 2}, [order](Scenario<Kernel>& race) {
    race.thread("X").then("isolate [2, 4)", [](auto& world) {
      world.returns(start_isolate_page_range(world.zone, Pfn{2}, Pfn{4}, MigrateType::movable));
    });
    race.thread("A").then("alloc", [order](auto& world) {
      const auto page = alloc_pages(world.zone, Cpu{1}, order, MigrateType::movable);
      world.keep("page", page);
      if (page && order > Order{0}) prep_compound_page(world.zone, page->pfn(), order);
    });
    race.holds(rules::isolated_blocks_are_counted<Kernel>());
    race.holds(rules::free_pages_are_counted<Kernel>());
  });
}

// A reserved block is isolated and given back: one thread.
template <const Semantics& kernel>
auto isolation_of_a_reserve() {
  using Kernel = Tiny<kernel, 1, 2>;
  return scenario<Kernel>({.spanned_pages = 8, .nr_cpus = 1}, [](Scenario<Kernel>& race) {
    race.thread("X")
        .then("reserve block 0",
              [](auto& world) { reserve_highatomic_pageblock(world.zone, Pfn{0}); })
        .then("isolate and undo block 0", [](auto& world) {
          world.returns(start_isolate_page_range(world.zone, Pfn{0}, Pfn{2}, MigrateType::movable));
          static_cast<void>(
              undo_isolate_page_range(world.zone, Pfn{0}, Pfn{2}, MigrateType::movable));
        });
    race.holds(rules::reserve_is_counted<Kernel>());
  });
}

template <const Semantics& kernel>
std::vector<interleave::Rule<Tiny<kernel, 1, 1>>> counters() {
  return {rules::isolated_blocks_are_counted<Tiny<kernel, 1, 1>>(),
          rules::free_pages_are_counted<Tiny<kernel, 1, 1>>()};
}

}  // namespace

std::vector<Race> range_races() {
  return {
      {"R6",
       "A range that was refused gives back another's blocks",
       "X has isolated blocks 0 to 2. Y wants blocks 2 and 3 and is refused, since block 2 is "
       "isolated; on "
       "its way out it gives back all that it had asked for, block 2 as well.",
       {{"v6.1", "V3", 1, "", contig_against_contig<kernel::v6_1, 3>()},
        {"v6.1, by outcome", "V9", 1, "neither gets its range, and all memory is free",
         both_refused<kernel::v6_1>()},
        {"v3.6", "V3", 1,
         "Y isolates block 2 a second time; the first to give it back does so for both",
         contig_against_contig<kernel::v3_6, 1>()},
        {"v6.1, fixed", "", 3, "who was refused gives back nothing more",
         contig_against_contig<v6_1_fixed, 3>()},
        {"v6.12", "V3", 1, "as v6.1", contig_against_contig<kernel::v6_12, 3>()}}},
      {"R7",
       "A chunk over two blocks is counted twice when they are given back",
       "Both blocks are isolated, with one chunk over both. U gives back the first: the whole "
       "chunk moves "
       "and is counted. Before it gives back the second, A takes a page, and the rest of the chunk "
       "is free "
       "in the second block: U counts it again.",
       {{"v6.1", "V1", 1, "", undo_of_a_chunk<kernel::v6_1>()},
        {"v6.1, isolating", "V5", 1,
         "the mirror image: half a chunk is isolated, which does not move it; what is left of it "
         "after a "
         "request is on the movable list, in an isolated block",
         set_of_half_a_chunk<kernel::v6_1>()},
        {"v6.12", "", 3, "a chunk is split before a block of it changes (v6.10)",
         undo_of_a_chunk<kernel::v6_12>()},
        {"v6.12, isolating", "", 3, "the same", set_of_half_a_chunk<kernel::v6_12>()}}},
      {"R8",
       "Two users of one CMA block",
       "Requests are smaller than a block, but blocks are isolated whole. X has isolated the block "
       "for its "
       "pages; Y wants other pages of it, is refused, tries the next, and so on to the end.",
       {{"v5.12", "V9", 1, "without cma_mutex around alloc_contig_range()",
         two_users_of_cma<kernel::v6_1>(false)},
        {"v6.1", "", 3, "with the mutex (v5.19)", two_users_of_cma<kernel::v6_1>(true)}}},
      {"R9",
       "A contiguous range against memory that goes offline",
       "O has isolated blocks 0 and 1, found them free, and let go of the lock. Y wants block 1, "
       "is refused, and gives it back. A takes a page there. O takes the pages off their lists "
       "and stops "
       "at BUG_ON(): one is in use.",
       {{"v6.1", "V7", 1, "", contig_against_offline<kernel::v6_1>(true, {})},
        {"v6.12", "V7", 1, "as v6.1", contig_against_offline<kernel::v6_12>(true, {})},
        {"v6.1, counters", "V1", 1,
         "without A: nothing stops, but pages that have gone stay counted as free, and the count "
         "of "
         "isolated blocks is one too low",
         contig_against_offline<kernel::v6_1>(false, counters<kernel::v6_1>())},
        {"v6.1, for ever", "V10", 1,
         "Y comes before the test: it never succeeds, as nobody isolates block 1 again",
         offline_for_ever<kernel::v6_1>()},
        {"v6.1, fixed", "", 3, "who was refused gives back nothing more",
         contig_against_offline<v6_1_fixed>(true, {})},
        {"v6.1, fixed, counters", "", 3, "the same, without A",
         contig_against_offline<v6_1_fixed>(false, counters<v6_1_fixed>())},
        {"v6.1, fixed, for ever", "", 3, "the same", offline_for_ever<v6_1_fixed>()}}},
      {"R12",
       "A chunk that reaches across the border of a range changes meanwhile",
       "X isolates block 1, and looks for a chunk that reaches into it from block 0. A takes that "
       "chunk.",
       {{"v5.19-rc", "V10", 1, "X looks at a page in use until it has gone",
         border_against_alloc<v5_19_rc>(Order{2})},
        {"v5.19", "", 3, "X looks again, and gives up if a page in use reaches across",
         border_against_alloc<v5_19>(Order{2})},
        {"v5.19, one page", "", 3, "the same, where the chunk is split for one page",
         border_against_alloc<v5_19>(Order{0})},
        {"v6.1", "", 3, "in the model the look is under the lock",
         border_against_alloc<kernel::v6_1>(Order{2})},
        {"v6.12", "", 3, "the block is split under the lock when it is isolated (v6.10)",
         border_against_alloc<kernel::v6_12>(Order{2})}}},
      {"R19",
       "Two ranges that touch share a chunk",
       "Found by this program. A free chunk reaches from X's range into Y's. Each splits it at the "
       "border; but "
       "if both sides are isolated by then, the pieces merge at once, as they are of one type. So "
       "a test "
       "begins in the other's range, and who takes the chunk takes the other's pages with it, for "
       "a moment.",
       {{"v6.1", "V9", 1,
         "Y's test looks at X's blocks too, one of which is not isolated yet, and Y is refused for "
         "nothing",
         ranges_that_touch<kernel::v6_1>(false)},
        {"v6.1, offline", "V7", 3,
         "if memory of the first range went offline the kernel would stop; but memory blocks are "
         "made of "
         "whole largest chunks, so that no chunk reaches across their ends",
         ranges_that_touch<kernel::v6_1>(true)},
        {"v6.12", "", 3,
         "a block is split off when it is isolated, and its pieces stay apart (v6.10)",
         ranges_that_touch<kernel::v6_12>(false)}}},
      {"R16",
       "A block that is reserved for urgent requests is isolated",
       "One thread: the block is given back as movable, and stays counted as reserved for good.",
       {{"v6.1", "V11", 0, "", isolation_of_a_reserve<kernel::v6_1>()}}},
  };
}

}  // namespace races
