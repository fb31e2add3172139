// SPDX-License-Identifier: MIT
#include "pageblock/io/picture/block_map.hpp"

#include "support/catch.hpp"

namespace pageblock::test::block_map_cases {

namespace {

PageCounts counts(int nr, PageKind kind, int more = 0, PageKind other = PageKind::free) {
  PageCounts result;
  for (int i = 0; i < nr; ++i) result.add(kind);
  for (int i = 0; i < more; ++i) result.add(other);
  return result;
}

}  // namespace

TEST_CASE("look_of shows the pages that are hardest to get rid of", "[block_map]") {
  CHECK(look_of(counts(4, PageKind::hole)) == BlockLook::hole);
  CHECK(look_of(counts(4, PageKind::free, 4, PageKind::hole)) == BlockLook::free);
  CHECK(look_of(counts(4, PageKind::per_cpu)) == BlockLook::free);
  CHECK(look_of(counts(1, PageKind::anonymous, 2)) == BlockLook::some_movable);
  CHECK(look_of(counts(2, PageKind::anonymous, 2)) == BlockLook::mostly_movable);
  CHECK(look_of(counts(1, PageKind::unknown, 9, PageKind::anonymous)) == BlockLook::unknown);
  CHECK(look_of(counts(1, PageKind::slab, 9, PageKind::unknown)) == BlockLook::some_unmovable);
  CHECK(look_of(counts(2, PageKind::slab, 2)) == BlockLook::mostly_unmovable);
}

TEST_CASE("BlockMap draws rows and a legend of what occurs", "[block_map]") {
  BlockMap map;
  map.add_row("a", {BlockLook::free, BlockLook::free, BlockLook::unknown, BlockLook::free});
  map.add_row("long", {BlockLook::hole});
  CHECK(map.draw(false) ==
        "a     ..?.\n"
        "long  -\n"
        "  . free\n"
        "  ? a page of unknown kind in the way\n"
        "  - no memory\n");
  CHECK(map.draw(false, 3).starts_with("a     ..?\n      .\nlong  -\n"));
}

TEST_CASE("BlockMap colours runs of equal blocks", "[block_map]") {
  BlockMap map;
  map.add_row("a", {BlockLook::free, BlockLook::free, BlockLook::unknown});
  CHECK(map.draw(true).starts_with("a  \x1b[32m..\x1b[0m\x1b[33m?\x1b[0m\n"));
}

}  // namespace pageblock::test::block_map_cases
