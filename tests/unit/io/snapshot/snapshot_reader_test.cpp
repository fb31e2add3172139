// SPDX-License-Identifier: MIT
#include "pageblock/io/snapshot/snapshot_reader.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::snapshot_reader_cases {

namespace {

constexpr std::uint64_t nr_pages = 65536;

InputFile words(const char* name, const std::vector<std::uint64_t>& values) {
  InputFile file{name, std::string(values.size() * sizeof(std::uint64_t), '\0')};
  std::memcpy(file.content.data(), values.data(), file.content.size());
  return file;
}

// Two memory blocks of 128 MiB, all free: pfn 0 to 32767 is zone DMA32, the rest zone Movable.
class Machine {
 public:
  Machine() : flags(nr_pages, kpf::buddy), counts(nr_pages, 0) {}

  [[nodiscard]] SnapshotFiles files() const {
    SnapshotFiles files;
    files.kpageflags = words("kpageflags", flags);
    files.kpagecount = words("kpagecount", counts);
    files.zoneinfo = {"zoneinfo",
                      zone("DMA32", 0, free_low, pcp_low) + zone("Movable", 32768, 32768, 0)};
    return files;
  }
  [[nodiscard]] Snapshot read() const { return read_snapshot(files()); }

  std::vector<std::uint64_t> flags;
  std::vector<std::uint64_t> counts;
  std::uint64_t free_low = 32768;
  std::uint64_t pcp_low = 0;

 private:
  static std::string zone(const char* name, std::uint64_t start, std::uint64_t free,
                          std::uint64_t pcp) {
    return fmt::format(
        "Node 0, zone {}\n  pages free {}\n  spanned 32768\n  present 32768\n  cpu: 0\n"
        "  count: {}\n  start_pfn: {}\n",
        name, free, pcp, start);
  }
};

std::string fault_of(const SnapshotFiles& files) {
  return test::fault_in([&] { return read_snapshot(files); });
}

}  // namespace

TEST_CASE("read_snapshot finds zones and assumes memory blocks of 128 MiB", "[snapshot_reader]") {
  const Snapshot snapshot = Machine{}.read();
  REQUIRE(snapshot.zones.size() == 2);
  CHECK(snapshot.zones[0].counts[Movability::free] == 32768);
  CHECK(snapshot.zones[1].type == ZoneType::movable);
  CHECK(snapshot.memory_is_assumed);
  REQUIRE(snapshot.memory.blocks.size() == 2);
  CHECK(snapshot.memory.blocks[1].name == "memory1");
  CHECK(snapshot.memory.blocks[1].range == PfnRange{Pfn{32768}, Pfn{65536}});
  CHECK_FALSE(snapshot.knows_ram);
  CHECK(snapshot.notes.empty());
}

TEST_CASE("read_snapshot puts pages without flags on a per-CPU list in zone Movable only",
          "[snapshot_reader]") {
  Machine machine;
  machine.flags[100] = 0;
  machine.flags[40000] = 0;
  machine.free_low = 32767;
  machine.pcp_low = 1;
  const Snapshot snapshot = machine.read();
  CHECK(snapshot.kind(Pfn{100}) == PageKind::unknown);
  CHECK(snapshot.kind(Pfn{40000}) == PageKind::per_cpu);
  CHECK(snapshot.zones[1].nr_per_cpu == 1);
  CHECK(snapshot.zones[1].nr_buddy() == 32767);
  REQUIRE(snapshot.notes.size() == 1);
  CHECK(snapshot.notes[0] ==
        "zoneinfo:8: zone Movable has 32768 free pages, kpageflags shows 32767");
}

TEST_CASE("read_snapshot notes what may have changed and refuses what cannot",
          "[snapshot_reader]") {
  Machine machine;
  machine.free_low = 32768 - 6144;
  REQUIRE(machine.read().notes.size() == 1);
  CHECK(machine.read().notes[0] ==
        "zoneinfo:1: zone DMA32 has 26624 free pages, kpageflags shows 32768");
  machine.free_low -= 1;
  CHECK(fault_of(machine.files()) ==
        "zoneinfo:1: zone DMA32 has 26623 free pages, but kpageflags shows 32768: the files are "
        "not of one machine at one time");

  Machine with_lists;
  with_lists.pcp_low = 3;
  REQUIRE(with_lists.read().notes.size() == 1);
  CHECK(with_lists.read().notes[0] ==
        "zoneinfo:1: zone DMA32 has 3 pages on per-CPU lists, kpageflags shows 0 that could be "
        "there");
}

