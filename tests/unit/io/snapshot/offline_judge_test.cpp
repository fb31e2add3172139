// SPDX-License-Identifier: MIT
/// locate() and judge(): what is asked of each memory block.
#include "pageblock/io/snapshot/offline_judge.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace pageblock::test::offline_judge_cases {

namespace {

// Pageblocks of 8 pages, memory blocks of 32.
constexpr std::uint64_t nr_block_pages = 32;

struct OldConfig : TinyConfig {
  using Lock = NullLock;
};
struct NewConfig : OldConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};

SnapshotZone zone(const char* name, ZoneType type, std::uint64_t start, std::uint64_t end) {
  SnapshotZone zone;
  zone.info.name = {0, name};
  zone.info.start_pfn = Pfn{start};
  zone.info.spanned = end - start;
  zone.info.present = end - start;
  zone.type = type;
  zone.pages = {{Pfn{start}, Pfn{end}}};
  return zone;
}

Snapshot machine(std::uint64_t nr_blocks) {
  Snapshot snapshot;
  snapshot.pageblock_order = TinyConfig::pageblock_order;
  snapshot.kinds.assign(nr_blocks * nr_block_pages, PageKind::free);
  snapshot.memory.nr_pages = nr_block_pages;
  for (std::uint64_t id = 0; id < nr_blocks; ++id) {
    const Pfn start{id * nr_block_pages};
    snapshot.memory.blocks.push_back(
        {fmt::format("memory{}", id), {start, start + nr_block_pages}, "online"});
  }
  return snapshot;
}

SnapshotFiles files_for(const Snapshot& snapshot) {
  const InputFile words{"kpageflags", std::string(snapshot.kinds.size() * 8, '\0')};
  SnapshotFiles files;
  files.kpageflags = words;
  files.kpagecount = words;
  return files;
}

template <typename Config>
Judgement judged(Snapshot snapshot, KernelVersion asked) {
  return judge<Config>(snapshot, files_for(snapshot), asked);
}

}  // namespace

TEST_CASE("locate finds the first page of a block that is no memory", "[offline_judge]") {
  Snapshot snapshot = machine(2);
  SECTION("because the block begins before its zone") {
    snapshot.zones = {zone("Normal", ZoneType::normal, 4, 64)};
    const BlockJudgement first = locate(snapshot, snapshot.memory.blocks[0]);
    CHECK(first.verdict == Verdict::invalid);
    CHECK(first.not_tried == "4 pages without memory, from 0");
    CHECK(first.nr_holes == 4);
    CHECK(first.counts[Movability::free] == 28);
    CHECK(locate(snapshot, snapshot.memory.blocks[1]).not_tried.empty());
  }
  SECTION("because it ends behind its zone") {
    snapshot.zones = {zone("Normal", ZoneType::normal, 0, 62)};
    CHECK(locate(snapshot, snapshot.memory.blocks[1]).not_tried ==
          "2 pages without memory, from 3e");
  }
  SECTION("because there is a hole") {
    snapshot.zones = {zone("Normal", ZoneType::normal, 0, 64)};
    snapshot.kinds.fill(40, 42, PageKind::hole);
    CHECK(locate(snapshot, snapshot.memory.blocks[1]).not_tried ==
          "2 pages without memory, from 28");
  }
}

TEST_CASE("locate knows blocks in two zones, in none that is known, and offline",
          "[offline_judge]") {
  Snapshot snapshot = machine(3);
  snapshot.zones = {zone("DMA", ZoneType::dma, 0, 16), zone("Normal", ZoneType::normal, 16, 64)};
  snapshot.open = {{Pfn{64}, Pfn{96}}};
  snapshot.memory.blocks[1].state = "offline";
  const auto of = [&](std::size_t i) { return locate(snapshot, snapshot.memory.blocks[i]); };
  CHECK(of(0).verdict == Verdict::invalid);
  CHECK(of(0).not_tried == "in two zones: DMA Normal");
  CHECK(of(1).verdict == Verdict::not_online);
  CHECK(of(2).verdict == Verdict::unknown);
  CHECK(of(2).counts[Movability::free] == 32);
}

