// SPDX-License-Identifier: MIT
// A tracer of one's own: who takes whose memory, and does a pageblock change hands?
#include <array>
#include <cstdint>

#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

// Listens to one of the kernel's events; the rest costs nothing. A zone makes its tracer itself, so
// what it tells goes through a pointer.
struct Steals : trace::NullTracer {
  using NullTracer::operator();
  void operator()(const trace::MmPageAllocExtfrag& event) const {
    if (counts == nullptr) return;
    ++(*counts)[event.change_ownership ? 1 : 0];
    fmt::print("a request of order {} for {} memory breaks a chunk of order {} of {}{}\n",
               event.alloc_order, event.alloc_migratetype, event.fallback_order,
               event.fallback_migratetype,
               event.change_ownership ? ", and its block changes hands" : "");
  }
  std::array<std::uint64_t, 2>* counts = nullptr;
};

struct Watched : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
  using Tracer = Steals;
};

int main() {
  // 16 pageblocks, 14 of them full of movable pages; of the first, every fourth page is given back.
  Zone<Watched> zone{
      {.spanned_pages = 8192, .in_use = {{.range = {Pfn{0}, Pfn{7168}}, .lru = true}}}};
  std::array<std::uint64_t, 2> counts{};
  zone.tracer().counts = &counts;

  zone.set_pageset(1, 0);  // nothing waits on the CPU's lists
  for (Pfn pfn{0}; pfn < Pfn{512}; pfn += 4) put_page(zone, Cpu{0}, pfn);

  // Two kernel allocations take the free blocks; then only the single pages are left.
  for (const unsigned order : {9U, 9U, 0U, 0U}) {
    const auto page = alloc_pages(zone, Cpu{0}, Order{order}, MigrateType::unmovable);
    fmt::print("  got {}\n", *page);
  }
  fmt::print("of the blocks {} kept its type, and {} changed it\n", counts[0], counts[1]);
}
