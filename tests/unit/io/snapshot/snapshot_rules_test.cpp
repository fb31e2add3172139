// SPDX-License-Identifier: MIT
/// apply_kernel_rules(): what pages are to the kernel that is asked.
#include "pageblock/io/snapshot/snapshot_rules.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::snapshot_rules_cases {

namespace {

constexpr std::uint64_t nr_block_pages = 8;

// Memory blocks of 8 pages from pfn 0 in one zone, all free, and this many pages on its per-CPU
// lists.
Snapshot blocks(std::uint64_t nr_blocks, std::uint64_t per_cpu_count = 0) {
  Snapshot snapshot;
  snapshot.kinds.assign(nr_blocks * nr_block_pages, PageKind::free);
  SnapshotZone zone;
  zone.info.start_pfn = Pfn{0};
  zone.info.spanned = nr_blocks * nr_block_pages;
  zone.pages = {zone.info.range()};
  zone.info.per_cpu.push_back({});
  zone.info.per_cpu.front().count = per_cpu_count;
  snapshot.zones.push_back(zone);
  snapshot.memory.nr_pages = nr_block_pages;
  for (std::uint64_t i = 0; i < nr_blocks; ++i) {
    snapshot.memory.blocks.push_back(
        {"memory", {Pfn{i * nr_block_pages}, Pfn{(i + 1) * nr_block_pages}}, "online"});
  }
  return snapshot;
}

void apply(Snapshot& snapshot, const std::vector<std::uint64_t>& heads = {},
           KernelVersion version = {6, 1}) {
  std::vector<std::uint64_t> words(snapshot.kinds.size());
  for (const std::uint64_t head : heads) words[head] = kpf::compound_head;
  InputFile file{"kpageflags", std::string(words.size() * sizeof(std::uint64_t), '\0')};
  std::memcpy(file.content.data(), words.data(), file.content.size());
  apply_kernel_rules(snapshot, PageWords{file}, version);
}

void set(Snapshot& snapshot, std::uint64_t start, std::uint64_t end, PageKind kind) {
  snapshot.kinds.fill(start, end, kind);
}

std::string picture(const Snapshot& snapshot) {
  std::string text;
  for (std::uint64_t pfn = 0; pfn < snapshot.kinds.size(); ++pfn) {
    const Movability is = movability(snapshot.kinds[pfn]);
    text += is == Movability::free ? '.' : is == Movability::movable ? 'o' : 'x';
  }
  return text;
}

}  // namespace

TEST_CASE("apply_kernel_rules passes over poisoned and offline pages, and drains the LRU's caches",
          "[snapshot_rules]") {
  Snapshot snapshot = blocks(1);
  set(snapshot, 0, 1, PageKind::poisoned);
  set(snapshot, 1, 2, PageKind::offline);
  set(snapshot, 2, 3, PageKind::off_lru);
  set(snapshot, 3, 4, PageKind::slab);
  apply(snapshot);
  CHECK(snapshot.kinds[0] == PageKind::passed_over);
  CHECK(snapshot.kinds[1] == PageKind::passed_over);
  CHECK(snapshot.kinds[2] == PageKind::page_cache);
  CHECK(snapshot.kinds[3] == PageKind::slab);
  CHECK(snapshot.zones[0].counts[Movability::movable] == 3);
  CHECK(snapshot.zones[0].counts[Movability::unmovable] == 1);
}

TEST_CASE("apply_kernel_rules follows the version that is asked", "[snapshot_rules]") {
  Snapshot snapshot = blocks(1);
  set(snapshot, 0, 1, PageKind::poisoned);
  set(snapshot, 1, 2, PageKind::offline);
  set(snapshot, 2, 3, PageKind::off_lru);
  set(snapshot, 3, 4, PageKind::hugetlb);
  const auto by = [&](unsigned major, unsigned minor) {
    Snapshot copy = snapshot;
    apply(copy, {3}, {major, minor});
    return picture(copy).substr(0, 4);
  };
  CHECK(by(3, 6) == "xxxx");
  CHECK(by(3, 8) == "oxxx");
  CHECK(by(3, 12) == "oxxo");
  CHECK(by(5, 7) == "oxxo");
  CHECK(by(5, 8) == "ooxo");
  CHECK(by(5, 12) == "ooxo");
  CHECK(by(5, 13) == "oooo");
}