TEST_CASE("read_snapshot demands a word for each page of each zone", "[snapshot_reader]") {
  Machine machine;
  machine.counts.pop_back();
  CHECK(fault_of(machine.files()) ==
        "kpagecount: byte 524280: the file ends behind 65535 pages, but kpageflags has 65536");
  machine.flags.pop_back();
  CHECK(fault_of(machine.files()) ==
        "kpageflags: byte 524280: the file ends behind 65535 pages, but zone Movable of zoneinfo:8 "
        "reaches to 65536");
  machine.flags.assign(nr_pages, kpf::buddy);
  machine.counts.assign(nr_pages + 1, 0);
  CHECK(machine.read().notes ==
        std::vector<std::string>{"kpagecount has 65537 pages, kpageflags has 65536: the last ones "
                                 "are not used"});
}

TEST_CASE("read_snapshot learns from iomem and memory blocks where there is no memory",
          "[snapshot_reader]") {
  Machine machine;
  machine.free_low = 32768 - 32;
  for (std::size_t pfn = 0; pfn < 16; ++pfn) machine.flags[pfn] = kpf::reserved;
  for (std::size_t pfn = 16; pfn < 32; ++pfn) machine.flags[pfn] = 0;
  SnapshotFiles files = machine.files();

  SECTION("without them reserved and unknown pages stay what they seem") {
    const Snapshot snapshot = read_snapshot(files);
    CHECK(snapshot.kind(Pfn{0}) == PageKind::reserved);
    CHECK(snapshot.zones[0].counts.nr_present() == 32768);
  }
  SECTION("iomem makes holes") {
    files.iomem = InputFile{"iomem", "00008000-0fffffff : System RAM\n"};
    const Snapshot snapshot = read_snapshot(files);
    CHECK(snapshot.knows_ram);
    CHECK(snapshot.kind(Pfn{7}) == PageKind::hole);
    CHECK(snapshot.kind(Pfn{8}) == PageKind::reserved);
    CHECK(snapshot.notes ==
          std::vector<std::string>{"zoneinfo:1: zone DMA32 has 32768 present pages, kpageflags "
                                   "shows 32760"});
  }
  SECTION("iomem that contradicts is noted") {
    files.iomem = InputFile{"iomem", "00030000-0fffffff : System RAM\n"};
    CHECK(read_snapshot(files).notes.front() ==
          "iomem: 16 pages of zone DMA32 are outside System RAM, but kpageflags shows them free or "
          "in use");
  }
  SECTION("iomem without addresses is not used") {
    files.iomem = InputFile{"iomem", "00000000-00000000 : System RAM\n"};
    const Snapshot snapshot = read_snapshot(files);
    CHECK_FALSE(snapshot.knows_ram);
    CHECK(snapshot.notes.size() == 1);
  }
  SECTION("memory blocks make holes") {
    for (std::size_t pfn = 0; pfn < 32768; ++pfn) machine.flags[pfn] = 0;
    machine.free_low = 0;
    files = machine.files();
    files.memory_blocks =
        InputFile{"blocks", "block_size_bytes 8000000\nmemory1 state=online phys_index=1\n"};
    const Snapshot snapshot = read_snapshot(files);
    CHECK(snapshot.kind(Pfn{32767}) == PageKind::hole);
    CHECK(snapshot.zones[0].counts.nr_present() == 0);
  }
}

