// SPDX-License-Identifier: MIT
/// Builds a snapshot from a machine's files and checks them against each other.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/snapshot/buddy_heads.hpp"
#include "pageblock/io/snapshot/page_geometry.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/snapshot/zone_owners.hpp"
#include "pageblock/io/text/skipped_lines.hpp"

namespace pageblock {
namespace detail {

/// Makes one Snapshot. The steps depend on each other in the order in which they stand.
class SnapshotReader {
 public:
  explicit SnapshotReader(const SnapshotFiles& files)
      : files_{files}, flags_{files.kpageflags}, counts_{files.kpagecount} {}

  [[nodiscard]] Snapshot read() {
    flags_.finish();
    counts_.finish();
    SkippedLines skipped;
    std::vector<ZoneInfo> zones = parse_zoneinfo(files_.zoneinfo, &skipped);
    note_skipped(files_.zoneinfo, skipped);
    leave_out_empty_zones(zones);
    read_tables();
    read_memory_blocks(zones);
    check_sizes(zones);
    classify();
    find_owners(zones);
    find_free_chunks();
    find_holes();
    nr_open_free_ = snapshot_.count(snapshot_.open)[Movability::free];
    for (SnapshotZone& zone : snapshot_.zones) count_pages(zone);
    give_tables_to_zones();
    check_memory_blocks();
    return std::move(snapshot_);
  }

 private:
  void note(std::string text) { snapshot_.notes.push_back(std::move(text)); }
  void note_skipped(const InputFile& file, const SkippedLines& skipped) {
    if (skipped.count() != 0) note(fmt::format("{}: {}", file.base_name(), skipped.text()));
  }
  [[nodiscard]] std::string at(const InputFile& file, std::size_t line) const {
    return fmt::format("{}:{}", file.base_name(), line);
  }

  void leave_out_empty_zones(std::vector<ZoneInfo>& zones) {
    std::erase_if(zones, [this](const ZoneInfo& zone) {
      if (zone.type && zone.is_populated()) return false;
      note(fmt::format("{}: zone {} is left out: {}", at(files_.zoneinfo, zone.line), zone.name,
                       zone.type ? "it spans pages, but none is present"
                                 : "its pages are not the page allocator's"));
      left_out_.push_back(zone.name);
      return true;
    });
    if (zones.empty()) throw files_.zoneinfo.error("no zone has memory");
  }

  void read_tables() {
    SkippedLines skipped;
    if (files_.buddyinfo) {
      buddyinfo_ = parse_buddyinfo(*files_.buddyinfo, &skipped);
      note_skipped(*files_.buddyinfo, skipped);
    }
    if (files_.pagetypeinfo) {
      snapshot_.pagetypeinfo = parse_pagetypeinfo(*files_.pagetypeinfo, &skipped);
      note_skipped(*files_.pagetypeinfo, skipped);
    }
  }

  void read_memory_blocks(const std::vector<ZoneInfo>& zones) {
    std::optional<MemoryBlockList> list;
    if (files_.memory_blocks) {
      list = parse_memory_block_list(*files_.memory_blocks);
      note_skipped(*files_.memory_blocks, list->skipped);
    }
    PageGeometry geometry = find_page_geometry(files_, zones, list ? &*list : nullptr);
    snapshot_.page_size = geometry.page_size;
    snapshot_.page_size_evidence = std::move(geometry.evidence);
    snapshot_.memory.nr_pages = geometry.block_bytes / geometry.page_size;
    PageblockOrder pageblock = find_pageblock_order(
        files_, snapshot_.pagetypeinfo, buddyinfo_.empty() ? 0 : buddyinfo_.front().nr_free.size(),
        geometry.page_size);
    snapshot_.pageblock_order = pageblock.order;
    snapshot_.pageblock_order_evidence = std::move(pageblock.evidence);
    if (!list) return;
    if (snapshot_.memory.nr_pages == 0) {
      throw files_.memory_blocks->error_at_line(
          list->size_line,
          fmt::format("a block of {:#x} bytes is smaller than a page", geometry.block_bytes));
    }
    if (!list->block_bytes) {
      note(
          fmt::format("{}: no line says how large a block is; with {} pages each, they lie where "
                      "the zones of {} are",
                      files_.memory_blocks->base_name(), snapshot_.memory.nr_pages,
                      files_.zoneinfo.base_name()));
    }
    snapshot_.memory =
        memory_blocks_of(*list, *files_.memory_blocks, geometry.block_bytes, geometry.page_size);
  }

