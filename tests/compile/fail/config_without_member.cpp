// SPDX-License-Identifier: MIT
// expect: MaxOrderIs2To20
// expect: MaxOrderIs2To20
// expect: PageblockOrderIs1ToBelowMaxOrder
// expect: NrCpusIsAtLeast1
// expect: SemanticsIsAKernel
// expect: DebugVmIsBool
// expect: ChecksFreeOrderIsBool
// expect: LockIsLockable
// expect: TracerTakesEveryEvent
#include "pageblock/mm/zone.hpp"

#ifndef MUST_FAIL
#define MUST_FAIL 0
#endif

// A config that inherits nothing, and each time lacks one member or has a wrong one.
struct Config {
#if MUST_FAIL == 1
  static constexpr unsigned max_order = 21;
#elif MUST_FAIL != 2
  static constexpr unsigned max_order = 11;
#endif
#if MUST_FAIL != 3
  static constexpr unsigned pageblock_order = 9;
#endif
#if MUST_FAIL != 4
  static constexpr unsigned nr_cpus = 1;
#endif
#if MUST_FAIL != 5
  static constexpr pageblock::Semantics semantics = pageblock::kernel::v6_1;
#endif
#if MUST_FAIL != 6
  static constexpr bool debug_vm = true;
#endif
#if MUST_FAIL != 7
  static constexpr bool checks_free_order = true;
#endif
#if MUST_FAIL != 8
  using Lock = pageblock::NullLock;
#endif
#if MUST_FAIL != 9
  using Tracer = pageblock::trace::NullTracer;
#else  // takes one event and no other
  struct Tracer {
    void operator()(const pageblock::trace::BadPage&) const {}
  };
#endif
};

pageblock::Zone<Config> zone;
