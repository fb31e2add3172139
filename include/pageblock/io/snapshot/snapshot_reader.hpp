// SPDX-License-Identifier: MIT
/// Builds a snapshot from a machine's files and checks them against each other.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"

namespace pageblock {
namespace detail {

/// Makes one Snapshot. The steps depend on each other in the order in which they stand.
class SnapshotReader {
 public:
  explicit SnapshotReader(const SnapshotFiles& files)
      : files_{files}, flags_{files.kpageflags}, counts_{files.kpagecount} {}

  [[nodiscard]] Snapshot read() {
    std::vector<ZoneInfo> zones = parse_zoneinfo(files_.zoneinfo);
    check_sizes(zones);
    leave_out_device_zones(zones);
    classify();
    read_memory(zones);
    for (ZoneInfo& info : zones) add_zone(std::move(info));
    read_buddyinfo();
    read_pagetypeinfo();
    check_memory_blocks();
    return std::move(snapshot_);
  }

 private:
  void note(std::string text) { snapshot_.notes.push_back(std::move(text)); }
  [[nodiscard]] std::string at(const InputFile& file, std::size_t line) const {
    return fmt::format("{}:{}", file.base_name(), line);
  }

  void check_sizes(const std::vector<ZoneInfo>& zones) {
    if (counts_.size() < flags_.size()) {
      throw files_.kpagecount.error_at_byte(
          counts_.size() * PageWords::word,
          fmt::format("the file ends behind {} pages, but {} has {}", counts_.size(),
                      files_.kpageflags.base_name(), flags_.size()));
    }
    if (counts_.size() > flags_.size()) {
      note(fmt::format("{} has {} pages, {} has {}: the last ones are not used",
                       files_.kpagecount.base_name(), counts_.size(), files_.kpageflags.base_name(),
                       flags_.size()));
    }
    const ZoneInfo& last = zones.back();
    if (last.range().end > Pfn{flags_.size()}) {
      throw files_.kpageflags.error_at_byte(
          flags_.size() * PageWords::word,
          fmt::format("the file ends behind {} pages, but zone {} of {} reaches to {}",
                      flags_.size(), last.name, at(files_.zoneinfo, last.line), last.range().end));
    }
  }

  void leave_out_device_zones(std::vector<ZoneInfo>& zones) {
    std::erase_if(zones, [this](const ZoneInfo& zone) {
      if (zone.type) return false;
      note(fmt::format("{}: zone {} is left out: its pages are not the page allocator's",
                       at(files_.zoneinfo, zone.line), zone.name));
      return true;
    });
    if (zones.empty()) throw files_.zoneinfo.error("no zone has memory");
  }

  void classify() {
    PageClassifier classifier;
    snapshot_.kinds.reserve(flags_.size());
    for (std::uint64_t pfn = 0; pfn < flags_.size(); ++pfn) {
      snapshot_.kinds.push_back(classifier(flags_[pfn]));
    }
    if (classifier.nr_lone_tails() != 0) {
      note(fmt::format("{}: {} compound tails have no head below them; they count as unknown",
                       files_.kpageflags.base_name(), classifier.nr_lone_tails()));
    }
  }

  // Finds out where there is no memory, from whatever says so.
  void read_memory(const std::vector<ZoneInfo>& zones) {
    if (files_.iomem) {
      const auto ram = parse_iomem(*files_.iomem);
      if (ram.empty()) {
        note(fmt::format("{}: has no addresses of System RAM, as when read without root; not used",
                         files_.iomem->base_name()));
      } else {
        snapshot_.knows_ram = true;
        mark(zones, ram, *files_.iomem, "outside System RAM");
      }
    }
    if (files_.memory_blocks) {
      snapshot_.memory = parse_memory_blocks(*files_.memory_blocks);
      std::vector<PfnRange> ranges;
      for (const MemoryBlock& block : snapshot_.memory.blocks) ranges.push_back(block.range);
      mark(zones, merged(std::move(ranges)), *files_.memory_blocks, "outside all memory blocks");
    } else {
      snapshot_.memory_is_assumed = true;
      snapshot_.memory = assumed_memory_blocks(zones, snapshot_.kinds);
    }
  }
  void mark(const std::vector<ZoneInfo>& zones, const std::vector<PfnRange>& memory,
            const InputFile& file, std::string_view where) {
    for (const ZoneInfo& zone : zones) {
      const std::uint64_t nr_others = mark_holes(snapshot_.kinds, zone, memory);
      if (nr_others == 0) continue;
      note(fmt::format("{}: {} pages of zone {} are {}, but {} shows them free or in use",
                       file.base_name(), nr_others, zone.name, where,
                       files_.kpageflags.base_name()));
    }
  }

