// SPDX-License-Identifier: MIT
// A camera asks for contiguous memory and gets -EBUSY, sometimes. Which page is it, and would waiting
// help?
#include <cstdint>

#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

struct Machine : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

// Says why alloc_contig_range() would refuse now: isolating the range, or the test behind it.
void explain(const Zone<Machine>& zone, Pfn start, Pfn end) {
  if (const auto refusal = explain_isolate_range(zone, start, end, MigrateType::cma)) {
    fmt::print("  {}\n", *refusal);
    return;
  }
  Zone<Machine> copy = zone;  // what if: on a copy, nothing is harmed
  static_cast<void>(start_isolate_page_range(copy, start, end, MigrateType::cma));
  drain_all_pages(copy);
  if (const auto refusal = explain_test(copy, start, end)) fmt::print("  {}\n", *refusal);
}

int main() {
  // 8 pageblocks; the area for the camera is blocks 4 to 7. Programs may use it meanwhile.
  const Pfn start{2048};
  const Pfn end{4096};
  Zone<Machine> zone{{.spanned_pages = 4096, .reserved = {{start, end}}}};
  for (Pfn block = start; block < end; block += 512) init_cma_reserved_pageblock(zone, block);
  drain_all_pages(zone);

  // A program fills three quarters of the memory, in part from the area, and its pages can move.
  for (int i = 0; i < 3072; ++i) {
    const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable, alloc_flags::cma);
    set_page_lru(zone, *page, true);
  }
  fmt::print("{}\n", zone);

  // The kernel would move the pages of programs by itself; NothingMoves leaves that to the steps below.
  const auto try_it = [&](const char* when) {
    const Status ret =
        alloc_contig_range(zone, Cpu{0}, start, start + 512, MigrateType::cma, NothingMoves{});
    fmt::print("{}: {}\n", when, ret);
    if (ret != ok) explain(zone, start, start + 512);
  };
  try_it("while the program runs");

  // Its pages are migrated away, all but one: a device reads it, so it was taken off the LRU.
  const Pfn pinned{start + 77};
  for (Pfn pfn = start; pfn < start + 512; ++pfn) {
    if (pfn != pinned && zone.page(pfn).count() != 0) put_page(zone, Cpu{0}, pfn);
  }
  set_page_lru(zone, pinned, false);
  try_it("after migration");

  put_page(zone, Cpu{0}, pinned);
  try_it("after the device is done");
}
