// SPDX-License-Identifier: MIT
#include "published_figures/figures.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/clients/online_policy.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_watermarks.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/pcp_tuning.hpp"
#include "pageblock/mm/watermark.hpp"

namespace example {

using namespace pageblock;

namespace {

using Numbers = std::vector<std::uint64_t>;

template <const Semantics& kernel, unsigned block_order = 9>
struct KernelConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 96;
  static constexpr unsigned pageblock_order = block_order;
  static constexpr Semantics semantics = kernel;
  using Lock = NullLock;
};
using V3_6 = KernelConfig<kernel::v3_6>;
using V6_1 = KernelConfig<kernel::v6_1>;
using V6_12 = KernelConfig<kernel::v6_12>;

[[nodiscard]] std::string words(const Numbers& numbers) {
  return fmt::format("{}", fmt::join(numbers, " "));
}

struct Size {
  ZoneType type = ZoneType::normal;
  std::uint64_t pages = 0;
};

// What watermarks, reserves and limits follow from is how many pages a zone counts, so a small one will do
// that is told its size.
template <typename Config>
[[nodiscard]] Node<Config> node_of(const std::vector<Size>& sizes, unsigned nr_cpus = 1) {
  constexpr std::uint64_t small = 4096;
  std::vector<Zone<Config>> zones;
  for (const auto& [type, pages] : sizes) {
    auto& zone = zones.emplace_back(
        ZoneLayout{.type = type,
                   .start_pfn = Pfn{(std::uint64_t{1} << 40) * static_cast<std::uint64_t>(type)},
                   .spanned_pages = small,
                   .nr_cpus = nr_cpus});
    const auto more = static_cast<std::int64_t>(pages) - static_cast<std::int64_t>(small);
    zone.mod_present_pages(more);
    zone.mod_managed_pages(more);
  }
  return Node<Config>{std::move(zones)};
}

template <typename Config>
[[nodiscard]] Numbers marks_of(const Zone<Config>& zone) {
  return {zone.watermarks().min, zone.watermarks().low, zone.watermarks().high};
}

// The watermarks of a zone alone, whose min is known.
template <typename Config>
[[nodiscard]] Numbers marks_from(std::uint64_t min, std::uint64_t pages) {
  auto node = node_of<Config>({{ZoneType::normal, pages}});
  setup_per_zone_wmarks(node, min * kbytes_per_page);
  return marks_of(node.zones()[0]);
}

[[nodiscard]] Numbers limits_of(const Pageset& set) { return {set.batch, set.high}; }

// 1. How many pages successive drains free, while a task gives back a large mapping.
template <typename Config>
[[nodiscard]] Numbers drains(std::uint32_t high, std::size_t left_out) {
  constexpr std::uint32_t batch = 63;
  constexpr std::size_t shown = 5;
  Zone<Config> zone{{.spanned_pages = 16384}};
  zone.set_pageset(batch, high);
  std::vector<Pfn> mapping;
  for (std::uint32_t i = 0; i < batch * 80; ++i) {  // whole refills, so that the lists are empty
    mapping.push_back(alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable)->pfn());
  }
  Numbers found;
  for (const Pfn pfn : mapping) {
    const std::uint32_t before = zone.pcp(Cpu{0}).count;
    free_pages(zone, Cpu{0}, pfn, Order{0});
    const std::uint32_t after = zone.pcp(Cpu{0}).count;
    if (after <= before) found.push_back(before + 1 - after);
    if (found.size() == left_out + shown) break;
  }
  return {found.begin() + static_cast<std::ptrdiff_t>(std::min(left_out, found.size())),
          found.end()};
}

void add_drains(std::vector<Figure>& figures) {
  const std::string source =
      "M. Gorman, commit 3b12e7e97938 (v5.14), whose excerpt begins at the second drain";
  figures.push_back({1, "drains_before", "pages that drains free, before", source, "v3.6",
                     "63 63 63 63 63", words(drains<V3_6>(378, 0))});
  figures.push_back({1, "drains_scaled", "pages that drains free, with the patch", source, "v6.1",
                     "126 252 504 751 751", words(drains<V6_1>(814, 1))});
}

