// SPDX-License-Identifier: MIT
// A picture of one's own zone, as text and as SVG: what a few long-lived kernel pages do to free memory.
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <pageblock/io/picture/block_map_svg.hpp>
#include <pageblock/io/picture/block_map_text.hpp>
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
  fmt::print("{}\n", block_map(zone));
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const bool stays = i % 4000 == 0 || i > pages.size() - 5000;
    if (i % 4000 == 0) set_page_lru(zone, pages[i], false);
    if (!stays) put_page(zone, Cpu{0}, pages[i]);
  }
  drain_all_pages(zone);
  fmt::print("{}", block_map(zone));

  if (argc == 2) {  // a file for the picture
    const std::string svg = to_svg(block_map(zone));
    std::FILE* const file = std::fopen(argv[1], "w");
    if (file == nullptr || std::fwrite(svg.data(), 1, svg.size(), file) != svg.size() ||
        std::fclose(file) != 0) {
      fmt::print(stderr, "{}: cannot be written\n", argv[1]);
      return 1;
    }
  }
}
