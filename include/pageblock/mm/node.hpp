// SPDX-License-Identifier: MIT
/// The zones of a machine together, as a value.
///
/// Layer:  mm.
/// Kernel: struct pglist_data with node_zones[] and node_zonelists[] (include/linux/mmzone.h) of a
///         machine with one node.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// The zones of a node, which may serve each other's requests. It is a regular value as a zone is:
/// a copy is a snapshot with fresh locks and tracers, `==` compares all zones, std::hash agrees
/// with it. Zones may interleave: each has a hole where another has memory.
///
///     zonelist of a request    for Movable   Movable, Normal, DMA32, DMA
///                              for Normal             Normal, DMA32, DMA
///
/// Moving a node leaves its zones where they are, so that references to them stay valid.
template <ZoneConfig Config_ = DefaultConfig>
class Node {
 public:
  using Config = Config_;

  /// A node without zones.
  Node() = default;

  /// Makes a node of @p zones, in any order.
  /// Requires: no two of them are of one type; all have the same number of CPUs.
  explicit Node(std::vector<Zone<Config>> zones) : zones_{std::move(zones)} {
    // Zones are large: each is moved once.
    for (std::size_t i = 0; i < zones_.size(); ++i) {
      const auto highest =
          std::max_element(zones_.begin() + static_cast<std::ptrdiff_t>(i), zones_.end(),
                           [](const auto& a, const auto& b) { return a.type() < b.type(); });
      if (&zones_[i] != &*highest) std::swap(zones_[i], *highest);
      bug_on(i != 0 && zones_[i - 1].type() == zones_[i].type(), "two zones are of one type");
      bug_on(zones_[0].nr_cpus() != zones_[i].nr_cpus(), "zones have different numbers of CPUs");
    }
  }

  friend bool operator==(const Node&, const Node&) = default;

  /// Returns a hash that is equal for equal nodes.
  [[nodiscard]] std::size_t hash() const {
    std::uint64_t sum = zones_.size();
    for (const Zone<Config>& zone : zones_) {
      sum = (sum ^ zone.hash()) * 0x9e3779b97f4a7c15U;
      sum ^= sum >> 29;
    }
    return sum;
  }

  /// Returns all zones, the highest type first.
  [[nodiscard]] std::span<Zone<Config>> zones() { return zones_; }
  /// Returns its zones, from the lowest.
  [[nodiscard]] std::span<const Zone<Config>> zones() const { return zones_; }

  /// Returns the zones that may serve a request for @p highest, in the order in which they are
  /// asked. Those without present pages, which the kernel leaves out, are among them.
  /// Kernel: for_each_zone_zonelist().
  [[nodiscard]] std::span<Zone<Config>> zonelist(ZoneType highest) {
    return std::span{zones_}.subspan(nr_above(highest));
  }
  /// Returns the zones up to @p highest, from the lowest.
  [[nodiscard]] std::span<const Zone<Config>> zonelist(ZoneType highest) const {
    return std::span{zones_}.subspan(nr_above(highest));
  }

  /// Returns the zone that is asked first for @p highest, or null: the first with present pages.
  /// Kernel: first_zones_zonelist(), ac->preferred_zoneref.
  [[nodiscard]] Zone<Config>* preferred_zone(ZoneType highest) {
    return first_in(zonelist(highest), has_pages);
  }
  /// Returns the zone that a request up to @p highest asks first; none if there is none.
  [[nodiscard]] const Zone<Config>* preferred_zone(ZoneType highest) const {
    return first_in(zonelist(highest), has_pages);
  }

  /// Returns the zone of a type, or null if the node has none.
  [[nodiscard]] Zone<Config>* find(ZoneType type) { return first_in(zones(), is_of(type)); }
  /// Returns the zone of @p type; none if there is none.
  [[nodiscard]] const Zone<Config>* find(ZoneType type) const {
    return first_in(zones(), is_of(type));
  }

  /// Returns the zone that has memory at @p pfn, or null. Kernel: page_zone().
  [[nodiscard]] Zone<Config>* zone_of(Pfn pfn) { return first_in(zones(), has_page(pfn)); }
  /// Returns the zone that @p pfn is in; none if there is none.
  [[nodiscard]] const Zone<Config>* zone_of(Pfn pfn) const {
    return first_in(zones(), has_page(pfn));
  }

 private:
  [[nodiscard]] std::size_t nr_above(ZoneType highest) const {
    std::size_t nr = 0;
    while (nr < zones_.size() && zones_[nr].type() > highest) ++nr;
    return nr;
  }

  static constexpr auto has_pages = [](const auto& zone) { return zone.present_pages() != 0; };
  [[nodiscard]] static auto is_of(ZoneType type) {
    return [type](const auto& zone) { return zone.type() == type; };
  }
  [[nodiscard]] static auto has_page(Pfn pfn) {
    return [pfn](const auto& zone) { return zone.is_valid(pfn); };
  }
  [[nodiscard]] static auto* first_in(auto zones, auto condition) {
    const auto found = std::ranges::find_if(zones, condition);
    return found == zones.end() ? nullptr : &*found;
  }

  std::vector<Zone<Config>> zones_;  // the highest type first
};

}  // namespace pageblock

template <pageblock::ZoneConfig Config>
struct std::hash<pageblock::Node<Config>> {
  std::size_t operator()(const pageblock::Node<Config>& node) const { return node.hash(); }
};
