// SPDX-License-Identifier: MIT
/// Trace events: what a zone's tracer sees, named after the kernel's tracepoints.
///
/// Layer:  base.
/// Kernel: include/trace/events/kmem.h; test_pages_isolated is an event since v4.5, those of CMA came
///         between v4.0 and v5.13; the two of setting and unsetting a block, bad_page and
///         mm_page_free_zone_locked are the model's.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"

namespace pageblock::trace {

/// A request was answered; no pfn if it failed.
struct MmPageAlloc {
  std::optional<Pfn> pfn;   ///< The first page; none if the request failed.
  Order order;              ///< The order that was asked for.
  MigrateType migratetype;  ///< The type that was asked for.
  Cpu cpu;                  ///< The CPU that asked.
};

/// The last reference to a chunk was dropped.
struct MmPageFree {
  Pfn pfn;      ///< The first page.
  Order order;  ///< The order that was freed.
  Cpu cpu;      ///< The CPU that freed.
};

/// A page of those that are freed together went to a per-CPU list; its MmPageFree came before.
struct MmPageFreeBatched {
  Pfn pfn;  ///< The page.
  Cpu cpu;  ///< The CPU that freed.
};

/// A chunk left the buddy lists, for the caller or to refill a per-CPU list. v3.6 names the type that
/// was asked for; v6.1 that of the list, and says that it refills wherever a chunk of this order and
/// type could.
struct MmPageAllocZoneLocked {
  Pfn pfn;      ///< The first page.
  Order order;  ///< The chunk's order.
  /// The type that the kernel's event shows (Semantics::zone_locked_names_list).
  MigrateType migratetype;
  bool percpu_refill;  ///< Whether it went to a per-CPU list.
};

/// A chunk went from its last user to the buddy list of @p migratetype, and merged with what was
/// free beside it: the counterpart of MmPageAllocZoneLocked.
struct MmPageFreeZoneLocked {
  Pfn pfn;                  ///< The first page.
  Order order;              ///< The chunk's order.
  MigrateType migratetype;  ///< The type of the list that it goes to.
};

/// A chunk went from a list of @p cpu to the buddy list of @p migratetype. A drain of all CPUs runs
/// on each of them, or on the one that asks (Semantics::drains_remotely).
struct MmPagePcpuDrain {
  Pfn pfn;                  ///< The first page.
  Order order;              ///< The chunk's order.
  MigrateType migratetype;  ///< The type that it is drained as.
  Cpu cpu{};                ///< The CPU whose list was drained.
};

/// A request took a chunk of another type.
struct MmPageAllocExtfrag {
  Pfn pfn;                           ///< The first page of the chunk that was taken.
  Order alloc_order;                 ///< The order that was asked for.
  Order fallback_order;              ///< The order of the chunk that was found.
  MigrateType alloc_migratetype;     ///< The type that was asked for.
  MigrateType fallback_migratetype;  ///< The type of the list that it was found on.
  bool change_ownership;             ///< Whether its pageblock changed type.
};

/// A page failed the check at the free; its chunk is lost.
struct BadPage {
  Pfn pfn;  ///< The page that must not be freed as it is.
};

/// A pageblock was asked to be isolated.
struct SetMigratetypeIsolate {
  Pfn pfn;     ///< The pageblock's first page.
  Status ret;  ///< What the call returned.
};

/// A pageblock was given back.
struct UnsetMigratetypeIsolate {
  Pfn pfn;                  ///< The pageblock's first page.
  MigrateType migratetype;  ///< The type that the block gets.
};

/// A range was tested; @p fin_pfn is where the test stopped.
struct TestPagesIsolated {
  Pfn start_pfn;  ///< The first page of the range.
  Pfn end_pfn;    ///< The page behind the last one.
  Pfn fin_pfn;    ///< How far the test came.
  Status ret;     ///< What the call returned.
};

/// An area was asked for pages. The name is the area's, which must live as long as the event.
struct CmaAllocStart {
  std::string_view name;  ///< The area.
  std::uint64_t count;    ///< Pages in a row.
  Order align;            ///< The order to which they are aligned.
  Cpu cpu;                ///< The CPU that asked.
};

/// A place in an area was tried and is busy; another one follows, if there is one.
struct CmaAllocBusyRetry {
  std::string_view name;  ///< The area.
  Pfn pfn;                ///< The first page of the place.
  std::uint64_t count;    ///< Pages in a row.
  Order align;            ///< The order to which they are aligned.
  Cpu cpu;                ///< The CPU that asked.
};

/// A request to an area was answered.
struct CmaAllocFinish {
  std::string_view name;   ///< The area.
  std::optional<Pfn> pfn;  ///< The first page or, if it failed, of the place that was tried last.
  std::uint64_t count;     ///< Pages in a row.
  Order align;             ///< The order to which they are aligned.
  Status ret;              ///< What came of it; the kernel's event says it since v6.3.
  Cpu cpu;                 ///< The CPU that asked.
};

/// Pages of an area came back.
struct CmaRelease {
  std::string_view name;  ///< The area.
  Pfn pfn;                ///< The first page.
  std::uint64_t count;    ///< How many.
  Cpu cpu;                ///< The CPU that gave them back.
};

/// Sees nothing and costs nothing.
struct NullTracer {
  void operator()(const auto&) const {}
};

}  // namespace pageblock::trace

namespace pageblock {

/// A tracer is called with every event, at the moment it happens and under the locks held there; it
/// must not throw and must not call into the zone. Events of different CPUs come under different
/// locks or none, so the tracer of a zone that threads share has to be thread-safe itself.
///
/// One that listens to a few events inherits the rest:
///
///     struct Steals : trace::NullTracer {
///       using NullTracer::operator();
///       void operator()(const trace::MmPageAllocExtfrag& event);
///     };
template <typename T>
concept Tracer = std::default_initializable<T> && std::invocable<T&, const trace::MmPageAlloc&> &&
    std::invocable<T&, const trace::MmPageFree&> &&
    std::invocable<T&, const trace::MmPageFreeBatched&> &&
    std::invocable<T&, const trace::MmPageAllocZoneLocked&> &&
    std::invocable<T&, const trace::MmPageFreeZoneLocked&> &&
    std::invocable<T&, const trace::MmPagePcpuDrain&> &&
    std::invocable<T&, const trace::MmPageAllocExtfrag&> &&
    std::invocable<T&, const trace::BadPage&> &&
    std::invocable<T&, const trace::SetMigratetypeIsolate&> &&
    std::invocable<T&, const trace::UnsetMigratetypeIsolate&> &&
    std::invocable<T&, const trace::TestPagesIsolated&> &&
    std::invocable<T&, const trace::CmaAllocStart&> &&
    std::invocable<T&, const trace::CmaAllocBusyRetry&> &&
    std::invocable<T&, const trace::CmaAllocFinish&> &&
    std::invocable<T&, const trace::CmaRelease&>;

}  // namespace pageblock