// 2. Two nodes; the zones' type does not matter to any of the numbers.
void add_two_nodes(std::vector<Figure>& figures) {
  const std::string source =
      "zoneinfo of an arm64 guest with Linux 6.14 or later, a study note of 2026";
  auto node = node_of<V6_12>({{ZoneType::dma, 245711}, {ZoneType::normal, 256367}}, 4);
  setup_per_zone_wmarks(node, recommended_min_free_kbytes(node));
  const auto all_of = [](const Zone<V6_12>& zone) {
    Numbers numbers = marks_of(zone);
    const Pageset& set = zone.pageset();
    numbers.insert(numbers.end(), {set.batch, set.high, set.high_max});
    return words(numbers);
  };
  const std::string what = "min low high, batch, high_min high_max of node {}";
  figures.push_back({2, "arm64_node_0", fmt::format(fmt::runtime(what), 0), source, "v6.12",
                     "5512 6890 8268 63 1722 7678", all_of(*node.find(ZoneType::dma))});
  figures.push_back({2, "arm64_node_1", fmt::format(fmt::runtime(what), 1), source, "v6.12",
                     "5751 7188 8625 63 1797 8011", all_of(*node.find(ZoneType::normal))});
  auto with_empty = node_of<V6_12>({{ZoneType::normal, 245711}, {ZoneType::movable, 0}});
  setup_per_zone_wmarks(with_empty, 45056);
  figures.push_back({2, "empty_movable", "min low high of a zone Movable without memory", source,
                     "v6.12", "32 32 32", words(marks_of(*with_empty.find(ZoneType::movable)))});
}

// 3. Watermarks, reserves and limits of old machines.
void add_old_machines(std::vector<Figure>& figures) {
  const std::string pc = "/proc of a PC with Linux 3.2.0-58, 8 CPUs (442proj2, 2014)";
  auto node = node_of<V3_6>(
      {{ZoneType::dma, 3900}, {ZoneType::dma32, 828852}, {ZoneType::normal, 1217664}});
  setup_per_zone_wmarks(node, 67584);
  setup_per_zone_lowmem_reserve(node);
  const auto row = [&](ZoneType type, std::uint64_t pages, std::string_view name,
                       std::string_view theirs) {
    const Zone<V3_6>& zone = *node.find(type);
    Numbers numbers = marks_of(zone);
    for (std::size_t i = 0; i < max_nr_zones; ++i) numbers.push_back(zone.lowmem_reserve(i));
    const Pageset set = fixed_pageset(pages);
    numbers.insert(numbers.end(), {set.batch, set.high});
    figures.push_back({3, fmt::format("pc_3_2_{}", name),
                       fmt::format("{}: min low high, protection, batch high", name), pc, "v3.6",
                       std::string{theirs}, words(numbers)});
  };
  row(ZoneType::dma, 3900, "dma", "32 40 48 0 3237 7994 7994 1 0");
  row(ZoneType::dma32, 828852, "dma32", "6829 8536 10243 0 0 4756 4756 31 186");
  row(ZoneType::normal, 1217664, "normal", "10033 12541 15049 0 0 0 0 31 186");

  // Where the memory is all that matters, min follows from it, too.
  const auto computed = [&](std::string_view name, std::string_view source, std::uint64_t pages,
                            std::string_view theirs) {
    auto small = node_of<V3_6>({{ZoneType::normal, pages}});
    setup_per_zone_wmarks(small, calculate_min_free_kbytes(small));
    Numbers numbers = marks_of(small.zones()[0]);
    const Pageset set = fixed_pageset(pages);
    numbers.insert(numbers.end(), {set.batch, set.high});
    figures.push_back({3, std::string{name}, "min low high, batch high", std::string{source},
                       "v3.6", std::string{theirs}, words(numbers)});
  };
  computed("arm_tablet", "zoneinfo of a tablet with Linux 3.4.5 (Normal)", 121412,
           "696 870 1044 31 186");
  computed("board_32m", "zoneinfo of a board of 32 MB (D2000)", 8192, "181 226 271 1 6");
  computed("inno", "zoneinfo of a firmware (innofirmware)", 63077, "502 627 753 15 90");

  const auto from_min = [&](std::string_view name, std::string_view source, std::uint64_t min,
                            std::uint64_t pages, std::string_view theirs) {
    Numbers numbers = marks_from<V3_6>(min, pages);
    const Pageset set = fixed_pageset(pages);
    numbers.insert(numbers.end(), {set.batch, set.high});
    figures.push_back({3, std::string{name}, "low high from min, batch high", std::string{source},
                       "v3.6", std::string{theirs}, words(numbers)});
  };
  from_min("jmr540", "zoneinfo of a router (JMR540_proc_Dump)", 398, 41146, "398 497 597 7 42");
  from_min("zte", "zoneinfo of a router (zteorange)", 306, 23603, "306 382 459 3 18");
}

