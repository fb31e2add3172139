// SPDX-License-Identifier: MIT
/// Workloads to begin with, each with the source of its numbers.
///
/// Layer:  lab.
/// Kernel: none.
///
/// Where a source names a recording, it is one of the project's own of a Debian 6.1 kernel in an emulated
/// PC: orders, types and turnovers are its mm_page_alloc events counted, shares are its pages in use beyond
/// those of the idle guest, and the rule by which chunks die is the one that comes nearest to the lifetimes
/// in its trace.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/lab/workload.hpp"
#include "pageblock/mm/gfp.hpp"

namespace pageblock {

namespace detail {

// __GFP_RECLAIMABLE, as for inodes and directory entries.
inline constexpr Gfp gfp_reclaimable{.migratetype = MigrateType::reclaimable};

// What the kernel requested for itself in the recordings, in thousandths: stacks of threads are order 3.
[[nodiscard]] inline std::vector<OrderWeight> kernel_orders() {
  return {{0, 963}, {1, 30}, {2, 1}, {3, 6}};
}

[[nodiscard]] inline std::vector<Workload> recorded_workloads() {
  const Gfp& user = gfp_highuser_movable;
  return {
      {"idle_guest",
       "a guest that has booted and does nothing",
       "recording d01_idle_1g: 29 unmovable and 23 movable requests; shares by its pages in use",
       {{.name = "kernel",
         .gfp = gfp_kernel,
         .orders = {{0, 759}, {1, 69}, {3, 172}},
         .share = 959,
         .turnover = 29,
         .death = Death::newest},
        {.name = "daemon", .gfp = user, .share = 41, .turnover = 23, .death = Death::newest}}},
      {"page_cache",
       "files that are read once, more than fit",
       "recording d02_pagecache_1g without its ramfs file: 20335 movable, 1491 reclaimable and 211 "
       "unmovable requests",
       {{.name = "file",
         .gfp = user,
         .share = 889,
         .turnover = 20335,
         .death = Death::oldest,
         .is_reclaimable = true},
        {.name = "inode",
         .gfp = gfp_reclaimable,
         .orders = {{0, 953}, {1, 32}, {2, 15}},
         .share = 97,
         .turnover = 1491,
         .death = Death::oldest},
        {.name = "kernel",
         .gfp = gfp_kernel,
         .orders = kernel_orders(),
         .share = 14,
         .turnover = 211,
         .death = Death::newest}}},
      {"anonymous_processes",
       "processes that fill memory and exit",
       "recording d03_anonfrag_1g: 17886 movable and 256 unmovable requests, processes of 16 MiB",
       {{.name = "process",
         .gfp = user,
         .share = 994,
         .turnover = 17886,
         .death = Death::together,
         .process_chunks = 4096},
        {.name = "table",
         .gfp = gfp_kernel,
         .orders = {{0, 957}, {1, 35}, {3, 8}},
         .share = 6,
         .turnover = 256}}},
      {"slab_growth",
       "many small files: inodes, directory entries, and the kernel's own objects",
       "recording d04_slab_1g: 3309 unmovable, 1218 movable and 539 reclaimable requests",
       {{.name = "slab",
         .gfp = gfp_kernel,
         .orders = {{0, 893}, {1, 104}, {3, 3}},
         .share = 317,
         .turnover = 3309},
        {.name = "inode",
         .gfp = gfp_reclaimable,
         .orders = {{0, 698}, {1, 159}, {2, 143}},
         .share = 105,
         .turnover = 539,
         .death = Death::oldest},
        {.name = "file", .gfp = user, .share = 578, .turnover = 1218, .is_reclaimable = true}}},
      {"mixed_guest",
       "processes and files at once",
       "recording d05_mixed_2cpu: 29299 movable, 964 unmovable and 57 reclaimable requests; shares "
       "are requests times "
       "mean lifetime",
       {{.name = "user", .gfp = user, .share = 990, .turnover = 29299, .is_reclaimable = true},
        {.name = "kernel",
         .gfp = gfp_kernel,
         .orders = kernel_orders(),
         .share = 8,
         .turnover = 964,
         .death = Death::newest},
        {.name = "inode",
         .gfp = gfp_reclaimable,
         .orders = {{0, 877}, {1, 88}, {2, 35}},
         .share = 2,
         .turnover = 57,
         .death = Death::oldest}}},
      {"memory_pressure",
       "a guest whose files and processes are larger than its memory",
       "recording d07_pressure_384m: 49524 movable, 2025 reclaimable and 413 unmovable requests",
       {{.name = "user", .gfp = user, .share = 934, .turnover = 49524, .is_reclaimable = true},
        {.name = "inode",
         .gfp = gfp_reclaimable,
         .orders = {{0, 985}, {1, 14}, {2, 1}},
         .share = 54,
         .turnover = 2025,
         .death = Death::oldest},
        {.name = "kernel",
         .gfp = gfp_kernel,
         .orders = {{0, 964}, {1, 34}, {3, 2}},
         .share = 12,
         .turnover = 413,
         .death = Death::newest}}},
      {"huge_pages",
       "processes that use transparent huge pages",
       "recording d08_thp_1g: 502 requests of order 9, 5986 movable and 475 unmovable ones of "
       "small orders; processes of "
       "64 to 96 MiB",
       {{.name = "huge",
         .gfp = user,
         .orders = {{9, 1}},
         .share = 990,
         .turnover = 502,
         .death = Death::together,
         .process_chunks = 40},
        {.name = "small", .gfp = user, .share = 8, .turnover = 5986, .death = Death::random},
        {.name = "table",
         .gfp = gfp_kernel,
         .orders = {{0, 968}, {1, 21}, {3, 11}},
         .share = 2,
         .turnover = 475}}},
  };
}

[[nodiscard]] inline std::vector<Workload> published_workloads() {
  const Gfp& user = gfp_highuser_movable;
  return {
      {"reallocation",
       "LLFree's benchmark of fragmentation: pages are freed and allocated again at random",
       "Wrenger and others, LLFree, USENIX ATC 2023, artifact alloc.c: single movable pages, a "
       "machine of which others "
       "hold 659178 of 32108822 pages",
       {{.name = "page", .gfp = user, .share = 979, .turnover = 999},
        {.name = "others", .gfp = gfp_kernel, .share = 21, .turnover = 1, .death = Death::never}}},
      {"page_faults",
       "will-it-scale page_fault1: each process maps 128 MiB, touches it, and gives it back",
       "A. Lu, commit d8a759b57035 (Linux 4.19), which names the benchmark; that it maps 128 MiB "
       "is from memory",
       {{.name = "process",
         .gfp = user,
         .share = 998,
         .turnover = 998,
         .death = Death::together,
         .process_chunks = 32768,
         .process_varies = false},
        {.name = "table", .gfp = gfp_kernel, .share = 2, .turnover = 2}}},
      {"file_writers",
       "mmtests thpfioscale: four writers of 64 KiB files, then huge pages for three quarters of "
       "memory",
       "M. Gorman, Fragmentation avoidance improvements v5, November 2018: sizes as said there; "
       "turnovers are its "
       "fallbacks by type (800845 movable, 3816 unmovable, 33 reclaimable), how long a phase lasts "
       "is a guess",
       {{.name = "file",
         .gfp = user,
         .share = 985,
         .turnover = 800845,
         .death = Death::oldest,
         .is_reclaimable = true},
        {.name = "buffer",
         .gfp = gfp_kernel,
         .orders = kernel_orders(),
         .share = 10,
         .turnover = 3816},
        {.name = "inode",
         .gfp = gfp_reclaimable,
         .orders = {{0, 953}, {1, 32}, {2, 15}},
         .share = 5,
         .turnover = 33,
         .death = Death::oldest},
        {.name = "huge",
         .gfp = user,
         .orders = {{9, 1}},
         .share = 985,
         .turnover = 3000,
         .death = Death::together,
         .process_chunks = 128}},
       {{2'000'000, {1000, 1000, 1000, 0}}, {200'000, {250, 1000, 1000, 750}}}},
      {"kernel_build",
       "compilers that come and go beside a growing cache, with bursts of huge pages",
       "J. Weiner, freelist migratetype hygiene, March 2024, for what runs; orders of "
       "d13_mixed_1cpu; sizes, shares and "
       "turnovers are guesses",
       {{.name = "compiler",
         .gfp = user,
         .share = 400,
         .turnover = 800,
         .death = Death::together,
         .process_chunks = 12'000},
        {.name = "file",
         .gfp = user,
         .share = 450,
         .turnover = 120,
         .death = Death::oldest,
         .is_reclaimable = true},
        {.name = "inode",
         .gfp = gfp_reclaimable,
         .orders = {{0, 871}, {1, 97}, {2, 32}},
         .share = 80,
         .turnover = 40,
         .death = Death::oldest},
        {.name = "kernel",
         .gfp = gfp_kernel,
         .orders = kernel_orders(),
         .share = 70,
         .turnover = 38},
        {.name = "huge",
         .gfp = user,
         .orders = {{9, 1}},
         .share = 100,
         .turnover = 2,
         .death = Death::together,
         .process_chunks = 64}},
       {{1'000'000, {1000, 1000, 1000, 1000, 0}}, {100'000, {1000, 600, 1000, 1000, 1000}}}},
      {"halving_orders",
       "allocator benchmarks: each order half as often as the one below, freed at random",
       "this project's own benchmark, W4; a distribution and no measurement",
       {{.name = "chunk",
         .gfp = user,
         .orders = {{0, 512},
                    {1, 256},
                    {2, 128},
                    {3, 64},
                    {4, 32},
                    {5, 16},
                    {6, 8},
                    {7, 4},
                    {8, 2},
                    {9, 1}}}}},
      {"server",
       "a month of a server: a cache that fills memory, processes, and kernel memory that rarely "
       "goes",
       "turnovers of d07_pressure_384m, processes of d03_anonfrag_1g; that some unmovable memory "
       "stays for ever is "
       "what fragments a server, how much (10 of 1000), and that processes go at night and the "
       "cache in the morning, are "
       "guesses",
       {{.name = "file",
         .gfp = user,
         .share = 640,
         .turnover = 30'000,
         .death = Death::oldest,
         .is_reclaimable = true},
        {.name = "process",
         .gfp = user,
         .share = 294,
         .turnover = 19'524,
         .death = Death::together,
         .process_chunks = 4096},
        {.name = "inode",
         .gfp = gfp_reclaimable,
         .orders = {{0, 985}, {1, 14}, {2, 1}},
         .share = 44,
         .turnover = 2025},
        {.name = "kernel",
         .gfp = gfp_kernel,
         .orders = kernel_orders(),
         .share = 12,
         .turnover = 413},
        {.name = "lasting",
         .gfp = gfp_kernel,
         .orders = kernel_orders(),
         .share = 10,
         .turnover = 1,
         .death = Death::never}},
       {{4'000'000, {}}, {4'000'000, {1200, 500}}, {1'000'000, {400, 1000}}}},
  };
}

}  // namespace detail

/// Returns all of them, recorded ones first.
[[nodiscard]] inline const std::vector<Workload>& ready_workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> workloads = detail::recorded_workloads();
    for (Workload& more : detail::published_workloads()) workloads.push_back(std::move(more));
    return workloads;
  }();
  return all;
}

/// Returns the one of this name, nullptr if there is none.
[[nodiscard]] inline const Workload* find_workload(std::string_view name) {
  const auto& all = ready_workloads();
  const auto found = std::ranges::find(all, name, &Workload::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace pageblock
