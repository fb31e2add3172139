// SPDX-License-Identifier: MIT
// The shortest program: a zone, a page in the way of an isolation, and what the kernel does not say.
#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

struct Debian12 : DefaultConfig {
  static constexpr Semantics semantics = kernel::without_cma(kernel::v6_1);
};

int main() {
  Zone<Debian12> zone{{.spanned_pages = 16384}};  // 64 MiB, all of it free
  const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::unmovable);
  const Pfn start{0};
  const Pfn end{2048};
  fmt::print("{}\n", start_isolate_page_range(zone, start, end, MigrateType::movable));
  fmt::print("{}\n", *explain_isolate_range(zone, start, end));

  free_pages(zone, Cpu{0}, *page, Order{0});
  fmt::print("{}\n", start_isolate_page_range(zone, start, end, MigrateType::movable));
  fmt::print("{}\n", zone);
}
