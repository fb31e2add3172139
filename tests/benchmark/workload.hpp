// SPDX-License-Identifier: MIT
/// What a workload is: a name, the figures that it yields with their targets, and one function for
/// each kind of zone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_watermarks.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/zone.hpp"

#include "benchmark/measure.hpp"
#include "benchmark/reference.hpp"

namespace pageblock::benchmark {

/// An x86-64 machine's v3.6, as users have it, with the lock of a column.
template <Lockable L>
struct LockConfig : DefaultConfig {
  using Lock = L;
};

/// Who is measured, in the order of the columns.
enum class Subject {
  library,
  library_locked,
  reference,
  reference_locked,
  library_v6_1,
  library_v6_12
};
inline constexpr std::size_t nr_subjects = 6;

/// Returns the first of the subjects that follow the same kernel's rules as @p subject.
[[nodiscard]] constexpr Subject rules_of(Subject subject) {
  return subject < Subject::library_v6_1 ? Subject::library : subject;
}

struct V6_1Config : LockConfig<NullLock> {
  static constexpr Semantics semantics = kernel::without_cma(kernel::v6_1);
};
struct V6_12Config : LockConfig<NullLock> {
  static constexpr Semantics semantics = kernel::without_cma(kernel::v6_12);
};

using Library = Zone<LockConfig<NullLock>>;
using LibraryLocked = Zone<LockConfig<Spinlock>>;
using LibraryV6_1 = Zone<V6_1Config>;
using LibraryV6_12 = Zone<V6_12Config>;
using Reference = ReferenceZone<NullLock>;
using ReferenceLocked = ReferenceZone<Spinlock>;

template <typename Zone>
inline constexpr bool is_reference = std::is_base_of_v<ReferenceBuddy, Zone>;

/// Whether its functions are those of v6.1 and v6.12.
template <typename Zone>
inline constexpr bool is_later =
    std::is_same_v<Zone, LibraryV6_1> || std::is_same_v<Zone, LibraryV6_12>;

/// The same kind of zone, but one that takes the caller's word for the order of a free, as kernels do.
template <typename Config>
struct TrustingConfig : Config {
  static constexpr bool checks_free_order = false;
};
template <typename Z>
struct Trusting {
  using Type = Z;
};
template <typename Config>
struct Trusting<Zone<Config>> {
  using Type = Zone<TrustingConfig<Config>>;
};

/// Gives a zone of v6.1 or v6.12 what boot gives it on a machine that has no other: watermarks, which
/// the limits of its per-CPU lists follow. Those of v3.6 do not depend on watermarks.
template <typename Config>
void boot(Zone<Config>& zone) {
  if constexpr (is_later<Zone<Config>>) {
    Node<Config> node{std::vector<Zone<Config>>{zone}};
    init_per_zone_wmark_min(node);
    const Zone<Config>& booted = *node.preferred_zone(zone.type());
    zone.set_watermarks(booted.watermarks());
    zone.set_pageset(booted.pageset());
  }
}
inline void boot(ReferenceBuddy&) {}

inline constexpr Cpu cpu0{0};
inline constexpr std::uint64_t pages_of_gib = std::uint64_t{1} << 18;
inline constexpr std::uint64_t pages_of_tib = pages_of_gib << 10;

/// How large everything is.
struct Sizes {
  std::uint64_t tiny_zone = pages_of_gib / 64;
  std::uint64_t small_zone = pages_of_gib;
  std::uint64_t large_zone = 64 * pages_of_gib;
  std::uint64_t huge_zone = pages_of_tib;
  /// The largest zone that the reference takes part in: a terabyte of its records is 16 GiB. Time
  /// and memory of larger zones are in proportion, so its figures are scaled.
  std::uint64_t largest_reference = 64 * pages_of_gib;
  std::uint64_t pairs = 10'000'000;
  std::uint64_t operations = 10'000'000;
  /// Whether refusals are examined, which takes time.
  bool checks = false;
  /// The benchmark program itself, for what is measured in a process of its own; empty without.
  std::string program{};