// 4. Later machines. Limits are computed from the pages that are there at the time; others come later.
void add_later_machines(std::vector<Figure>& figures) {
  const std::string rhel =
      "/proc of a machine with RHEL 9, 1 CPU (Khandevops1/linux, 2024); 170160 pages at the time "
      "of boot";
  auto node = node_of<V6_1>({{ZoneType::dma, 3840}, {ZoneType::dma32, 170160}});
  init_per_zone_wmark_min(node);
  const std::uint64_t min_free = recommended_min_free_kbytes(node);
  setup_per_zone_wmarks(node, min_free);
  Zone<V6_1>& dma32 = *node.find(ZoneType::dma32);
  figures.push_back({4, "rhel9_min_free", "min_free_kbytes with huge pages, a twentieth at most",
                     rhel, "v6.1", "34548", words({min_free})});
  const auto row = [&](const Zone<V6_1>& zone) {
    Numbers numbers = marks_of(zone);
    numbers.insert(numbers.end(), {zone.pageset().batch, zone.pageset().high});
    return words(numbers);
  };
  figures.push_back({4, "rhel9_dma", "DMA: min low high, batch high", rhel, "v6.1",
                     "190 237 284 1 237", row(*node.find(ZoneType::dma))});
  figures.push_back({4, "rhel9_dma32", "DMA32: min low high, batch high", rhel, "v6.1",
                     "8446 10557 12668 31 10557", row(dma32)});
  dma32.mod_managed_pages(193648 - 170160);
  setup_per_zone_lowmem_reserve(node);
  figures.push_back({4, "rhel9_protection", "DMA: protection", rhel, "v6.1", "756",
                     words({node.find(ZoneType::dma)->lowmem_reserve(1)})});

  auto old = node_of<V3_6>(
      {{ZoneType::dma, 3963}, {ZoneType::dma32, 825415}, {ZoneType::normal, 1203593}});
  setup_per_zone_lowmem_reserve(old);
  figures.push_back({4, "ubuntu_protection", "protection of DMA, and of DMA32",
                     "/proc of a machine with Linux 3.13.0-77 (proc-snapshot)", "v3.6",
                     "3224 7925 4701",
                     words({old.find(ZoneType::dma)->lowmem_reserve(1),
                            old.find(ZoneType::dma)->lowmem_reserve(2),
                            old.find(ZoneType::dma32)->lowmem_reserve(2)})});
  struct Marks {
    std::string_view name;
    std::string_view source;
    std::uint64_t min;
    std::uint64_t pages;
    std::string_view theirs;
  };
  constexpr std::string_view coreos = "sosreport of CoreOS, 2019 (coreos-sosreport-master1)";
  constexpr std::string_view issabel = "zoneinfo of Issabel, 2025 (issabel_public)";
  constexpr std::string_view jc = "zoneinfo among the fixtures of jc";
  for (const Marks& zone :
       std::vector<Marks>{{"coreos_dma", coreos, 33, 3977, "33 41 49"},
                          {"coreos_dma32", coreos, 8178, 995127, "8178 10222 12266"},
                          {"coreos_normal", coreos, 8684, 1042033, "8684 10855 13026"},
                          {"issabel_dma", issabel, 49, 3840, "49 61 73"},
                          {"issabel_dma32", issabel, 9742, 765904, "9742 12177 14612"},
                          {"issabel_normal", issabel, 7104, 555433, "7104 8880 10656"},
                          {"jc_dma", jc, 68, 3976, "68 85 102"},
                          {"jc_dma32", jc, 12729, 758708, "12729 15911 19093"},
                          {"jc_normal", jc, 4097, 236634, "4097 5121 6145"},
                          {"memstrack", "github.com/ryncsn/memstrack, issue 4", 10136, 7404622,
                           "10136 17540 24944"}}) {
    figures.push_back({4, std::string{zone.name}, "low high from min", std::string{zone.source},
                       "v6.1", std::string{zone.theirs},
                       words(marks_from<V6_1>(zone.min, zone.pages))});
  }
  figures.push_back({4, "one_section", "batch high of Normal, set when one section was there",
                     std::string{coreos}, "v3.6", "7 42", words(limits_of(fixed_pageset(32768)))});
}

