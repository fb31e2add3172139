// SPDX-License-Identifier: MIT
#include <cstring>
#include <string>
#include <vector>

#include "pageblock/io/snapshot/snapshot_layout.hpp"

#include "support/catch.hpp"

namespace pageblock::test::snapshot_cases {

namespace {

// One zone of eight pages from pfn 8: two of each kind in turn.
Snapshot eight_pages() {
  Snapshot snapshot;
  snapshot.kinds.assign(16, PageKind::hole);
  snapshot.kinds.fill(8, 10, PageKind::free);
  snapshot.kinds.fill(10, 12, PageKind::page_cache);
  snapshot.kinds.fill(12, 14, PageKind::slab);
  snapshot.kinds.fill(14, 16, PageKind::reserved);
  SnapshotZone zone;
  zone.info.name = {0, "Movable"};
  zone.info.start_pfn = Pfn{8};
  zone.info.spanned = 8;
  zone.type = ZoneType::movable;
  zone.pages = {zone.info.range()};
  snapshot.zones.push_back(zone);
  return snapshot;
}

InputFile words(const std::vector<std::uint64_t>& values) {
  InputFile file{"kpagecount", std::string(values.size() * sizeof(std::uint64_t), '\0')};
  std::memcpy(file.content.data(), values.data(), file.content.size());
  return file;
}

}  // namespace

TEST_CASE("Snapshot count counts pages by movability and those behind its end as holes",
          "[snapshot]") {
  const Snapshot snapshot = eight_pages();
  const PageCounts counts = snapshot.count({Pfn{7}, Pfn{18}});
  CHECK(counts[Movability::hole] == 3);
  CHECK(counts[Movability::free] == 2);
  CHECK(counts[Movability::movable] == 2);
  CHECK(counts[Movability::unmovable] == 4);
  CHECK(counts.nr_present() == 8);
}

TEST_CASE("layout_of describes what is in use with a reference for each mapping", "[snapshot]") {
  Snapshot snapshot = eight_pages();
  snapshot.kinds.set(13, PageKind::hole);
  const InputFile file =
      words({0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 0, 3, 7, 7, 9, 9});  // counts of other pages are ignored
  const ZoneLayout layout = layout_of(snapshot, snapshot.zones[0], PageWords{file});
  CHECK(layout.name == "Movable");
  CHECK(layout.type == ZoneType::movable);
  CHECK(layout.start_pfn == Pfn{8});
  CHECK(layout.spanned_pages == 8);
  CHECK(layout.holes == std::vector<PfnRange>{{Pfn{13}, Pfn{14}}});
  CHECK(layout.reserved == std::vector<PfnRange>{{Pfn{14}, Pfn{16}}});
  REQUIRE(layout.in_use.size() == 3);
  CHECK(layout.in_use[0].range == PfnRange{Pfn{10}, Pfn{11}});
  CHECK(layout.in_use[0].count == 1);
  CHECK(layout.in_use[0].lru);
  CHECK(layout.in_use[1].range == PfnRange{Pfn{11}, Pfn{12}});
  CHECK(layout.in_use[1].count == 3);
  CHECK(layout.in_use[2].range == PfnRange{Pfn{12}, Pfn{13}});
  CHECK(layout.in_use[2].count == 1);
  CHECK_FALSE(layout.in_use[2].lru);
}

TEST_CASE("layout_of does not believe a count that no page can have", "[snapshot]") {
  const Snapshot snapshot = eight_pages();
  const InputFile file = words(std::vector<std::uint64_t>(16, ~std::uint64_t{0}));
  const ZoneLayout layout = layout_of(snapshot, snapshot.zones[0], PageWords{file});
  REQUIRE_FALSE(layout.in_use.empty());
  CHECK(layout.in_use[0].range == PfnRange{Pfn{10}, Pfn{12}});
  CHECK(layout.in_use[0].count == 1);
}

}  // namespace pageblock::test::snapshot_cases
