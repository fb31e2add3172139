// SPDX-License-Identifier: MIT
/// The state hash and the dump of format version 6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/pageblock.hpp"

#include "conformance/text.hpp"

namespace conformance::format6 {

/// A number of the state, with the name that the dump has for it.
using Value = std::pair<const char*, std::uint64_t>;

/// Whether per-CPU lists tune their limits (v6.7): they have more numbers, and remember no type.
template <pageblock::ZoneConfig Config>
inline constexpr bool tunes_lists = Config::semantics.pcp_tuning == pageblock::PcpTuning::tuned;

/// Returns the zone's numbers, in the order of the dump.
template <pageblock::ZoneConfig Config>
[[nodiscard]] std::vector<Value> numbers_of(const pageblock::Zone<Config>& zone) {
  const auto& pressure = zone.pressure();
  std::vector<Value> values{{"free_pages", static_cast<std::uint64_t>(zone.nr_free_pages())},
                            {"free_cma", static_cast<std::uint64_t>(zone.nr_free_cma_pages())},
                            {"nr_isolate", static_cast<std::uint64_t>(zone.nr_pageblock_isolate())},
                            {"reserved_highatomic", pressure.nr_reserved_highatomic}};
  std::uint64_t flags = (pressure.boosted ? 1U : 0U) | (pressure.reclaim_active ? 2U : 0U);
  if constexpr (tunes_lists<Config>) {
    if constexpr (requires { zone.nr_free_highatomic(); }) {
      values.emplace_back("free_highatomic", static_cast<std::uint64_t>(zone.nr_free_highatomic()));
    } else {
      values.emplace_back("free_highatomic", std::uint64_t{0});
    }
    flags |= pressure.below_high ? 4U : 0U;
  }
  if constexpr (Config::semantics.counts_free_blocks) {
    values.emplace_back("free_blocks", nr_free_pages_blocks(zone));
  }
  values.emplace_back("boost", pressure.watermark_boost);
  values.emplace_back("zflags", flags);
  return values;
}

/// Returns the numbers of a CPU's lists, in the order of the hash.
template <pageblock::ZoneConfig Config>
[[nodiscard]] std::vector<Value> numbers_of(const pageblock::PerCpuPages<Config>& pcp) {
  if constexpr (tunes_lists<Config>) {
    const std::uint64_t flags =
        (pcp.prev_free_high_order ? 1U : 0U) | (pcp.free_high_batch ? 2U : 0U);
    return {{"count", pcp.count},
            {"high", pcp.high},
            {"high_min", pcp.high_min},
            {"high_max", pcp.high_max},
            {"batch", pcp.batch},
            {"flags", flags},
            {"alloc_factor", pcp.alloc_factor},
            {"free_count", pcp.free_count}};
  } else {
    return {{"count", pcp.count},
            {"high", pcp.high},
            {"batch", pcp.batch},
            {"free_factor", pcp.free_factor}};
  }
}

/// The format has lists of huge pages whether the kernel keeps any or not.
inline constexpr std::size_t nr_pcp_lists = 14;

/// Returns the hash of the whole state.
template <pageblock::ZoneConfig Config>
[[nodiscard]] std::uint64_t state_hash(const pageblock::Zone<Config>& zone) {
  using namespace pageblock;
  Fnv fnv;
  std::vector<Value> numbers = numbers_of(zone);
  if constexpr (Config::semantics.counts_free_blocks) {  // in the hash it follows the first two
    std::rotate(numbers.begin() + 2, numbers.begin() + 5, numbers.begin() + 6);
  }
  for (const auto& [name, value] : numbers) fnv.add(value);
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
  const PerCpuPages<Config>& pcp = zone.pcp(Cpu{0});
  for (const auto& [name, value] : numbers_of(pcp)) fnv.add(value);
  for (std::size_t index = 0; index < nr_pcp_lists; ++index) {
    for (std::size_t i = 0; index < pcp.lists.size() && i < pcp.lists[index].size(); ++i) {
      const Pfn pfn = pcp.lists[index][i];
      fnv.add(pfn.value());
      if constexpr (!tunes_lists<Config>) fnv.add(zone.page(pfn).page_private());
    }
    fnv.separate();
  }
  return fnv.value();
}

/// Returns the dump of the whole state, line by line, without the "| ".
template <pageblock::ZoneConfig Config>
[[nodiscard]] std::vector<std::string> dump(const pageblock::Zone<Config>& zone) {
  using namespace pageblock;
  const auto add = [](std::string& line, const std::vector<Value>& values) {
    for (const auto& [name, value] : values) {
      if (!line.empty()) line += " ";
      line += concat(name, "=", static_cast<std::int64_t>(value));
    }
  };
  std::string numbers;
  add(numbers, numbers_of(zone));
  std::vector<std::string> lines{"begin", concat(numbers, " managed=", zone.managed_pages())};
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
    if (zone.nr_free(order) == 0) continue;
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
  const PerCpuPages<Config>& pcp = zone.pcp(Cpu{0});
  std::string cpu = "pcp cpu=0";
  add(cpu, numbers_of(pcp));
  lines.push_back(cpu);
  for (std::size_t index = 0; index < pcp.lists.size(); ++index) {
    if (pcp.lists[index].empty()) continue;
    std::string line = concat("pcplist cpu=0 list=", index, " :");
    for (std::size_t i = 0; i < pcp.lists[index].size(); ++i) {
      const Pfn pfn = pcp.lists[index][i];
      line += concat(" ", pfn.value());
      if constexpr (!tunes_lists<Config>) line += concat("/", zone.page(pfn).page_private());
    }
    lines.push_back(line);
  }
  lines.push_back(concat("end h=", hex(state_hash(zone))));
  return lines;
}

}  // namespace conformance::format6