  void check_sizes(const std::vector<ZoneInfo>& zones) {
    if (counts_.size() < flags_.size()) {
      throw counts_.error_at_byte(counts_.size() * PageWords::word,
                                  fmt::format("the file ends behind {} pages, but {} has {}",
                                              counts_.size(), flags_.base_name(), flags_.size()));
    }
    if (counts_.size() > flags_.size()) {
      note(fmt::format("{} has {} pages, {} has {}: the last ones are not used",
                       counts_.base_name(), counts_.size(), flags_.base_name(), flags_.size()));
    }
    const auto last =
        std::ranges::max_element(zones, {}, [](const ZoneInfo& zone) { return zone.range().end; });
    if (last->range().end > Pfn{flags_.size()}) {
      throw flags_.error_at_byte(
          flags_.size() * PageWords::word,
          fmt::format("the file ends behind {} pages, but zone {} of {} reaches to {}",
                      flags_.size(), last->name, at(files_.zoneinfo, last->line),
                      last->range().end));
    }
  }

  // A run of equal words is a run of equal pages: each but the first is what the one before is.
  void classify() {
    PageClassifier classifier;
    snapshot_.kinds.assign(flags_.size(), PageKind::hole);
    flags_.words().for_each_run(0, flags_.size(),
                                [&](std::uint64_t start, std::uint64_t end, std::uint64_t word) {
                                  snapshot_.kinds.fill(start, end, classifier(word, end - start));
                                });
    if (classifier.nr_lone_tails() != 0) {
      note(fmt::format("{}: {} compound tails have no head below them; they count as unknown",
                       flags_.base_name(), classifier.nr_lone_tails()));
    }
  }

  void find_owners(std::vector<ZoneInfo>& zones) {
    ZoneOwners owners = find_zone_owners(zones, files_.memory_blocks ? &snapshot_.memory : nullptr);
    snapshot_.open = std::move(owners.open);
    for (std::size_t i = 0; i < zones.size(); ++i) {
      SnapshotZone zone;
      zone.type = *zones[i].type;
      zone.info = std::move(zones[i]);
      zone.pages = std::move(owners.of_zone[i]);
      snapshot_.zones.push_back(std::move(zone));
    }
    std::uint64_t nr_open = 0;
    for (const PfnRange& range : snapshot_.open) nr_open += range.nr_pages();
    if (nr_open == 0) return;
    note(fmt::format(
        "{}: several zones span {} pages, from {:x}, and {}; what is there is not "
        "judged",
        files_.zoneinfo.base_name(), nr_open, snapshot_.open.front().start,
        files_.memory_blocks ? "the list of memory blocks does not say whose they are"
                             : "without a list of memory blocks nothing says whose they are"));
  }

  // Kernels before 4.6 mark only the first page of a free chunk.
  void find_free_chunks() {
    const auto each_range = [&](auto visit) {
      for (const SnapshotZone& zone : snapshot_.zones) std::ranges::for_each(zone.pages, visit);
      std::ranges::for_each(snapshot_.open, visit);
    };
    std::vector<PfnRange> ranges;
    each_range([&](const PfnRange& range) { ranges.push_back(range); });
    snapshot_.marks_heads_only = marks_heads_only(flags_, ranges);
    if (!snapshot_.marks_heads_only) return;
    constexpr std::size_t usual_orders = 11;
    const std::size_t nr_orders =
        buddyinfo_.empty() ? usual_orders : buddyinfo_.front().nr_free.size();
    const std::uint64_t most_pages = std::uint64_t{1} << (nr_orders - 1);
    each_range([&](const PfnRange& range) {
      fill_marked_chunks(snapshot_.kinds, flags_, range, most_pages);
    });
    note(
        fmt::format("{}: only the first page of each free chunk is marked, as before Linux 4.6. "
                    "A chunk is taken to reach as far as its place allows and pages without flags "
                    "follow; a page of the kernel's own without flags behind it would be counted "
                    "as free",
                    flags_.base_name()));
  }

