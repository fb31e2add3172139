// SPDX-License-Identifier: MIT
// Two zones of a node serve requests until their watermarks say no, and each zone says why.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

struct Machine : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

Zone<Machine> make_zone(std::string_view name, ZoneType type, Pfn start, std::uint64_t pages) {
  return Zone<Machine>{
      {.name = std::string{name}, .type = type, .start_pfn = start, .spanned_pages = pages}};
}

void ask(Node<Machine>& node, std::string_view who, Order order, const Gfp& gfp) {
  const auto got = alloc_pages(node, Cpu{0}, order, gfp);
  fmt::print("{:<21} order {}: {}\n", who, order,
             got.page ? fmt::format("{} in {}", *got.page, got.page->zone().name()) : "refused");
  for (const Zone<Machine>& zone : node.zones()) {
    fmt::print("  {:<6} {}\n", zone.name(), got.answer_of(zone.type()));
  }
}

int main() {
  // 64 MiB each, and watermarks as a kernel computes them at boot.
  std::vector<Zone<Machine>> zones;
  zones.push_back(make_zone("DMA32", ZoneType::dma32, Pfn{0}, 16384));
  zones.push_back(make_zone("Normal", ZoneType::normal, Pfn{16384}, 16384));
  Node<Machine> node{std::move(zones)};
  init_per_zone_wmark_min(node);
  for (const Zone<Machine>& zone : node.zones()) {
    fmt::print("{:<6} min {}, low {}, keeps {} from requests for Normal\n", zone.name(),
               zone.watermarks().min, zone.watermarks().low, zone.lowmem_reserve(2));
  }

  ask(node, "GFP_KERNEL", Order{3}, gfp_kernel);  // Normal is asked first

  // A driver that takes all it gets: first of Normal, then of DMA32, down to the lowest watermarks.
  std::uint64_t taken = 0;
  while (alloc_pages(node, Cpu{0}, Order{0}, gfp_kernel).page) ++taken;
  fmt::print("a driver takes {} pages\n", taken);
  for (const Zone<Machine>& zone : node.zones()) fmt::print("  {}\n", zone);

  ask(node, "GFP_KERNEL", Order{0}, gfp_kernel);
  ask(node, "GFP_ATOMIC", Order{0}, gfp_atomic);  // digs below the lowest watermark

  // What requests for Normal must leave in DMA32 is there for requests that need DMA32.
  Gfp for_dma32 = gfp_kernel;
  for_dma32.highest_zone = ZoneType::dma32;
  ask(node, "GFP_KERNEL, for DMA32", Order{0}, for_dma32);
}
