// SPDX-License-Identifier: MIT
// Isolates four pageblocks of a 64 MiB zone, first in vain: a kernel page stands in the way.
#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

int main() {
  // 32 pageblocks of 512 pages; block 2 is for unmovable allocations.
  Zone<> zone{
      {.spanned_pages = 16384, .block_types = {{{Pfn{1024}, Pfn{1536}}, MigrateType::unmovable}}}};
  const Zone<> before = zone;  // a zone is a value: this is a snapshot

  const auto page = alloc_pages(zone, Cpu{0}, Order{3}, MigrateType::unmovable);
  fmt::print("{}\n", zone);
  fmt::print("allocated {}\n", *page);

  // The kernel says -EBUSY; the model can say why.
  const Pfn start{0};
  const Pfn end{2048};
  const Status refused = start_isolate_page_range(zone, start, end, MigrateType::movable);
  fmt::print("isolate {}: {}, {}\n", PfnRange{start, end}, refused,
             *explain_isolate_range(zone, start, end));

  free_pages(zone, Cpu{0}, *page, Order{3});
  const Status isolated = start_isolate_page_range(zone, start, end, MigrateType::movable);
  fmt::print("isolate {}: {}\n", PfnRange{start, end}, isolated);
  fmt::print("test: {}\n", test_pages_isolated(zone, start, end));
  fmt::print("{}\n", zone);

  // Isolated pages are free but cannot be had, which kswapd's question takes into account.
  const std::uint64_t mark = 15000;
  fmt::print("{} pages free above the mark {}: {}, to be had: {}\n", zone.nr_free_pages(), mark,
             zone_watermark_ok(zone, Order{0}, mark, 0, 0),
             zone_watermark_ok_safe(zone, Order{0}, mark, 0, 0));

  const Status undone = undo_isolate_page_range(zone, start, end, MigrateType::movable);
  fmt::print("undo: {}; as before: {}\n", undone, zone == before);
  fmt::print("block 2 was {}, is {}\n", get_pageblock_migratetype(before, Pfn{1024}),
             get_pageblock_migratetype(zone, Pfn{1024}));
}