TEST_CASE("read_snapshot compares the other tables with zoneinfo", "[snapshot_reader]") {
  SnapshotFiles files = Machine{}.files();
  const std::string both =
      "Node 0, zone DMA32 0 0 0 0 0 0 0 0 0 0 32\nNode 0, zone Movable 0 0 0 0 0 0 0 0 0 0 32\n";
  SECTION("buddyinfo and pagetypeinfo go to their zones") {
    files.buddyinfo = InputFile{"buddyinfo", both + "Node 0, zone Device 0 0 0 0 0 0 0 0 0 0 0\n"};
    files.pagetypeinfo = InputFile{"pagetypeinfo",
                                   "Page block order: 9\nPages per block: 512\n"
                                   "Number of blocks type Movable\nNode 0, zone DMA32 64\n"};
    const Snapshot snapshot = read_snapshot(files);
    REQUIRE(snapshot.zones[1].buddyinfo.has_value());
    CHECK(snapshot.zones[1].buddyinfo->line == 2);
    REQUIRE(snapshot.zones[0].block_types.has_value());
    CHECK(snapshot.zones[0].block_types->types[0].second == 64);
    CHECK_FALSE(snapshot.zones[1].block_types.has_value());
    CHECK(snapshot.notes.empty());
  }
  SECTION("a zone that is not in zoneinfo is refused") {
    files.buddyinfo = InputFile{"buddyinfo", both + "Node 1, zone Normal 0 0 0 0 0 0 0 0 0 0 0\n"};
    CHECK(fault_of(files) == "buddyinfo:3: zone Normal of node 1 has no memory in zoneinfo");
  }
  SECTION("a zone that buddyinfo lacks is refused") {
    files.buddyinfo = InputFile{"buddyinfo", both.substr(0, both.find('\n') + 1)};
    CHECK(fault_of(files) == "buddyinfo: no line for zone Movable of zoneinfo:8");
  }
  SECTION("a memory block may begin before its zone") {
    Machine machine;
    for (std::size_t pfn = 0; pfn < 16; ++pfn) machine.flags[pfn] = kpf::nopage;
    machine.free_low = 32752;
    files = machine.files();
    std::string& text = files.zoneinfo.content;
    const std::string all = "spanned 32768\n  present 32768";
    text.replace(text.find(all), all.size(), "spanned 32752\n  present 32752");
    text.replace(text.find("start_pfn: 0"), 12, "start_pfn: 16");
    files.memory_blocks = InputFile{"blocks",
                                    "block_size_bytes 8000000\nmemory0 state=online phys_index=0\n"
                                    "memory1 state=online phys_index=1\n"};
    CHECK(read_snapshot(files).zones[0].info.start_pfn == Pfn{16});
  }
  SECTION("a memory block that is online in no zone is refused") {
    files.memory_blocks = InputFile{"blocks",
                                    "block_size_bytes 8000000\nmemory0 state=online phys_index=0\n"
                                    "memory1 state=online phys_index=1\n"
                                    "memory2 state=offline phys_index=2\n"
                                    "memory3 state=online phys_index=3\n"};
    CHECK(fault_of(files) ==
          "blocks:5: memory3 [0x18000, 0x20000) is online, but in no zone of zoneinfo");
  }
}

TEST_CASE("read_snapshot leaves out zone Device and says so", "[snapshot_reader]") {
  SnapshotFiles files = Machine{}.files();
  const std::size_t at = files.zoneinfo.content.find("Movable");
  files.zoneinfo.content.replace(at, std::string{"Movable"}.size(), "Device");
  const Snapshot snapshot = read_snapshot(files);
  CHECK(snapshot.zones.size() == 1);
  CHECK(snapshot.notes ==
        std::vector<std::string>{
            "zoneinfo:8: zone Device is left out: its pages are not the page allocator's"});
}

TEST_CASE("read_snapshot counts compound tails without a head", "[snapshot_reader]") {
  Machine machine;
  machine.flags[5] = kpf::compound_tail;
  machine.free_low = 32767;
  CHECK(machine.read().notes ==
        std::vector<std::string>{
            "kpageflags: 1 compound tails have no head below them; they count as unknown"});
}

TEST_CASE("read_snapshot notes counts of mappings that no page can have", "[snapshot_reader]") {
  Machine machine;
  machine.flags[40000] = kpf::lru;
  machine.counts[40000] = most_mappings + 1;
  machine.flags[40001] = kpf::lru;
  machine.counts[40001] = most_mappings;
  machine.counts[40002] = ~std::uint64_t{0};  // of a free page it means nothing
  const auto notes = machine.read().notes;
  REQUIRE(notes.size() == 2);
  CHECK(notes[0] ==
        "kpagecount: 1 movable pages of zone Movable are mapped more than 4194304 times; they "
        "count one reference");
}

TEST_CASE("read_snapshot asks memory blocks whose a page is where zones overlap",
          "[snapshot_reader]") {
  SnapshotFiles files = Machine{}.files();
  const auto span = [&](const char* name, std::uint64_t start, std::uint64_t spanned,
                        std::uint64_t present) {
    return fmt::format(
        "Node 0, zone {}\n  pages free {}\n  spanned {}\n  present {}\n  managed {}\n"
        "  start_pfn: {}\n",
        name, present, spanned, present, present, start);
  };
  files.zoneinfo.content =
      span("Normal", 0, nr_pages, 32768) + span("Movable", 32768, 32768, 32768);
  files.memory_blocks =
      InputFile{"blocks",
                "block_size_bytes 8000000\nmemory0 state=online phys_index=0 valid_zones=Normal\n"
                "memory1 state=online phys_index=1 valid_zones=Movable\n"};
  SECTION("which say it") {
    const Snapshot snapshot = read_snapshot(files);
    CHECK(snapshot.zones[0].pages == std::vector<PfnRange>{{Pfn{0}, Pfn{32768}}});
    CHECK(snapshot.zones[1].counts[Movability::free] == 32768);
    CHECK(snapshot.open.empty());
    CHECK(snapshot.notes.empty());
  }
  SECTION("or do not") {
    const std::size_t at = files.memory_blocks->content.find("valid_zones=Movable");
    files.memory_blocks->content.replace(at, 19, "valid_zones=none");
    const Snapshot snapshot = read_snapshot(files);
    CHECK(snapshot.open == std::vector<PfnRange>{{Pfn{32768}, Pfn{65536}}});
    CHECK(snapshot.notes.front() ==
          "zoneinfo: several zones span 32768 pages, from 8000, and the list of memory blocks does "
          "not say whose they are; what is there is not judged");
  }
  SECTION("or are not there") {
    files.memory_blocks.reset();
    const Snapshot snapshot = read_snapshot(files);
    CHECK(snapshot.open.size() == 1);
    REQUIRE(snapshot.memory.blocks.size() == 2);
    CHECK(snapshot.memory.blocks[1].range.start == Pfn{32768});
  }
}