  // Finds out where there is no memory, from whatever says so.
  void find_holes() {
    if (files_.iomem) {
      SkippedLines skipped;
      const SystemRam ram = parse_system_ram(*files_.iomem, snapshot_.page_size, &skipped);
      note_skipped(*files_.iomem, skipped);
      if (ram.ranges.empty()) {
        note(fmt::format("{}: has no addresses of System RAM, as when read without root; not used",
                         files_.iomem->base_name()));
      } else {
        snapshot_.knows_ram = true;
        snapshot_.virtio_mem = ram.virtio_mem;
        mark_holes_outside(ram.ranges, *files_.iomem, "outside System RAM");
      }
    }
    if (files_.memory_blocks) {
      std::vector<PfnRange> ranges;
      for (const MemoryBlock& block : snapshot_.memory.blocks) ranges.push_back(block.range);
      mark_holes_outside(merged(std::move(ranges)), *files_.memory_blocks,
                         "outside all memory blocks");
    } else {
      snapshot_.memory_is_assumed = true;
      assume_memory_blocks();
    }
  }

  // Makes holes of what is not in @p memory and looks reserved or unknown.
  void mark_holes_outside(const std::vector<PfnRange>& memory, const InputFile& file,
                          std::string_view where) {
    for (const SnapshotZone& zone : snapshot_.zones) {
      std::uint64_t nr_others = 0;
      const auto look = [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
        if (kind == PageKind::unknown || kind == PageKind::reserved) {
          snapshot_.kinds.fill(start, end, PageKind::hole);
        } else if (kind != PageKind::hole) {
          nr_others += end - start;
        }
      };
      for (const PfnRange& own : zone.pages) {
        for (const PfnRange& absent : complement(parts_within(memory, own), own.start, own.end)) {
          snapshot_.kinds.for_each_run(absent.start.value(), absent.end.value(), look);
        }
      }
      if (nr_others == 0) continue;
      note(fmt::format("{}: {} pages of zone {} are {}, but {} shows them free or in use",
                       file.base_name(), nr_others, zone.info.name, where, flags_.base_name()));
    }
  }

  // Blocks of 128 MiB, the usual size on x86-64, wherever a zone has pages.
  void assume_memory_blocks() {
    const std::uint64_t nr_pages = snapshot_.memory.nr_pages;
    std::vector<std::uint64_t> ids;
    const auto look = [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
      if (kind == PageKind::hole) return;
      for (std::uint64_t id = start / nr_pages; id * nr_pages < end; ++id) ids.push_back(id);
    };
    for (const SnapshotZone& zone : snapshot_.zones) {
      for (const PfnRange& own : zone.pages) {
        snapshot_.kinds.for_each_run(own.start.value(), own.end.value(), look);
      }
    }
    for (const PfnRange& range : snapshot_.open) {
      snapshot_.kinds.for_each_run(range.start.value(), range.end.value(), look);
    }
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const std::uint64_t id : ids) {
      const Pfn start{id * nr_pages};
      snapshot_.memory.blocks.push_back(
          {fmt::format("memory{}", id), {start, start + nr_pages}, "online"});
    }
  }

  void count_pages(SnapshotZone& zone) {
    std::uint64_t nr_unbelievable = 0;
    const auto look = [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
      // The kernel puts nothing of its own into this zone, so only a per-CPU list is left.
      if (zone.type == ZoneType::movable && kind == PageKind::unknown) {
        kind = PageKind::per_cpu;
        snapshot_.kinds.fill(start, end, kind);
      }
      if (kind == PageKind::per_cpu) zone.nr_per_cpu += end - start;
      zone.counts.add(kind, end - start);
      if (movability(kind) != Movability::movable) return;
      counts_.words().for_each_run(
          start, end, [&](std::uint64_t first, std::uint64_t behind, std::uint64_t count) {
            if (count > most_mappings) nr_unbelievable += behind - first;
          });
    };
    for (const PfnRange& own : zone.pages) {
      snapshot_.kinds.for_each_run(own.start.value(), own.end.value(), look);
    }
    if (nr_unbelievable != 0) {
      note(
          fmt::format("{}: {} movable pages of zone {} are mapped more than {} times; they count "
                      "one reference",
                      counts_.base_name(), nr_unbelievable, zone.info.name, most_mappings));
    }
    check_free(files_.zoneinfo, zone.info.line, zone, zone.info.free);
    const std::string place = at(files_.zoneinfo, zone.info.line);
    if (zone.counts.nr_present() != zone.info.present) {
      note(fmt::format("{}: zone {} has {} present pages, {} shows {}{}", place, zone.info.name,
                       zone.info.present, flags_.base_name(), zone.counts.nr_present(),
                       snapshot_.knows_ram ? "" : "; only iomem tells reserved pages from holes"));
    }
    const std::uint64_t nr_flagless = zone.nr_per_cpu + zone.counts[Movability::unknown];
    if (nr_flagless < zone.info.per_cpu_count()) {
      note(fmt::format("{}: zone {} has {} pages on per-CPU lists, {} shows {} that could be there",
                       place, zone.info.name, zone.info.per_cpu_count(), flags_.base_name(),
                       nr_flagless));
    }
  }

