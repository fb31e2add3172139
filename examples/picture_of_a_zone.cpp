// SPDX-License-Identifier: MIT
// A picture of one's own zone, before and after: what a few long-lived kernel pages do to free memory.
#include <cstddef>
#include <vector>

#include <fmt/format.h>
#include <pageblock/io/picture/zone_picture.hpp>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

struct Machine : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

int main(int argc, char** argv) {
  Zone<Machine> zone{{.spanned_pages = 128 * 512}};  // 256 MiB

  // Programs fill three quarters of it. Then a driver pins every 4000th page, and most programs end.
  std::vector<Pfn> pages;
  while (pages.size() < 96 * 512) {
    pages.push_back(alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable)->pfn());
    set_page_lru(zone, pages.back(), true);
  }
  const Zone<Machine> before = zone;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const bool stays = i % 4000 == 0 || i > pages.size() - 5000;
    if (i % 4000 == 0) set_page_lru(zone, pages[i], false);
    if (!stays) put_page(zone, Cpu{0}, pages[i]);
  }
  drain_all_pages(zone);

  fmt::print("{}", block_map(zone));
  fmt::print("\n{}", side_by_side(before, zone, {"before", "after"}));
  if (argc == 2) write_svg(argv[1], side_by_side(before, zone, {"before", "after"}));
}
