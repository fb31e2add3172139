// SPDX-License-Identifier: MIT
#include "pageblock/io/snapshot/page_geometry.hpp"

#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::page_geometry_cases {

namespace {

// 1 GiB from 1 GiB on, in pages of this size.
std::vector<ZoneInfo> zones_of(std::uint64_t page_size) {
  ZoneInfo zone;
  zone.name = {0, "Normal"};
  zone.start_pfn = Pfn{(std::uint64_t{1} << 30) / page_size};
  zone.spanned = (std::uint64_t{1} << 30) / page_size;
  zone.present = zone.spanned;
  return {zone};
}

const std::string eight_blocks = [] {
  std::string text;
  for (int id = 8; id < 16; ++id) {
    text += fmt::format("memory{} state=online phys_index={:x}\n", id, id);
  }
  return text;
}();

PageGeometry find(const SnapshotFiles& files, const std::vector<ZoneInfo>& zones) {
  std::optional<MemoryBlockList> list;
  if (files.memory_blocks) list = parse_memory_block_list(*files.memory_blocks);
  return find_page_geometry(files, zones, list ? &*list : nullptr);
}

}  // namespace

TEST_CASE("find_page_geometry takes the page size that puts memory blocks where zones are",
          "[page_geometry]") {
  SnapshotFiles files;
  files.memory_blocks = InputFile{"blocks", "block_size_bytes 8000000\n" + eight_blocks};
  for (const std::uint64_t size : {4096U, 16384U, 65536U}) {
    const auto found = find(files, zones_of(size));
    CHECK(found.page_size == size);
    CHECK(found.evidence == "memory blocks and zoneinfo fit no other size");
    CHECK(found.block_bytes == 0x8000000);
  }
}

TEST_CASE("find_page_geometry takes memory from address 0 for what it is", "[page_geometry]") {
  std::vector<ZoneInfo> zones = zones_of(4096);
  zones[0].start_pfn = Pfn{0};
  SnapshotFiles files;
  files.iomem = InputFile{"iomem", "00000000-3fffffff : System RAM\n"};
  CHECK(find(files, zones).page_size == 4096);
  zones[0].spanned /= 4;
  zones[0].present /= 4;
  CHECK(find(files, zones).page_size == 16384);
}

TEST_CASE("find_page_geometry falls back on the kernel's name and on the number of orders",
          "[page_geometry]") {
  SnapshotFiles files;
  CHECK(find(files, zones_of(4096)).page_size == 4096);
  CHECK(find(files, zones_of(4096)).evidence.empty());
  files.buddyinfo = InputFile{"buddyinfo", "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"};
  CHECK(find(files, zones_of(65536)).page_size == 65536);
  files.version = InputFile{"version", "Linux version 5.14.0-1.el9.aarch64+16k (x@y)\n"};
  CHECK(find(files, zones_of(16384)).page_size == 16384);
  CHECK(find(files, zones_of(16384)).evidence == "the kernel's name says so");
  files.page_size = 4096;
  CHECK(find(files, zones_of(4096)).page_size == 4096);
}

TEST_CASE("find_page_geometry finds the size of memory blocks that nothing says",
          "[page_geometry]") {
  SnapshotFiles files;
  files.memory_blocks = InputFile{"blocks", eight_blocks};
  CHECK(find(files, zones_of(4096)).block_bytes == 0x8000000);
  files.iomem = InputFile{"iomem", "40000000-7fffffff : System RAM\n"};
  const auto found = find(files, zones_of(65536));
  CHECK(found.page_size == 65536);
  CHECK(found.block_bytes == 0x8000000);

  std::vector<ZoneInfo> elsewhere = zones_of(4096);
  elsewhere[0].start_pfn = Pfn{1};
  CHECK(test::fault_in([&] { return find(files, elsewhere); }) ==
        "blocks: no line says how large a block is (block_size_bytes), and no size fits zoneinfo");
}

TEST_CASE("find_pageblock_order takes pagetypeinfo's word, or what such kernels have",
          "[page_geometry]") {
  SnapshotFiles files;
  const auto order = [&](std::size_t nr_orders, std::uint64_t page_size) {
    return find_pageblock_order(files, std::nullopt, nr_orders, page_size).order;
  };
  CHECK(order(11, 4096) == 9);
  CHECK(order(0, 4096) == 9);
  CHECK(order(12, 16384) == 11);
  CHECK(order(14, 65536) == 13);
  CHECK(order(9, 65536) == 8);
  files.version = InputFile{"version", "Linux version 5.14.0-1.el9.s390x (x@y)\n"};
  CHECK(order(11, 4096) == 8);
  PageTypeInfo types;
  types.page_block_order = 10;
  CHECK(find_pageblock_order(files, types, 11, 4096).order == 10);
}

}  // namespace pageblock::test::page_geometry_cases
