// SPDX-License-Identifier: MIT
/// apply_v6_1_rules(): what pages are to a kernel that looks at all of them.
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

void apply(Snapshot& snapshot, const std::vector<std::uint64_t>& heads = {}) {
  std::vector<std::uint64_t> words(snapshot.kinds.size());
  for (const std::uint64_t head : heads) words[head] = kpf::compound_head;
  InputFile file{"kpageflags", std::string(words.size() * sizeof(std::uint64_t), '\0')};
  std::memcpy(file.content.data(), words.data(), file.content.size());
  apply_v6_1_rules(snapshot, PageWords{file});
}

void set(Snapshot& snapshot, std::uint64_t start, std::uint64_t end, PageKind kind) {
  for (; start < end; ++start) snapshot.kinds[start] = kind;
}

std::string picture(const Snapshot& snapshot) {
  std::string text;
  for (const PageKind kind : snapshot.kinds) {
    const Movability is = movability(kind);
    text += is == Movability::free ? '.' : is == Movability::movable ? 'o' : 'x';
  }
  return text;
}

}  // namespace

TEST_CASE("apply_v6_1_rules passes over poisoned and offline pages, and drains the LRU's caches",
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

TEST_CASE("apply_v6_1_rules lets hugetlb pages move, but not across a memory block's border",
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

TEST_CASE("apply_v6_1_rules takes pages without flags for free where they can be on lists",
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
    snapshot.zones[0].info.spanned -= 1;
    apply(snapshot);
    CHECK(picture(snapshot).substr(24) == "x.......");
  }
}

}  // namespace pageblock::test::snapshot_rules_cases
