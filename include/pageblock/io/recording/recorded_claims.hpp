// SPDX-License-Identifier: MIT
/// Makes the model decide about stolen pageblocks as the kernel did.
///
/// Layer:  io.
/// Kernel: steal_suitable_fallback() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Whether a stolen pageblock is claimed depends on how many of its pages are on an LRU list at that
/// moment, which no event says. Where the pages that are known to be movable would give another
/// decision than the trace shows, others count as movable while the request is served. Chunks of a
/// block and more are claimed whatever is in them.
template <ReplayableConfig Config>
class ClaimsAsRecorded {
 public:
  ClaimsAsRecorded(Zone<Config>& zone, MigrateType start,
                   const std::vector<recorded::Steal>& steals)
      : zone_{zone} {
    for (const recorded::Steal& steal : steals) {
      const PageBits head = zone.memmap().bits(steal.pfn);
      if (head.has(PageBits::buddy) && head.order() >= Zone<Config>::pageblock_order) continue;
      const MigrateType old = zone.pageblock_flags().get(steal.pfn);
      if (old == MigrateType::highatomic) continue;  // is never claimed
      const Block block = look(steal.pfn);
      const bool movable_helps = start == MigrateType::movable;
      if (!movable_helps && old != MigrateType::movable) continue;  // free pages alone decide
      const bool agrees = decides(block, start) == steal.claimed;
      agree_.push_back(agrees);
      if (!agrees) mark(steal.pfn, movable_helps == steal.claimed);
    }
  }
  ClaimsAsRecorded(const ClaimsAsRecorded&) = delete;
  ClaimsAsRecorded& operator=(const ClaimsAsRecorded&) = delete;
  ~ClaimsAsRecorded() {
    // What the request got is no longer as it was marked, and no page of these is on an LRU.
    for (auto i = marked_.rbegin(); i != marked_.rend(); ++i) {
      const PageBits now = zone_.memmap().bits(i->first);
      if (now == i->second.with(as_movable) || now == i->second.without(PageBits::lru)) {
        zone_.memmap().set_bits(i->first, i->second);
      }
    }
  }

  /// Returns for each steal whose decision is open whether the known pages gave it.
  [[nodiscard]] const std::vector<bool>& agree() const { return agree_; }

 private:
  static constexpr unsigned as_movable = PageBits::in_use | PageBits::lru;

  struct Block {
    std::uint64_t free = 0;
    std::uint64_t movable = 0;
  };

  // Visits the pages of a block that are in no free chunk, and returns how many pages are in one.
  template <typename Visitor>
  std::uint64_t for_each_used(Pfn pfn, Visitor visit) {
    const Pfn start = std::max(pfn.align_down(Zone<Config>::pageblock_order), zone_.start_pfn());
    const Pfn end =
        std::min(pfn.align_down(Zone<Config>::pageblock_order) + Zone<Config>::pageblock_nr_pages,
                 zone_.end_pfn());
    std::uint64_t free = 0;
    for (Pfn page = start; page < end;) {
      const PageBits bits = zone_.memmap().bits(page);
      if (bits.has(PageBits::buddy)) {
        free += bits.order().nr_pages();
        page += bits.order().nr_pages();
      } else {
        visit(page, bits);
        ++page;
      }
    }
    return free;
  }

  [[nodiscard]] Block look(Pfn pfn) {
    Block block;
    block.free = for_each_used(pfn, [&](Pfn, PageBits bits) {
      if (bits.has(PageBits::lru)) ++block.movable;
    });
    return block;
  }

  [[nodiscard]] static bool decides(const Block& block, MigrateType start) {
    const std::uint64_t alike = start == MigrateType::movable
                                    ? block.movable
                                    : Zone<Config>::pageblock_nr_pages - block.free - block.movable;
    return block.free + alike >= Zone<Config>::pageblock_nr_pages / 2;
  }

  void mark(Pfn pfn, bool movable) {
    for_each_used(pfn, [&](Pfn page, PageBits bits) {
      marked_.emplace_back(page, bits);
      zone_.memmap().set_bits(page, movable ? bits.with(as_movable) : bits.without(PageBits::lru));
    });
  }

  Zone<Config>& zone_;
  std::vector<bool> agree_;
  std::vector<std::pair<Pfn, PageBits>> marked_;
};

}  // namespace pageblock
