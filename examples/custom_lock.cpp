// SPDX-License-Identifier: MIT
// A lock of one's own: how often is zone->lock taken, with lists for each CPU and without?
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

// Any default constructible type with these three functions will do. Every zone has one of them, and
// another for the lists of each CPU.
class CountingLock {
 public:
  void lock() {
    held_ = true;
    ++nr_taken_;
  }
  void unlock() { held_ = false; }
  [[nodiscard]] bool is_held() const { return held_; }

  [[nodiscard]] std::uint64_t nr_taken() const { return nr_taken_; }

 private:
  std::uint64_t nr_taken_ = 0;
  bool held_ = false;
};

struct Counted : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = CountingLock;
};

void take_and_give_back(Zone<Counted>& zone, std::uint64_t nr_pages) {
  std::vector<Pfn> pages;
  for (std::uint64_t i = 0; i < nr_pages; ++i) {
    pages.push_back(alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable)->pfn());
  }
  for (const Pfn pfn : pages) free_pages(zone, Cpu{0}, pfn, Order{0});
}

int main() {
  for (const std::uint32_t batch : {1U, 7U, 63U}) {
    Zone<Counted> zone{{.spanned_pages = 16384}};
    zone.set_pageset(batch, 6 * batch);
    const std::uint64_t before = zone.lock().nr_taken();
    take_and_give_back(zone, 1000);
    fmt::print(
        "batch {:>2}: 1000 pages taken and given back take zone->lock {:>4} times,"
        " the CPU's lock {}\n",
        batch, zone.lock().nr_taken() - before, zone.pcp_lock(Cpu{0}).nr_taken());
  }
}