TEST_CASE("judge asks the zone that owns a block", "[offline_judge]") {
  Snapshot snapshot = machine(4);
  snapshot.zones = {zone("Normal", ZoneType::normal, 0, 128),
                    zone("Movable", ZoneType::movable, 32, 96)};
  snapshot.zones[0].pages = {{Pfn{0}, Pfn{64}}, {Pfn{96}, Pfn{128}}};
  snapshot.zones[1].pages = {{Pfn{64}, Pfn{96}}};
  snapshot.kinds.fill(40, 41, PageKind::slab);
  snapshot.kinds.fill(70, 71, PageKind::page_cache);
  snapshot.kinds.fill(72, 73, PageKind::per_cpu);
  snapshot.zones[1].nr_per_cpu = 1;
  for (const Judgement& judgement :
       {judged<OldConfig>(snapshot, {3, 6}), judged<NewConfig>(snapshot, {6, 1})}) {
    CHECK(judgement.blocks[0].verdict == Verdict::can_go);
    CHECK(judgement.blocks[1].verdict == Verdict::refused);
    CHECK(judgement.blocks[1].refusal->pfn == Pfn{40});
    CHECK(judgement.blocks[2].zones == std::vector<std::size_t>{1});
    CHECK(judgement.blocks[2].verdict == Verdict::can_go);
    CHECK(judgement.blocks[3].verdict == Verdict::can_go);
  }
}

TEST_CASE("judge lets virtio-mem's pages pass and refuses a balloon's, in every zone",
          "[offline_judge]") {
  Snapshot snapshot = machine(4);
  snapshot.zones = {zone("Normal", ZoneType::normal, 0, 64),
                    zone("Movable", ZoneType::movable, 64, 128)};
  for (const std::uint64_t pfn : {5U, 37U, 69U, 101U}) {
    snapshot.kinds.set(pfn, PageKind::offline);
  }
  snapshot.virtio_mem = {{Pfn{32}, Pfn{64}}, {Pfn{96}, Pfn{128}}};
  const Judgement judgement = judged<NewConfig>(snapshot, {6, 1});
  CHECK(judgement.blocks[0].refusal->pfn == Pfn{5});
  CHECK(judgement.blocks[1].verdict == Verdict::can_go);
  CHECK(judgement.blocks[2].refusal->pfn == Pfn{69});
  CHECK(judgement.blocks[3].verdict == Verdict::can_go);
}

TEST_CASE("judge leaves a block's own memory map out", "[offline_judge]") {
  Snapshot snapshot = machine(2);
  snapshot.page_size = 256;  // so that the map takes a pageblock
  snapshot.zones = {zone("Normal", ZoneType::normal, 0, 64)};
  snapshot.kinds.fill(0, 8, PageKind::own_memmap);
  snapshot.kinds.fill(32, 41, PageKind::own_memmap);
  snapshot.kinds.set(40, PageKind::slab);
  const Judgement judgement = judged<NewConfig>(snapshot, {6, 1});
  CHECK(judgement.blocks[0].verdict == Verdict::can_go);
  CHECK(judgement.blocks[0].nr_memmap_pages == 8);
  CHECK(judgement.blocks[1].refusal->pfn == Pfn{40});
}

TEST_CASE("judge refuses a page off its LRU before v5.13 and lets it go since", "[offline_judge]") {
  Snapshot snapshot = machine(1);
  snapshot.zones = {zone("Normal", ZoneType::normal, 0, 32)};
  snapshot.kinds.set(9, PageKind::off_lru);
  CHECK(judged<NewConfig>(snapshot, {5, 6}).blocks[0].refusal->pfn == Pfn{9});
  CHECK(judged<NewConfig>(snapshot, {5, 12}).blocks[0].verdict == Verdict::refused);
  CHECK(judged<NewConfig>(snapshot, {5, 13}).blocks[0].verdict == Verdict::can_go);
}

}  // namespace pageblock::test::offline_judge_cases