// 5. Which memory blocks come online in Movable: the first of each run of one kind.
[[nodiscard]] std::string layout(std::uint64_t kernel_pages, bool is_virtio, unsigned nr_blocks) {
  constexpr std::uint64_t block = 32768;  // 128 MiB
  constexpr unsigned first = 48;
  auto node = node_of<V6_1>({{ZoneType::normal, kernel_pages}, {ZoneType::movable, 0}});
  const unsigned blocks_of_device = is_virtio ? nr_blocks : 32;  // 4 GiB
  MemoryGroup group;
  std::string text;
  ZoneType last = ZoneType::dma;
  unsigned run = first;
  const auto end_run = [&](unsigned behind) {
    if (last == ZoneType::dma) return;
    text += fmt::format("{}{}-{} {}", text.empty() ? "" : ", ", run, behind - 1,
                        last == ZoneType::movable ? "Movable" : "Normal");
  };
  for (unsigned i = 0; i < nr_blocks; ++i) {
    if (i % blocks_of_device == 0) {
      group = {.is_dynamic = is_virtio, .unit_pages = is_virtio ? block : 32 * block};
    }
    const Pfn start{(first + i) * block};
    const ZoneType type = zone_for_pfn_range(node, {start, start + block}, OnlineType::online,
                                             OnlinePolicy::auto_movable,
                                             {.early_kernel_pages = kernel_pages, .group = &group});
    const bool is_movable = type == ZoneType::movable;
    (is_movable ? group.present_movable_pages : group.present_kernel_pages) += block;
    node.find(type)->mod_present_pages(block);
    if (type == last) continue;
    end_run(first + i);
    run = first + i;
    last = type;
  }
  end_run(first + nr_blocks);
  return text;
}

void add_auto_movable(std::vector<Figure>& figures) {
  const std::string source =
      "D. Hildenbrand, auto-movable online policy v2, July 2021, a guest of 4 GiB";
  constexpr std::uint64_t gib = 262144;
  figures.push_back({5, "dimms", "memory blocks of DIMMs of 4 GiB", source, "v6.1",
                     "48-143 Movable, 144-207 Normal", layout(4 * gib, false, 160)});
  figures.push_back(
      {5, "virtio_mem", "memory blocks of a virtio-mem device", source, "v6.1",
       "48-143 Movable, 144-144 Normal, 145-147 Movable, 148-148 Normal, 149-151 Movable",
       layout(4 * gib, true, 104)});
  figures.push_back({5, "ratio_301", "24 GiB more for a guest of 8 GiB",
                     "Documentation/admin-guide/mm/memory-hotplug.rst", "v6.1", "48-239 Movable",
                     layout(8 * gib, true, 192)});
}

// 6. The reserve for urgent requests.
template <typename Config>
[[nodiscard]] std::uint64_t most_reserved_kbytes() {
  Zone<Config> zone{{.spanned_pages = 12306}};
  for (Pfn pfn{0}; zone.spans(pfn); pfn += Zone<Config>::pageblock_nr_pages) {
    static_cast<void>(reserve_highatomic_pageblock(zone, pfn, Order{1}));
  }
  return zone.pressure().nr_reserved_highatomic * kbytes_per_page;
}

