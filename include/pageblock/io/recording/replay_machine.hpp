// SPDX-License-Identifier: MIT
/// The zones of a recorded machine, found by page or by the address that a probe names.
///
/// Layer:  io.
/// Kernel: pgdat and its zones, as far as one node has them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/exact_state.hpp"
#include "pageblock/io/recording/exact_zone.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// All zones of one node.
template <ReplayableConfig Config>
class ReplayMachine {
 public:
  /// A zone of the machine, with the address that the kernel had it at.
  struct Part {
    std::uint64_t address = 0;
    Zone<Config>& zone;  // of the node
    bool pcp_disabled = false;
  };

  /// The zones at @p t0, as large as they become until @p t1 or while memory comes online.
  ReplayMachine(const ExactState& t0, const PageRuns& pages, const ExactState& t1,
                const std::vector<recorded::Operation>& operations) {
    struct Planned {
      ExactZone zone;
      PfnRange range;
    };
    std::vector<Planned> planned;
    const auto plan = [&](const ExactZone& zone, PfnRange range) {
      for (Planned& known : planned) {
        if (known.zone.address != zone.address) continue;
        known.range = {std::min(known.range.start, range.start),
                       std::max(known.range.end, range.end)};
        return;
      }
      planned.push_back({zone, range});
    };
    for (const ExactZone& zone : t0.zones) plan(zone, zone.range());
    for (const ExactZone& zone : t1.zones) plan(empty_like(zone), zone.range());
    for (const auto& operation : operations) {
      const auto* online = std::get_if<recorded::OnlineBegin>(&operation.what);
      if (online == nullptr || !online->zone) continue;
      ExactZone zone;
      zone.address = *online->zone;
      zone.type = type_at(t0, *online->zone);
      zone.name = name_of(zone.type);
      plan(zone, online->range);
    }
    std::vector<Zone<Config>> zones;
    for (const Planned& part : planned) {
      if (std::ranges::count(zones, part.zone.type, &Zone<Config>::type) != 0) {
        throw ParseError{
            fmt::format("there are two zones {}: this is no machine of one node", part.zone.name)};
      }
      zones.push_back(make_zone<Config>(t0, part.zone, pages, part.range));
    }
    node_ = Node<Config>{std::move(zones)};
    for (const Planned& part : planned) {
      parts_.push_back({part.zone.address, *node_.find(part.zone.type)});
      // Zones are not one behind the other where hot-plugged memory went to two in turn.
      for (const PageRun& run : pages.runs()) {
        if (run.is_initialised() && run.zone() == part.zone.type) assign(run.range, parts_.back());
      }
    }
  }

  // Parts refer to the zones of the node.
  ReplayMachine(const ReplayMachine&) = delete;
  ReplayMachine& operator=(const ReplayMachine&) = delete;

  [[nodiscard]] Node<Config>& node() { return node_; }
  [[nodiscard]] std::deque<Part>& parts() { return parts_; }
  [[nodiscard]] const std::deque<Part>& parts() const { return parts_; }

  /// Returns where a page is. Throws ParseError if it is nowhere.
  [[nodiscard]] Part& part_of(Pfn pfn) {
    Part* part = find(pfn);
    if (part == nullptr) {
      throw ParseError{fmt::format("page {:#x} is in no zone", pfn)};
    }
    return *part;
  }
  [[nodiscard]] Part* find(Pfn pfn) {
    const std::size_t block = block_of(pfn);
    return block < owners_.size() ? owners_[block] : nullptr;
  }
  [[nodiscard]] Zone<Config>& zone_of(Pfn pfn) { return part_of(pfn).zone; }

  /// Returns the zone that a probe names. Throws ParseError if there is none.
  [[nodiscard]] Part& part_at(std::uint64_t address) {
    for (Part& part : parts_) {
      if (part.address == address) return part;
    }
    throw ParseError{fmt::format("there is no zone at {:#x}", address)};
  }

  /// Returns whether all of a range is memory of one zone.
  [[nodiscard]] bool is_whole(PfnRange range) const {
    const Part* owner = nullptr;
    for (std::size_t block = block_of(range.start); block < block_of(range.end); ++block) {
      const Part* part = block < owners_.size() ? owners_[block] : nullptr;
      if (part == nullptr || (owner != nullptr && part != owner)) return false;
      owner = part;
    }
    if (owner == nullptr || !owner->zone.spans(range.start) || !owner->zone.spans(range.end - 1)) {
      return false;
    }
    const auto is_hole = [](PageBits bits) { return !bits.is_valid(); };
    return owner->zone.memmap().find_if(range.start, range.end, is_hole) == range.end;
  }

  /// Returns the zone that memory comes online in, if no probe says it: the one it was in, or that
  /// spans it. Throws ParseError if there is none.
  [[nodiscard]] Part& part_for(PfnRange range) {
    if (Part* part = find(range.start)) return *part;
    for (Part& part : parts_) {
      if (part.zone.spans(range.start) && part.zone.spans(range.end - 1)) return part;
    }
    throw ParseError{fmt::format("there is no zone for {:#x}", range)};
  }

  /// Says which zone the pageblocks of a range are in, as far as the zone spans them.
  void assign(PfnRange range, Part& part) {
    range = {std::max(range.start, part.zone.start_pfn()),
             std::min(range.end, part.zone.end_pfn())};
    if (range.empty()) return;
    const std::size_t end = block_of(range.end + (Zone<Config>::pageblock_nr_pages - 1));
    if (end > owners_.size()) owners_.resize(end);
    for (std::size_t block = block_of(range.start); block < end; ++block) owners_[block] = &part;
  }

 private:
  [[nodiscard]] static std::size_t block_of(Pfn pfn) {
    return pfn.value() >> Config::pageblock_order;
  }

  // A zone that has no memory yet.
  [[nodiscard]] static ExactZone empty_like(const ExactZone& zone) {
    ExactZone empty;
    empty.type = zone.type;
    empty.name = zone.name;
    empty.address = zone.address;
    return empty;
  }

  // The zones of a node lie one behind the other in the kernel's memory.
  [[nodiscard]] static ZoneType type_at(const ExactState& state, std::uint64_t address) {
    if (const auto* zone = state.zone_at(address)) return zone->type;
    if (state.zones.size() >= 2) {
      const auto number = [](const ExactZone& zone) {
        return static_cast<std::uint64_t>(zone.type);
      };
      const auto& first = state.zones.front();
      const auto& last = state.zones.back();
      const std::uint64_t stride =
          (last.address - first.address) / std::max<std::uint64_t>(number(last) - number(first), 1);
      const std::uint64_t type = (address - first.address) / std::max<std::uint64_t>(stride, 1);
      if (type + number(first) < max_nr_zones) {
        return static_cast<ZoneType>(type + number(first));
      }
    }
    throw ParseError{fmt::format("there is no zone at {:#x}", address)};
  }

  [[nodiscard]] static std::string name_of(ZoneType type) {
    constexpr std::array names{"DMA", "DMA32", "Normal", "Movable"};
    return names[static_cast<std::size_t>(type)];
  }

  Node<Config> node_;
  std::deque<Part> parts_;
  std::vector<Part*> owners_;  // of each pageblock
};

}  // namespace pageblock