TEST_CASE("read_snapshot fills chunks of which only the first page is marked",
          "[snapshot_reader]") {
  Machine machine;
  machine.flags.assign(nr_pages, 0);
  for (std::size_t pfn = 0; pfn < nr_pages; pfn += 1024) machine.flags[pfn] = kpf::buddy;
  machine.flags[1024] = kpf::lru;
  machine.free_low = 32768 - 1024;
  const Snapshot snapshot = machine.read();
  CHECK(snapshot.marks_heads_only);
  CHECK(snapshot.kind(Pfn{1023}) == PageKind::free);
  CHECK(snapshot.kind(Pfn{1025}) == PageKind::unknown);
  CHECK(snapshot.zones[0].counts[Movability::free] == 32768 - 1024);
  CHECK(snapshot.zones[1].counts[Movability::free] == 32768);
  REQUIRE(snapshot.notes.size() == 1);
  CHECK(snapshot.notes[0].starts_with("kpageflags: only the first page of each free chunk"));
}

TEST_CASE("read_snapshot leaves out zones of which no page is present", "[snapshot_reader]") {
  SnapshotFiles files = Machine{}.files();
  files.zoneinfo.content +=
      "Node 1, zone Normal\n  pages free 0\n  spanned 512\n  present 0\n"
      "  managed 0\nNode 1, zone Device\n  pages free 0\n  spanned 512\n"
      "  present 0\n  managed 0\n";
  files.buddyinfo = InputFile{"buddyinfo",
                              "Node 0, zone DMA32 0 0 0 0 0 0 0 0 0 0 32\n"
                              "Node 0, zone Movable 0 0 0 0 0 0 0 0 0 0 32\n"
                              "Node 1, zone Normal 0 0 0 0 0 0 0 0 0 0 0\n"};
  CHECK(read_snapshot(files).notes ==
        std::vector<std::string>{
            "zoneinfo:15: zone 1/Normal is left out: it spans pages, but none is present",
            "zoneinfo:20: zone 1/Device is left out: its pages are not the page allocator's"});
}

TEST_CASE("read_snapshot counts what it passes over in each file", "[snapshot_reader]") {
  SnapshotFiles files = Machine{}.files();
  files.zoneinfo.content = "$ cat zoneinfo\n" + files.zoneinfo.content;
  files.iomem = InputFile{"iomem", "$ cat iomem\n00000000-0fffffff : System RAM\n"};
  files.memory_blocks = InputFile{"blocks",
                                  "$ cat blocks\nblock_size_bytes 8000000\n"
                                  "memory0 state=online phys_index=0\n"
                                  "memory1 state=online phys_index=1\n"};
  const std::string one = "1 line is not of this format and was passed over: 1";
  CHECK(read_snapshot(files).notes ==
        std::vector<std::string>{"zoneinfo: " + one, "blocks: " + one, "iomem: " + one});
}

TEST_CASE("read_snapshot finds the size of pages and pageblocks", "[snapshot_reader]") {
  SnapshotFiles files = Machine{}.files();
  CHECK(read_snapshot(files).page_size == 4096);
  CHECK(read_snapshot(files).pageblock_order == 9);
  files.iomem = InputFile{"iomem", "00000000-3fffffff : System RAM\n"};
  const Snapshot large = read_snapshot(files);
  CHECK(large.page_size == 16384);
  CHECK(large.pageblock_order == 11);
  CHECK(large.pageblock_order_evidence.empty());
  CHECK(large.memory.nr_pages == 8192);
  CHECK(large.memory.blocks.size() == 8);
  CHECK(large.notes.empty());
}

}  // namespace pageblock::test::snapshot_reader_cases
