// SPDX-License-Identifier: MIT
// I1 to I4: isolating pageblocks, testing them, looking for unmovable pages.
#include <algorithm>
#include <cstddef>
#include <limits>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "benchmark/workload.hpp"

namespace pageblock::benchmark {
namespace {

constexpr MigrateType movable = MigrateType::movable;

// I1
struct FreeBlock {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    Zone zone{{.spanned_pages = sizes.small_zone}};
    const Pfn lower = take(zone, cpu0, Zone::pageblock_order);
    drain_all_pages(zone);  // from v6.1 on it took two chunks for the CPU's list
    const Pfn block = lower + Zone::pageblock_nr_pages;
    require(zone.nr_free(Zone::pageblock_order) == 1, "the block is not a free chunk of its own");
    const std::uint64_t turns = sizes.pairs / 5;
    Digest digest;
    const Pfn end = block + Zone::pageblock_nr_pages;
    const double range = best_time_ns(turns, [&] {
      digest.add(start_isolate_page_range(zone, block, end, movable));
      digest.add(undo_isolate_page_range(zone, block, end, movable));
    });
    const double one = best_time_ns(turns, [&] {
      digest.add(set_migratetype_isolate(zone, block));
      unset_migratetype_isolate(zone, block, movable);
    });
    free_pages(zone, cpu0, lower, Zone::pageblock_order);
    require_all_merged(zone);
    return {{range, one}, digest.value(), sizes.small_zone};
  }
};

// I2
struct FragmentedBlock {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    constexpr std::uint64_t nr_blocks = 4;  // few enough to be hot, enough to hide the clock
    const Pfn start{0};
    const Pfn end = start + nr_blocks * Zone::pageblock_nr_pages;
    Zone zone{{.spanned_pages = end - start}};
    free_every_second_page(zone);
    for (Pfn pfn = start + 1; pfn < end; pfn += 2) set_page_lru(zone, pfn, true);
    const std::uint64_t turns = sizes.pairs / 500;
    Digest digest;
    double isolating = std::numeric_limits<double>::infinity();
    double undoing = std::numeric_limits<double>::infinity();
    for (std::uint64_t i = 0; i < turns; ++i) {
      const double isolated =
          wall_time_ns([&] { digest.add(start_isolate_page_range(zone, start, end, movable)); });
      const double undone =
          wall_time_ns([&] { digest.add(undo_isolate_page_range(zone, start, end, movable)); });
      isolating = std::min(isolating, isolated);
      undoing = std::min(undoing, undone);
    }
    add_list(zone, digest);

    // Half of a chunk is freed there.
    typename Trusting<Zone>::Type walked{{.spanned_pages = end - start}};
    const auto test = [&] {
      if constexpr (is_later<Zone>) {
        return test_pages_isolated(walked, start, end, isolate_flags::memory_offline);
      } else {
        return test_pages_isolated(walked, start, end);
      }
    };
    if constexpr (is_later<Zone>) {
      free_and_take_offline(walked);
    } else {
      free_and_mark(walked);
    }
    const double walking = best_time_ns(turns, [&] { digest.add(test()); });
    require(test() == ok, "the walk did not reach the end");
    const auto per_block = [](double ns) { return ns / static_cast<double>(nr_blocks); };
    return {{per_block(isolating), per_block(isolating + undoing), per_block(walking)},
            digest.value(),
            end - start};
  }

  // Allocates every free page: the digest then knows the order of the list.
  template <typename Zone>
  static void add_list(Zone& zone, Digest& digest) {
    for (auto left = zone.nr_free_pages(); left != 0; --left) {
      digest.add(take(zone, cpu0, Order{0}));
    }
  }

  // From v6.1 on: the others belong to a driver, which holds them no more.
  template <typename Zone>
  static void free_and_take_offline(Zone& zone) {
    free_every_second_page(zone);
    for (Pfn pfn = zone.start_pfn() + 1; pfn < zone.end_pfn(); pfn += 2) {
      zone.memmap().set_bits(pfn, PageBits{PageBits::offline});
    }
    require(start_isolate_page_range(zone, zone.start_pfn(), zone.end_pfn(), movable) == ok,
            "a free block was refused");
  }

  // Isolates the zone so that every second page is a free chunk and the others look as if they were
  // on a per-CPU list with the mark of isolated blocks: that a test of the range sees all of it.
  template <typename Zone>
  static void free_and_mark(Zone& zone) {
    const auto isolate = [&] {
      require(start_isolate_page_range(zone, zone.start_pfn(), zone.end_pfn(), movable) == ok,
              "a free block was refused");
    };
    zone.set_pageset(1, 0);
    const std::uint64_t pages = zone.end_pfn() - zone.start_pfn();
    for (std::uint64_t i = 0; i < pages; ++i) static_cast<void>(take(zone, cpu0, Order{0}));
    isolate();
    // The upper halves of pairs that merge keep the mark.
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1}}) {
      for (std::uint64_t i = first; i < pages; i += 2) {
        free_pages(zone, cpu0, zone.start_pfn() + i, Order{0});
      }
    }
    static_cast<void>(undo_isolate_page_range(zone, zone.start_pfn(), zone.end_pfn(), movable));
    for (std::uint64_t i = 0; i < pages; i += 2) static_cast<void>(take(zone, cpu0, Order{1}));
    isolate();
    for (std::uint64_t i = 0; i < pages; i += 2) {
      free_pages(zone, cpu0, zone.start_pfn() + i, Order{0});
    }
  }
};