template <typename Config>
[[nodiscard]] std::string min_is_kept() {
  auto node = node_of<Config>({{ZoneType::normal, 82'250'000}});
  Zone<Config>& zone = node.zones()[0];
  zone.mod_nr_free_pages(370734 - zone.nr_free_pages());
  zone.pressure().nr_reserved_highatomic = 268288;
  return zone_watermark_ok(zone, Order{0}, 102604, 3, 0) ? "served" : "refused";
}

void add_highatomic(std::vector<Figure>& figures) {
  const std::string series =
      "C. T. Kalla, high-order-atomic reserves, November 2023: a zone of 49224 kB";
  figures.push_back({6, "highatomic_before", "kB reserved, before", series, "v6.1", "8192",
                     words({most_reserved_kbytes<KernelConfig<kernel::v6_1, 10>>()})});
  figures.push_back({6, "highatomic_after", "kB reserved, after", series, "v6.12", "0",
                     words({most_reserved_kbytes<KernelConfig<kernel::v6_12, 10>>()})});
  figures.push_back({6, "highatomic_marks", "min low high", series, "v6.1", "201 251 301",
                     words(marks_from<V6_1>(201, 12306))});
  const std::string oom =
      "Y. Zhao, keep track of free highatomic, October 2024: 370734 pages free, 268288 reserved";
  figures.push_back({6, "oom_before", "a request for a page, before", oom, "v6.1", "refused",
                     min_is_kept<V6_1>()});
  figures.push_back({6, "oom_after", "a request for a page, after", oom, "v6.12", "served",
                     min_is_kept<V6_12>()});
}

// 7. What a CPU keeps. The guest's size is not stated; 44 CPUs and 12345000 pages fit all its numbers.
void add_pcp_high(std::vector<Figure>& figures) {
  const std::string source = "M. Gorman, commits b92ca18e8ca5, 04f8cfeaed08, 203c06eef579 (v5.14)";
  constexpr std::uint64_t managed = 12'345'000;
  figures.push_back(
      {7, "pcp_high", "high; with a CPU offline", source, "v6.1", "649 664",
       words({zone_pageset(managed, 28580, 44).high, zone_pageset(managed, 28580, 43).high})});
  figures.push_back({7, "pcp_eighth", "high with percpu_pagelist_high_fraction 8", source, "v6.12",
                     "35071",
                     words({zone_pageset(managed, 28580, 44, PcpTuning::tuned).high_max})});
  constexpr std::uint64_t pmem = 65'011'712;
  const Numbers marks = marks_from<V6_1>(4573, pmem);
  figures.push_back({7, "pmem", "high watermark; high of a node without CPUs, and shared by 96",
                     source, "v6.1", "134595 69584 724",
                     words({marks[2], zone_pageset(pmem, marks[1], 1).high,
                            zone_pageset(pmem, marks[1], 96).high})});
}

// 8. Every fallback that claims a block raises the watermarks, up to a limit.
void add_boost(std::vector<Figure>& figures) {
  // Half of each block is free, and all blocks are movable.
  Zone<V6_1> zone{{.spanned_pages = 65536}};
  std::vector<Pfn> chunks;
  for (int i = 0; i < 256; ++i) {
    chunks.push_back(alloc_pages(zone, Cpu{0}, Order{8}, MigrateType::movable)->pfn());
  }
  for (const Pfn pfn : chunks) {
    if (!pfn.is_aligned(Order{9})) free_pages(zone, Cpu{0}, pfn, Order{8});
  }
  zone.set_watermarks({.min = 1272, .low = 9067, .high = 9385});
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(alloc_pages(zone, Cpu{0}, Order{8}, MigrateType::unmovable));
  }
  figures.push_back({8, "boost", "watermark boost that many fallbacks lead to",
                     "commit f80b08fc4453 (2020): high watermark 9385", "v6.1", "14077",
                     words({zone.pressure().watermark_boost})});
}