  // A machine under load frees and takes megabytes between two reads; an eighth of a zone and 8 MiB
  // more is another machine or another day. Free pages of which nobody knows whose they are may be
  // among them.
  void check_free(const InputFile& file, std::size_t line, const SnapshotZone& zone,
                  std::uint64_t free) {
    const std::uint64_t tolerance = zone.info.present / 8 + 2048;
    const std::uint64_t least = zone.nr_buddy();
    const std::uint64_t most = least + nr_open_free_;
    if (least <= free && free <= most) return;
    const std::uint64_t shown = free < least ? least : most;
    const std::uint64_t difference = free > shown ? free - shown : shown - free;
    if (difference > tolerance) {
      throw file.error_at_line(
          line, fmt::format("zone {} has {} free pages, but {} shows {}: the files are not of one "
                            "machine at one time",
                            zone.info.name, free, flags_.base_name(), shown));
    }
    note(fmt::format("{}: zone {} has {} free pages, {} shows {}", at(file, line), zone.info.name,
                     free, flags_.base_name(), shown));
  }

  // Returns the zone; null if it was left out. A zone that is not in zoneinfo is an error.
  [[nodiscard]] SnapshotZone* find_zone(const InputFile& file, std::size_t line,
                                        const ZoneName& name) {
    const auto found = std::ranges::find_if(
        snapshot_.zones, [&](const SnapshotZone& zone) { return zone.info.name == name; });
    if (found != snapshot_.zones.end()) return &*found;
    if (name.zone == "Device" || std::ranges::count(left_out_, name) != 0) return nullptr;
    throw file.error_at_line(line, fmt::format("zone {} of node {} has no memory in {}", name.zone,
                                               name.node, files_.zoneinfo.base_name()));
  }

  void give_tables_to_zones() {
    for (BuddyInfoRow& row : buddyinfo_) {
      SnapshotZone* const zone = find_zone(*files_.buddyinfo, row.line, row.name);
      if (zone == nullptr) continue;
      check_free(*files_.buddyinfo, row.line, *zone, row.nr_free_pages());
      zone->buddyinfo = std::move(row);
    }
    for (const SnapshotZone& zone : snapshot_.zones) {
      if (buddyinfo_.empty() || zone.buddyinfo) continue;
      throw files_.buddyinfo->error(fmt::format("no line for zone {} of {}", zone.info.name,
                                                at(files_.zoneinfo, zone.info.line)));
    }
    if (!snapshot_.pagetypeinfo) return;
    for (const BlockTypeCounts& counts : snapshot_.pagetypeinfo->zones) {
      SnapshotZone* const zone = find_zone(*files_.pagetypeinfo, counts.line, counts.name);
      if (zone != nullptr) zone->block_types = counts;
    }
  }

  void check_memory_blocks() {
    for (const MemoryBlock& block : snapshot_.memory.blocks) {
      if (!block.is_online()) continue;
      const bool is_in_zone = std::ranges::any_of(snapshot_.zones, [&](const SnapshotZone& zone) {
        return zone.info.start_pfn < block.range.end && block.range.start < zone.info.range().end;
      });
      if (!is_in_zone) {
        throw files_.memory_blocks->error_at_line(
            block.line, fmt::format("{} {:#x} is online, but in no zone of {}", block.name,
                                    block.range, files_.zoneinfo.base_name()));
      }
    }
  }

  const SnapshotFiles& files_;
  const PageWords& flags_;
  const PageWords& counts_;
  std::vector<BuddyInfoRow> buddyinfo_;
  std::vector<ZoneName> left_out_;
  std::uint64_t nr_open_free_ = 0;
  Snapshot snapshot_;
};

}  // namespace detail

/// Reads and checks a machine's files. Throws ParseError on what cannot be true of any machine.
[[nodiscard]] inline Snapshot read_snapshot(const SnapshotFiles& files) {
  return detail::SnapshotReader{files}.read();
}

}  // namespace pageblock
