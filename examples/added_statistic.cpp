// SPDX-License-Identifier: MIT
// A statistic that the library does not have: the part of free memory that is of no use to a request,
// as the kernel's /sys/kernel/debug/extfrag/unusable_index has it.
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

struct Machine : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

/// Returns how many thousandths of the free pages lie in chunks too small for a request of @p order.
template <ZoneConfig Config>
std::uint64_t unusable_index(const Zone<Config>& zone, Order order) {
  std::uint64_t free = 0;
  std::uint64_t usable = 0;
  for (Order of{0}; of <= zone.top_order; ++of) {
    const std::uint64_t pages = zone.nr_free(of) * of.nr_pages();
    free += pages;
    if (of >= order) usable += pages;
  }
  return free == 0 ? 1000 : (free - usable) * 1000 / free;
}

void print_row(const char* when, const Zone<Machine>& zone) {
  fmt::print("{:<22}", when);
  for (Order order{0}; order <= zone.top_order; ++order) {
    fmt::print(" {}.{:03}", unusable_index(zone, order) / 1000, unusable_index(zone, order) % 1000);
  }
  fmt::print("\n");
}

int main() {
  Zone<Machine> zone{{.spanned_pages = 16384}};
  print_row("new", zone);

  // A program fills half of the memory, and frees every third page of it.
  std::vector<Pfn> pages;
  while (pages.size() < 8192) {
    pages.push_back(*alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable));
  }
  for (std::size_t i = 0; i < pages.size(); i += 3) free_pages(zone, Cpu{0}, pages[i], Order{0});
  drain_all_pages(zone);
  print_row("every third page freed", zone);

  for (std::size_t i = 1; i < pages.size(); i += 3) free_pages(zone, Cpu{0}, pages[i], Order{0});
  drain_all_pages(zone);
  print_row("two of three freed", zone);
}