  void add_zone(ZoneInfo info) {
    SnapshotZone zone;
    zone.type = *info.type;
    zone.info = std::move(info);
    const PfnRange range = zone.info.range();
    std::uint64_t nr_unbelievable = 0;
    for (Pfn pfn = range.start; pfn < range.end; ++pfn) {
      PageKind& kind = snapshot_.kinds[pfn.value()];
      // The kernel puts nothing of its own into this zone, so only a per-CPU list is left.
      if (zone.type == ZoneType::movable && kind == PageKind::unknown) kind = PageKind::per_cpu;
      if (kind == PageKind::per_cpu) ++zone.nr_per_cpu;
      zone.counts.add(kind);
      if (movability(kind) == Movability::movable && counts_[pfn.value()] > most_mappings) {
        ++nr_unbelievable;
      }
    }
    if (nr_unbelievable != 0) {
      note(fmt::format(
          "{}: {} movable pages of zone {} are mapped more than {} times; they count "
          "one reference",
          files_.kpagecount.base_name(), nr_unbelievable, zone.info.name, most_mappings));
    }
    check_free(files_.zoneinfo, zone.info.line, zone, zone.info.free);
    const std::string place = at(files_.zoneinfo, zone.info.line);
    if (zone.counts.nr_present() != zone.info.present) {
      note(fmt::format("{}: zone {} has {} present pages, {} shows {}{}", place, zone.info.name,
                       zone.info.present, files_.kpageflags.base_name(), zone.counts.nr_present(),
                       snapshot_.knows_ram ? "" : "; only iomem tells reserved pages from holes"));
    }
    const std::uint64_t nr_flagless = zone.nr_per_cpu + zone.counts[Movability::unknown];
    if (nr_flagless < zone.info.per_cpu_count()) {
      note(fmt::format("{}: zone {} has {} pages on per-CPU lists, {} shows {} that could be there",
                       place, zone.info.name, zone.info.per_cpu_count(),
                       files_.kpageflags.base_name(), nr_flagless));
    }
    snapshot_.zones.push_back(std::move(zone));
  }

  // A machine under load frees and takes megabytes between two reads; an eighth of a zone and 8 MiB
  // more is another machine or another day.
  void check_free(const InputFile& file, std::size_t line, const SnapshotZone& zone,
                  std::uint64_t free) {
    const std::uint64_t tolerance = zone.info.present / 8 + 2048;
    const std::uint64_t shown = zone.nr_buddy();
    const std::uint64_t difference = free > shown ? free - shown : shown - free;
    if (difference == 0) return;
    if (difference > tolerance) {
      throw file.error_at_line(
          line, fmt::format("zone {} has {} free pages, but {} shows {}: the files are not of one "
                            "machine at one time",
                            zone.info.name, free, files_.kpageflags.base_name(), shown));
    }
    note(fmt::format("{}: zone {} has {} free pages, {} shows {}", at(file, line), zone.info.name,
                     free, files_.kpageflags.base_name(), shown));
  }

  [[nodiscard]] SnapshotZone& find_zone(const InputFile& file, std::size_t line,
                                        const ZoneName& name) {
    const auto found = std::ranges::find_if(
        snapshot_.zones, [&](const SnapshotZone& zone) { return zone.info.name == name; });
    if (found == snapshot_.zones.end()) {
      throw file.error_at_line(
          line, fmt::format("zone {} of node {} has no memory in {}", name.zone, name.node,
                            files_.zoneinfo.base_name()));
    }
    return *found;
  }

  void read_buddyinfo() {
    if (!files_.buddyinfo) return;
    for (BuddyInfoRow& row : parse_buddyinfo(*files_.buddyinfo)) {
      if (row.name.zone == "Device") continue;
      SnapshotZone& zone = find_zone(*files_.buddyinfo, row.line, row.name);
      check_free(*files_.buddyinfo, row.line, zone, row.nr_free_pages());
      zone.buddyinfo = std::move(row);
    }
    for (const SnapshotZone& zone : snapshot_.zones) {
      if (zone.info.present == 0 || zone.buddyinfo) continue;
      throw files_.buddyinfo->error(fmt::format("no line for zone {} of {}", zone.info.name,
                                                at(files_.zoneinfo, zone.info.line)));
    }
  }

  void read_pagetypeinfo() {
    if (!files_.pagetypeinfo) return;
    snapshot_.pagetypeinfo = parse_pagetypeinfo(*files_.pagetypeinfo);
    for (const BlockTypeCounts& counts : snapshot_.pagetypeinfo->zones) {
      if (counts.name.zone == "Device") continue;
      find_zone(*files_.pagetypeinfo, counts.line, counts.name).block_types = counts;
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
  PageWords flags_;
  PageWords counts_;
  Snapshot snapshot_;
};

}  // namespace detail

/// Reads and checks a machine's files. Throws ParseError on what cannot be true of any machine.
[[nodiscard]] inline Snapshot read_snapshot(const SnapshotFiles& files) {
  return detail::SnapshotReader{files}.read();
}

}  // namespace pageblock