// 9. min_free_kbytes.
void add_min_free(std::vector<Figure>& figures) {
  struct Row {
    std::uint64_t mib;
    std::uint64_t kbytes;
  };
  constexpr std::array<Row, 11> table{{{16, 512},
                                       {32, 724},
                                       {64, 1024},
                                       {128, 1448},
                                       {256, 2048},
                                       {512, 2896},
                                       {1024, 4096},
                                       {2048, 5792},
                                       {4096, 8192},
                                       {8192, 11584},
                                       {16384, 16384}}};
  for (const auto& [mib, kbytes] : table) {
    const auto node = node_of<V6_1>({{ZoneType::normal, mib * 256}});
    figures.push_back({9, fmt::format("min_free_{}m", mib),
                       fmt::format("min_free_kbytes of {} MB", mib),
                       "comment above calculate_min_free_kbytes()", "v6.1", words({kbytes}),
                       words({calculate_min_free_kbytes(node)}),
                       mib == 8192 ? "the root is 11585.2; the comment is one off" : ""});
  }
  const std::string kravetz = "M. Kravetz, 2020: a guest of 8 GB and two nodes";
  std::uint64_t floor = 0;
  for (int i = 0; i < 2; ++i) {
    floor += recommended_min_free_kbytes(
        node_of<V6_1>({{ZoneType::dma32, 500'000}, {ZoneType::normal, 500'000}}));
  }
  figures.push_back({9, "thp_floor", "kB with huge pages, of four zones", kravetz, "v6.1", "90112",
                     words({floor})});
  const auto computed = [](std::uint64_t pages) {
    return calculate_min_free_kbytes(node_of<V6_1>({{ZoneType::normal, pages}}));
  };
  constexpr std::uint64_t offline = 7'898'000 / 4;
  figures.push_back({9, "block_gone", "kB with a memory block offline, and online", kravetz, "v6.1",
                     "11241 11334", words({computed(offline), computed(offline + 32768)})});

  using Chromebook = KernelConfig<kernel::v6_1, 10>;
  auto node = node_of<Chromebook>(
      {{ZoneType::dma, 4000}, {ZoneType::dma32, 500'000}, {ZoneType::normal, 544'576}}, 2);
  const std::uint64_t min_free = recommended_min_free_kbytes(node);
  setup_per_zone_wmarks(node, min_free);
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  for (const auto& zone : node.zones()) {
    low += zone.watermarks().low;
    high += zone.pageset().high;
  }
  figures.push_back({9, "chromebook", "MiB: min_free, low watermarks, kept by a CPU",
                     "mail about commit b92ca18e8ca5, August 2022: 4 GB, 2 CPUs", "v6.1",
                     "132.0 165.0 82.5",
                     fmt::format("{:.1f} {:.1f} {:.1f}", static_cast<double>(min_free) / 1024,
                                 static_cast<double>(low) / 256, static_cast<double>(high) / 256)});
}

// 15. Batches in lines of the boot log.
void add_small_ones(std::vector<Figure>& figures) {
  figures.push_back({15, "batches_5", "batch of 3972, 3999, 468820, 3680256 pages",
                     "boot lines of Linux 5: pop-os/linux 10, zen-kernel 213", "v6.1", "0 0 63 63",
                     words({zone_batchsize(3972, 256), zone_batchsize(3999, 256),
                            zone_batchsize(468820, 256), zone_batchsize(3680256, 256)})});
  figures.push_back({15, "batches_4", "batch of 767394, 3407872 pages",
                     "boot lines of Linux 4: rockstor-core 1502", "v3.6", "31 31",
                     words({zone_batchsize(767394, 128), zone_batchsize(3407872, 128)})});
}

}  // namespace

std::vector<Figure> published_figures(std::uint64_t llfree_scale) {
  std::vector<Figure> figures;
  add_drains(figures);
  add_two_nodes(figures);
  add_old_machines(figures);
  add_later_machines(figures);
  add_auto_movable(figures);
  add_highatomic(figures);
  add_pcp_high(figures);
  add_boost(figures);
  add_min_free(figures);
  add_llfree(figures, llfree_scale);
  add_small_ones(figures);
  return figures;
}

}  // namespace example
