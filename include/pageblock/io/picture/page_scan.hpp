// SPDX-License-Identifier: MIT
/// Goes through the pageblocks of a zone and says how each looks.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/lab/page_scan.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns the look of a pageblock with these pages, whose type is @p type.
[[nodiscard]] constexpr BlockLook look_of(const BlockPages& pages, MigrateType type) {
  return type == MigrateType::isolate && pages.present != 0 ? BlockLook::isolated : look_of(pages);
}

/// What is to be seen of a pageblock: its look, its type, and the runs of its pages.
struct SeenBlock {
  BlockLook look = BlockLook::hole;
  MigrateType type = MigrateType::movable;
  std::vector<LookRun> runs{};
  friend bool operator==(const SeenBlock&, const SeenBlock&) = default;
};

/// Looks at a zone's pageblocks one by one, from one upward.
template <ZoneConfig Config>
class BlockScan {
 public:
  BlockScan(const Zone<Config>& zone, Pfn block) : zone_{zone}, block_{block}, scan_{zone, block} {}

  [[nodiscard]] SeenBlock next() {
    const Pfn end = block_ + Zone<Config>::pageblock_nr_pages;
    const Pfn first = std::max(block_, zone_.start_pfn());
    SeenBlock seen;
    if (zone_.spans(first) && first < end) seen.type = zone_.pageblock_flags().get(first);
    BlockPages pages;
    for (Pfn pfn = block_; pfn < end;) {
      const LookRun run = scan_.next(end);
      pages.add(run.look, run.nr_pages);
      if (!seen.runs.empty() && seen.runs.back().look == run.look && run.look != PageLook::free) {
        seen.runs.back().nr_pages += run.nr_pages;
      } else {
        seen.runs.push_back(run);
      }
      pfn = pfn + run.nr_pages;
    }
    block_ = end;
    seen.look = look_of(pages, seen.type);
    return seen;
  }

 private:
  const Zone<Config>& zone_;
  Pfn block_;
  PageScan<Config> scan_;
};

/// Returns the first page of the first pageblock that a zone has room for, which may lie before the zone.
/// Pictures show the room, so that they stay as large as they are when memory goes.
template <ZoneConfig Config>
[[nodiscard]] Pfn first_block(const Zone<Config>& zone) {
  return zone.room().start.align_down(Zone<Config>::pageblock_order);
}

}  // namespace pageblock