TEST_CASE("apply_kernel_rules tells a balloon's pages from virtio-mem's", "[snapshot_rules]") {
  Snapshot snapshot = blocks(1);
  set(snapshot, 0, 4, PageKind::offline);
  snapshot.virtio_mem = {{Pfn{2}, Pfn{8}}};
  apply(snapshot);
  CHECK(snapshot.kinds[1] == PageKind::balloon);
  CHECK(snapshot.kinds[2] == PageKind::passed_over);
  CHECK(picture(snapshot) == "xxoo....");
}

TEST_CASE("apply_kernel_rules knows a memory block's own memory map", "[snapshot_rules]") {
  constexpr std::uint64_t nr_pages = 1024;  // whose map takes 16 pages
  constexpr std::uint64_t map_word = kpf::reserved | kpf::owner_private;
  Snapshot snapshot;
  snapshot.pageblock_order = 4;
  snapshot.kinds.assign(nr_pages, PageKind::free);
  snapshot.memory = {nr_pages, {{"memory0", {Pfn{0}, Pfn{nr_pages}}, "online"}}};
  const auto kinds_with = [&](std::uint64_t nr_map_pages, std::uint64_t word, PageKind kind,
                              KernelVersion version = {6, 1}) {
    std::vector<std::uint64_t> words(nr_pages);
    Snapshot copy = snapshot;
    for (std::uint64_t pfn = 0; pfn < nr_map_pages; ++pfn) words[pfn] = word;
    copy.kinds.fill(0, nr_map_pages, kind);
    InputFile file{"kpageflags", std::string(words.size() * sizeof(std::uint64_t), '\0')};
    std::memcpy(file.content.data(), words.data(), file.content.size());
    apply_kernel_rules(copy, PageWords{file}, version);
    return copy.kinds[0];
  };
  CHECK(kinds_with(16, map_word, PageKind::reserved) == PageKind::own_memmap);
  CHECK(kinds_with(16, kpf::owner_private, PageKind::kernel, {6, 12}) == PageKind::own_memmap);
  CHECK(kinds_with(15, map_word, PageKind::reserved) == PageKind::reserved);
  CHECK(kinds_with(17, map_word, PageKind::reserved) == PageKind::reserved);
  CHECK(kinds_with(16, kpf::reserved, PageKind::reserved) == PageKind::reserved);
  CHECK(kinds_with(16, map_word, PageKind::reserved, {5, 13}) == PageKind::reserved);
  snapshot.pageblock_order = 5;
  CHECK(kinds_with(32, map_word, PageKind::reserved) == PageKind::own_memmap);  // =force
}

TEST_CASE("apply_kernel_rules lets hugetlb pages move, but not across a memory block's border",
          "[snapshot_rules]") {
  Snapshot inside = blocks(2);
  set(inside, 4, 12, PageKind::hugetlb);
  apply(inside, {4, 6, 8, 10});
  CHECK(picture(inside) == "....oooooooo....");

  Snapshot across = blocks(3);
  set(across, 2, 20, PageKind::hugetlb);
  apply(across, {2, 4, 18});
  CHECK(picture(across) == "..ooxxxxxxxxxxxxxxoo....");
}

TEST_CASE("apply_kernel_rules takes pages without flags for free where they can be on lists",
          "[snapshot_rules]") {
  // memory block    0: with a slab  1       2        3
  Snapshot snapshot = blocks(4, 5);
  set(snapshot, 0, 1, PageKind::slab);
  set(snapshot, 1, 2, PageKind::unknown);
  set(snapshot, 8, 11, PageKind::unknown);
  set(snapshot, 16, 18, PageKind::unknown);
  set(snapshot, 24, 25, PageKind::unknown);
  SECTION("the blocks with few of them first, until the lists hold no more") {
    apply(snapshot);
    CHECK(picture(snapshot) == "xx......xxx.....................");
    CHECK(snapshot.zones[0].nr_per_cpu == 3);
    CHECK(snapshot.zones[0].nr_buddy() == 32 - 8);
  }
  SECTION("all, if the lists hold as many") {
    snapshot.zones[0].info.per_cpu.front().count = 6;
    apply(snapshot);
    CHECK(picture(snapshot) == "xx..............................");
  }
  SECTION("none in a block that the zone does not span") {
    snapshot.zones[0].pages[0].end = Pfn{31};
    apply(snapshot);
    CHECK(picture(snapshot).substr(24) == "x.......");
  }
}

}  // namespace pageblock::test::snapshot_rules_cases