// I3
struct Terabyte {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    const std::uint64_t pages = sizes.fitting<Zone>(sizes.huge_zone);
    const double scale = static_cast<double>(sizes.huge_zone) / static_cast<double>(pages) / 1e6;
    Digest digest;
    Measurement result{.pages = pages};
    {
      const auto [start, test, undo] = isolate_all<Zone>({.spanned_pages = pages}, digest);
      result.values = {start * scale, test * scale, undo * scale, (start + test + undo) * scale};
    }
    ZoneLayout used{.spanned_pages = pages};
    Random random{5};
    for (std::uint64_t i = 0; i < pages / 1000; ++i) {
      const Pfn pfn{random.below(pages)};
      used.in_use.push_back({.range = {pfn, pfn + 1}, .lru = true});
    }
    const auto [start, test, undo] = isolate_all<Zone>(used, digest);
    result.values.push_back(start * scale);
    result.values.push_back(undo * scale);
    result.digest = digest.value();
    return result;
  }

  struct Times {
    double start;
    double test;
    double undo;
  };

  template <typename Zone>
  static Times isolate_all(const ZoneLayout& layout, Digest& digest) {
    Zone zone{layout};
    const Pfn start = zone.start_pfn();
    const Pfn end = zone.end_pfn();
    Times times{};
    times.start =
        wall_time_ns([&] { digest.add(start_isolate_page_range(zone, start, end, movable)); });
    times.test = wall_time_ns([&] { digest.add(test_pages_isolated(zone, start, end)); });
    times.undo =
        wall_time_ns([&] { digest.add(undo_isolate_page_range(zone, start, end, movable)); });
    for (int i = 0; i < 1000; ++i) digest.add(take(zone, cpu0, Order{0}));
    return times;
  }
};

// I4
struct MovablePages {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    const PfnRange block{Pfn{0}, Pfn{Zone::pageblock_nr_pages}};
    Zone zone{{.spanned_pages = sizes.small_zone,
               .in_use = {{.range = block, .lru = true}},
               .block_types = {{block, MigrateType::unmovable}}}};
    for (const bool lru :
         {false, true}) {  // as after some use: what is known of pages is not one word
      for (Pfn pfn = block.start; pfn < block.end; ++pfn) set_page_lru(zone, pfn, lru);
    }
    const std::uint64_t turns = sizes.pairs / 10;
    Digest digest;
    const double ns = best_time_ns(turns, [&] {
      digest.add(std::uint64_t{is_unmovable(zone, block)});
      touch(zone);
    });
    set_page_lru(zone, block.end - 1, false);
    require(is_unmovable(zone, block), "the search missed the last page");
    return {{ns}, digest.value(), sizes.small_zone};
  }

  template <typename Zone>
  static bool is_unmovable(const Zone& zone, const PfnRange& block) {
    if constexpr (is_later<Zone>) {
      return has_unmovable_pages(zone, block, movable).has_value();
    } else {
      return has_unmovable_pages(zone, block.start, 0);
    }
  }
};

}  // namespace

std::vector<Workload> isolation_workloads() {
  return {
      {.name = "I1",
       .what = "one free pageblock",
       .judged = Subject::library_locked,
       .figures = {{"start_isolate and undo_isolate_page_range", "ns", 30.0, 370.0},
                   {"set and unset_migratetype_isolate", "ns", 30.0}},
       .run = all_subjects<FreeBlock>()},
      {.name = "I2",
       .what = "a pageblock in which every second page is free, hot",
       .figures = {{"isolate", "ns/block", 150.0},
                   {"isolate and undo", "ns/block", {}, 1540.0},
                   {"test_pages_isolated walks it", "ns/block", {}, 750.0}},
       .run = all_subjects<FragmentedBlock>()},
      {.name = "I3",
       .what = "1 TiB",
       .figures = {{"all free: start_isolate_page_range", "ms"},
                   {"all free: test_pages_isolated", "ms", 1.0},
                   {"all free: undo_isolate_page_range", "ms"},
                   {"all free: the three together", "ms", 25.0},
                   {"1 page in 1000 in use: start", "ms"},
                   {"1 page in 1000 in use: undo", "ms"}},
       .run = all_subjects<Terabyte>()},
      {.name = "I4",
       .what = "a pageblock typed unmovable, all pages in use and on the LRU",
       .figures = {{"has_unmovable_pages", "ns", 10.0}},
       .run = all_subjects<MovablePages>()},
  };
}

}  // namespace pageblock::benchmark
