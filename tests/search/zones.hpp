// SPDX-License-Identifier: MIT
/// The zones that can be searched.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "search/search.hpp"

namespace pageblock::search {

/// A zone by name, and how to search it.
struct Entry {
  Plan plan;
  Report (*run)(const Plan&, std::uint64_t limit, unsigned nr_threads);
};

/// The zones of each kernel, a file each, since a search takes long to compile.
std::vector<Entry> zones_of_v3_6();
std::vector<Entry> zones_of_v6_1();
std::vector<Entry> zones_of_v6_12();

/// Zones of @p nr_pages pages from 0, whose first block is of each of these types.
template <ZoneConfig Config>
[[nodiscard]] std::vector<ZoneLayout> layouts(std::uint64_t nr_pages) {
  constexpr std::uint64_t block_size = Geometry<Config>::pageblock_nr_pages;
  constexpr MigrateType kept =
      has_type<Config>(MigrateType::reserve) ? MigrateType::reserve : MigrateType::highatomic;
  std::vector<ZoneLayout> result;
  for (const MigrateType type :
       {MigrateType::movable, MigrateType::unmovable, kept, MigrateType::cma}) {
    result.push_back({.spanned_pages = nr_pages,
                      .block_types = {{{Pfn{0}, Pfn{block_size}}, type}},
                      .nr_cpus = Config::nr_cpus});
  }
  return result;
}

/// Returns a zone of @p nr_pages pages, and the rows that its search must find.
template <unsigned MaxOrder, unsigned PageblockOrder, unsigned NrCpus, typename Kernel>
[[nodiscard]] Entry entry(std::string name, std::uint64_t nr_pages, std::vector<Row> rows) {
  using Config = SmallConfig<MaxOrder, PageblockOrder, NrCpus, Kernel>;
  // From v6.1 on a drain leaves a batch at least; in v6.12 the limit moves, too.
  const Pageset pageset{.batch = 2,
                        .high = test::is_later<Config> ? 3U : 2U,
                        .high_max = test::is_tuned<Config> ? 5U : 0U};
  return {{.name = std::move(name),
           .code = fmt::format(
               "Zone<SmallConfig<{}, {}, {}, V{}_{}>> zone{{{{.spanned_pages = {}, .block_types = "
               "{{{{{{Pfn{{0}}, Pfn{{{}}}}}, TYPE}}}}, .nr_cpus = {}}}}}; {};",
               MaxOrder, PageblockOrder, NrCpus, Config::semantics.major, Config::semantics.minor,
               nr_pages, Geometry<Config>::pageblock_nr_pages, NrCpus,
               test::to_code_for<Config>({.call = Call::set_pageset,
                                          .number = pageset.batch,
                                          .high = pageset.high,
                                          .high_max = pageset.high_max})),
           .layouts = layouts<Config>(nr_pages),
           .pageset = pageset,
           .rows = std::move(rows)},
          [](const Plan& plan, std::uint64_t limit, unsigned nr_threads) {
            return Search<Config>{plan, nr_threads}.run(limit);
          }};
}

}  // namespace pageblock::search
