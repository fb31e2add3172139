// SPDX-License-Identifier: MIT
/// The state hash and the dump of format version 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pageblock/pageblock.hpp"

#include "conformance/text.hpp"

namespace conformance::format1 {

/// Returns the hash of the whole state.
template <pageblock::ZoneConfig Config>
[[nodiscard]] std::uint64_t state_hash(const pageblock::Zone<Config>& zone) {
  using namespace pageblock;
  Fnv fnv;
  fnv.add(static_cast<std::uint64_t>(zone.nr_free_pages()));
  fnv.add(static_cast<std::uint64_t>(zone.nr_pageblock_isolate()));
  for (std::size_t block = 0; block < zone.pageblock_flags().size(); ++block) {
    fnv.add(Config::semantics.number_of(zone.pageblock_flags()[block]));
  }
  for (Order order{0}; order.value() < Config::max_order; ++order) {
    fnv.add(zone.nr_free(order));
    for (const MigrateType type : Config::semantics.migratetypes) {
      for (const Pfn pfn : zone.free_list(order, type)) fnv.add(pfn.value());
      fnv.separate();
    }
  }
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const PerCpuPages<Config>& pcp = zone.pcp(Cpu{id});
    fnv.add(pcp.count);
    for (std::size_t index = 0; index < nr_pcp_types; ++index) {
      const PcpList& list = pcp.list(Config::semantics.migratetypes[index]);
      for (std::size_t i = 0; i < list.size(); ++i) {
        fnv.add(list[i].value());
        fnv.add(zone.page(list[i]).page_private());
      }
      fnv.separate();
    }
  }
  return fnv.value();
}

/// Returns the dump of the whole state, line by line, without the "| ".
template <pageblock::ZoneConfig Config>
[[nodiscard]] std::vector<std::string> dump(const pageblock::Zone<Config>& zone) {
  using namespace pageblock;
  std::vector<std::string> lines{"begin"};
  lines.push_back(
      concat("free_pages=", zone.nr_free_pages(), " nr_isolate=", zone.nr_pageblock_isolate()));
  std::string blocks = "blocks";
  const auto& types = zone.pageblock_flags();
  for (std::size_t block = 0; block < types.size();) {
    std::size_t end = block;
    while (end < types.size() && types[end] == types[block]) ++end;
    blocks += concat(" ", Config::semantics.number_of(types[block]), "*", end - block);
    block = end;
  }
  lines.push_back(blocks);
  for (Order order{0}; order.value() < Config::max_order; ++order) {
    lines.push_back(concat("area order=", order.value(), " nr_free=", zone.nr_free(order)));
    for (std::size_t number = 0; number < Config::semantics.migratetypes.size(); ++number) {
      std::string line = concat("free order=", order.value(), " mt=", number, " :");
      const std::size_t empty = line.size();
      for (const Pfn pfn : zone.free_list(order, Config::semantics.migratetypes[number])) {
        line += concat(" ", pfn.value());
      }
      if (line.size() != empty) lines.push_back(line);
    }
  }
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const PerCpuPages<Config>& pcp = zone.pcp(Cpu{id});
    lines.push_back(concat("pcp cpu=", id, " count=", pcp.count));
    for (std::size_t number = 0; number < nr_pcp_types; ++number) {
      const PcpList& list = pcp.list(Config::semantics.migratetypes[number]);
      if (list.empty()) continue;
      std::string line = concat("pcplist cpu=", id, " mt=", number, " :");
      for (std::size_t i = 0; i < list.size(); ++i) {
        line += concat(" ", list[i].value(), "/", zone.page(list[i]).page_private());
      }
      lines.push_back(line);
    }
  }
  lines.push_back(concat("end h=", hex(state_hash(zone))));
  return lines;
}

}  // namespace conformance::format1
