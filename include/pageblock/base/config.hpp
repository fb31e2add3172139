// SPDX-License-Identifier: MIT
/// What a zone is made with: geometry, CPUs, kernel version, lock and tracer.
///
/// Layer:  base.
/// Kernel: the configuration that a kernel is built with (MAX_ORDER, pageblock_order, NR_CPUS).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/kernels.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"

namespace pageblock {

/// An x86-64 machine's v3.6. Inherit from it and override what differs.
struct DefaultConfig {
  /// Orders run from 0 to max_order - 1 (the kernel's MAX_ORDER, exclusive); 2 to 20.
  static constexpr unsigned max_order = 11;

  /// A pageblock has 2^pageblock_order pages; 1 to max_order - 1.
  static constexpr unsigned pageblock_order = 9;

  /// The most CPUs a zone can have, 1 at least; how many it has is set at run time.
  static constexpr unsigned nr_cpus = 8;

  /// The kernel version that the zone behaves like.
  static constexpr Semantics semantics = kernel::v3_6;

  /// Whether the checks are made that the kernel makes only with CONFIG_DEBUG_VM: that what is
  /// freed or split is an allocated chunk. Without them, breaking that is undefined behaviour.
  static constexpr bool debug_vm = true;

  /// Whether a free must name the order of the allocation, for which a kernel takes the caller's
  /// word: what was not named is lost, and what was never given comes to two owners. With false the
  /// zone does the same.
  static constexpr bool checks_free_order = true;

  /// The lock of the zone and of each CPU's lists.
  using Lock = Spinlock;

  /// Sees every event.
  using Tracer = trace::NullTracer;
};

/// What each member of a config must be. A compiler that refuses a config names the one that is
/// missing or wrong, so each name says all of it.
namespace config {

/// Config::max_order.
template <typename C>
concept MaxOrderIs2To20 = requires {
  { C::max_order } -> std::convertible_to<unsigned>;
  requires C::max_order >= 2 && C::max_order <= 20;
};

/// Config::pageblock_order.
template <typename C>
concept PageblockOrderIs1ToBelowMaxOrder = requires {
  { C::pageblock_order } -> std::convertible_to<unsigned>;
  requires C::pageblock_order >= 1 && C::pageblock_order < C::max_order;
};

/// Config::nr_cpus.
template <typename C>
concept NrCpusIsAtLeast1 = requires {
  { C::nr_cpus } -> std::convertible_to<unsigned>;
  requires C::nr_cpus >= 1;
};

/// Config::semantics.
template <typename C>
concept SemanticsIsAKernel = requires {
  { C::semantics } -> std::convertible_to<Semantics>;
};

/// Config::debug_vm.
template <typename C>
concept DebugVmIsBool = requires {
  { C::debug_vm } -> std::convertible_to<bool>;
};

/// Config::checks_free_order.
template <typename C>
concept ChecksFreeOrderIsBool = requires {
  { C::checks_free_order } -> std::convertible_to<bool>;
};

/// Config::Lock.
template <typename C>
concept LockIsLockable = requires {
  requires Lockable<typename C::Lock>;
};

/// Config::Tracer.
template <typename C>
concept TracerTakesEveryEvent = requires {
  requires Tracer<typename C::Tracer>;
};

}  // namespace config

/// A type with the members of DefaultConfig.
template <typename C>
concept ZoneConfig = config::MaxOrderIs2To20<C> && config::PageblockOrderIs1ToBelowMaxOrder<C> &&
    config::NrCpusIsAtLeast1<C> && config::SemanticsIsAKernel<C> && config::DebugVmIsBool<C> &&
    config::ChecksFreeOrderIsBool<C> && config::LockIsLockable<C> &&
    config::TracerTakesEveryEvent<C>;

/// What follows from a config's two orders.
template <ZoneConfig Config>
struct Geometry {
  /// The order of a pageblock, and its pages.
  static constexpr Order pageblock_order{Config::pageblock_order};
  /// Pages of a pageblock.
  static constexpr std::uint64_t pageblock_nr_pages = pageblock_order.nr_pages();

  /// The order of the largest chunk, and its pages.
  static constexpr Order top_order{Config::max_order - 1};
  /// Pages of the largest chunk.
  static constexpr std::uint64_t max_order_nr_pages = top_order.nr_pages();
};

/// Whether threads may share a zone of @p Config: not with the lock that is none.
template <ZoneConfig Config>
inline constexpr bool is_shared = !std::same_as<typename Config::Lock, NullLock>;

/// Whether somebody sees the events of a zone of @p Config as they happen; else several steps may
/// be done as one.
template <ZoneConfig Config>
inline constexpr bool is_watched = !std::same_as<typename Config::Tracer, trace::NullTracer>;

namespace detail {

template <ZoneConfig Config>
inline constexpr auto type_numbers = [] {
  std::array<std::uint8_t, nr_migratetypes> table{};
  for (std::size_t i = 0; i < nr_migratetypes; ++i) {
    table[i] = static_cast<std::uint8_t>(Config::semantics.number_of(static_cast<MigrateType>(i)));
  }
  return table;
}();

}  // namespace detail

/// Returns the number that the kernel of @p Config has for @p type, from a table.
template <ZoneConfig Config>
[[nodiscard]] constexpr unsigned number_of(MigrateType type) {
  return detail::type_numbers<Config>[index_of(type)];
}

/// Returns whether the kernel of @p Config has @p type.
template <ZoneConfig Config>
[[nodiscard]] constexpr bool has_type(MigrateType type) {
  return is_migratetype(type) && number_of<Config>(type) < Config::semantics.migratetypes.size();
}

}  // namespace pageblock