  [[nodiscard]] static Sizes quick() {
    return {.tiny_zone = 1U << 12,
            .small_zone = 1U << 14,
            .large_zone = 1U << 16,
            .huge_zone = 1U << 17,
            .largest_reference = 1U << 17,
            .pairs = 3000,
            .operations = 20'000};
  }

  /// Returns the pages of the zone that is measured in place of one of @p pages.
  template <typename Zone>
  [[nodiscard]] std::uint64_t fitting(std::uint64_t pages) const {
    return is_reference<Zone> ? std::min(pages, largest_reference) : pages;
  }
};

/// What one run of a workload on one subject yields.
struct Measurement {
  /// One for each Figure, in its unit.
  std::vector<double> values{};
  /// Of all answers. Subjects with zones of the same size and kernel must agree.
  std::uint64_t digest = 0;
  /// The pages of the zone; 0 if the digest says nothing.
  std::uint64_t pages = 0;
  /// Said of the run, for example how many requests were refused.
  std::string note{};
};

struct Figure {
  std::string what;
  std::string_view unit;
  std::optional<double> target{};
  /// The kernel's own code, compiled for user space with real locks.
  std::optional<double> kernel{};
  /// Whether more is better: the target is at least that.
  bool at_least = false;
};

using Run = Measurement (*)(const Sizes&);

struct Workload {
  std::string_view name;
  std::string_view what;
  /// Whose figures the targets are for.
  Subject judged = Subject::library;
  std::vector<Figure> figures{};
  /// Null for subjects that take no part.
  std::array<Run, nr_subjects> run{};
  /// Whether it starts Sizes::program.
  bool needs_program = false;
};

/// Returns the functions of a workload W that has `template <typename Zone> static Measurement
/// run(const Sizes&)`.
template <typename W>
[[nodiscard]] std::array<Run, nr_subjects> all_subjects() {
  return {&W::template run<Library>,     &W::template run<LibraryLocked>,
          &W::template run<Reference>,   &W::template run<ReferenceLocked>,
          &W::template run<LibraryV6_1>, &W::template run<LibraryV6_12>};
}

/// Something is wrong with a zone or the benchmark: no figure can be trusted.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require(bool condition, const char* what) {
  if (!condition) throw Failure{what};
}

/// Allocates a chunk that must be there.
template <typename Zone>
[[nodiscard]] Pfn take(Zone& zone, Cpu cpu, Order order) {
  const auto page = alloc_pages(zone, cpu, order, MigrateType::movable);
  if (!page) [[unlikely]] {
    throw Failure{"a request was refused that could be met"};
  }
  return *page;
}

/// Allocates all pages of a free zone one by one, and frees every second.
template <typename Zone>
void free_every_second_page(Zone& zone) {
  zone.set_pageset(1, 0);
  const Pfn end = zone.end_pfn();
  for (Pfn pfn = zone.start_pfn(); pfn < end; ++pfn)
    static_cast<void>(take(zone, Cpu{0}, Order{0}));
  for (Pfn pfn = zone.start_pfn(); pfn < end; pfn += 2) free_pages(zone, Cpu{0}, pfn, Order{0});
}

/// Gives back what the CPUs hold, and requires that all memory is free and merged.
template <typename Zone>
void require_all_merged(Zone& zone) {
  drain_all_pages(zone);
  const std::uint64_t pages = zone.end_pfn() - zone.start_pfn();
  require(zone.nr_free_pages() == static_cast<std::int64_t>(pages) &&
              zone.nr_free(Zone::top_order) == pages / Zone::max_order_nr_pages,
          "memory was lost, or has not merged back");
}

[[nodiscard]] std::vector<Workload> allocation_workloads();
[[nodiscard]] std::vector<Workload> churn_workloads();
[[nodiscard]] std::vector<Workload> isolation_workloads();
[[nodiscard]] std::vector<Workload> memory_workloads();
[[nodiscard]] std::vector<Workload> compile_workloads();

}  // namespace pageblock::benchmark
