// SPDX-License-Identifier: MIT
/// Which types of pages each pageblock holds, kept up to date by whoever allocates and frees.
///
/// Layer:  lab.
/// Kernel: none. CONFIG_PAGE_OWNER's pagetypeinfo counts mixed blocks, in a pass over all pages.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/lab/page_scan.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Counts the pages in use in each pageblock by the type of their request. A page of memory tells at
/// most whether it can move, so the ledger is told: of each chunk when it is handed out, and when it is
/// given back. Answers that count blocks cost nothing, whatever the size of the zone.
class BlockLedger {
 public:
  /// Begins with what is in use in @p zone: pages on LRU lists as movable, others as unmovable.
  template <ZoneConfig Config>
  explicit BlockLedger(const Zone<Config>& zone)
      : base_{zone.start_pfn().align_down(Zone<Config>::pageblock_order)},
        block_order_{Zone<Config>::pageblock_order},
        blocks_((zone.end_pfn() - base_ + block_order_.nr_pages() - 1) >> block_order_.value()) {
    PageScan<Config> scan{zone, base_};
    const Pfn end = zone.end_pfn().align_up(block_order_);
    for (Pfn pfn = base_; pfn < end;) {
      const Pfn block_end = (pfn + 1).align_up(block_order_);
      const LookRun run = scan.next(block_end);
      if (run.look == PageLook::hole) block_of(pfn).has_hole = true;
      if (run.look == PageLook::movable) add(pfn, run.nr_pages, MigrateType::movable);
      if (run.look == PageLook::unmovable) add(pfn, run.nr_pages, MigrateType::unmovable);
      pfn = pfn + run.nr_pages;
    }
  }

  /// Takes down that a chunk was handed out for a request of @p type.
  /// Requires: the chunk lies in the zone; @p type is unmovable, reclaimable or movable.
  void on_alloc(Pfn pfn, Order order, MigrateType type) {
    check(pfn, order, type);
    each_block(pfn, order, [&](Pfn part, std::uint64_t nr_pages) { add(part, nr_pages, type); });
  }
  /// Takes down that it was given back.
  /// Requires: on_alloc() was told of it.
  void on_free(Pfn pfn, Order order, MigrateType type) {
    check(pfn, order, type);
    each_block(pfn, order, [&](Pfn part, std::uint64_t nr_pages) { remove(part, nr_pages, type); });
  }

  /// Returns the number of pageblocks.
  [[nodiscard]] std::uint64_t nr_blocks() const { return blocks_.size(); }
  /// Returns how many hold pages of @p type.
  [[nodiscard]] std::uint64_t nr_with(MigrateType type) const { return nr_with_[index_of(type)]; }
  /// Returns how many hold pages of several types.
  [[nodiscard]] std::uint64_t nr_mixed() const { return nr_mixed_; }
  /// Returns the pages of @p type in use.
  [[nodiscard]] std::uint64_t nr_pages(MigrateType type) const { return nr_pages_[index_of(type)]; }
  /// Returns those of @p type in the block of @p pfn.
  [[nodiscard]] std::uint64_t nr_pages_in_block(Pfn pfn, MigrateType type) const {
    return blocks_[index_of_block(pfn)].nr[index_of(type)];
  }
  /// Returns the share of the blocks that hold unmovable pages, in thousandths.
  [[nodiscard]] std::uint64_t unmovable_scatter() const {
    return thousandths(nr_with(MigrateType::unmovable), nr_blocks());
  }

  /// Returns how many neighbouring blocks could be emptied, at most: all in them is free or movable.
  /// Cost: the number of blocks.
  [[nodiscard]] std::uint64_t longest_emptiable() const {
    std::uint64_t longest = 0;
    std::uint64_t run = 0;
    for (const Block& block : blocks_) {
      const bool stays = block.has_hole || block.nr[index_of(MigrateType::unmovable)] != 0 ||
                         block.nr[index_of(MigrateType::reclaimable)] != 0;
      run = stays ? 0 : run + 1;
      longest = std::max(longest, run);
    }
    return longest;
  }

 private:
  struct Block {
    std::array<std::uint32_t, nr_pcp_types> nr{};
    bool has_hole = false;

    [[nodiscard]] bool is_mixed() const {
      return std::ranges::count_if(nr, [](std::uint32_t pages) { return pages != 0; }) > 1;
    }
  };

  void check(Pfn pfn, Order order, MigrateType type) const {
    bug_on(!is_pcp_type(type), "requests are unmovable, reclaimable or movable");
    const std::uint64_t end = blocks_.size() << block_order_.value();
    bug_on(pfn < base_ || pfn - base_ >= end || end - (pfn - base_) < order.nr_pages(),
           "the chunk is not in the ledger's zone");
  }

  // A chunk is aligned, so it lies in one block or is made of whole ones.
  template <typename Visit>
  void each_block(Pfn pfn, Order order, Visit visit) const {
    if (order <= block_order_) return visit(pfn, order.nr_pages());
    const Pfn end = pfn + order.nr_pages();
    for (; pfn < end; pfn = pfn + block_order_.nr_pages()) visit(pfn, block_order_.nr_pages());
  }

  void add(Pfn pfn, std::uint64_t nr_pages, MigrateType type) {
    Block& block = block_of(pfn);
    const bool was_mixed = block.is_mixed();
    std::uint32_t& nr = block.nr[index_of(type)];
    if (nr == 0) ++nr_with_[index_of(type)];
    nr += static_cast<std::uint32_t>(nr_pages);
    nr_pages_[index_of(type)] += nr_pages;
    if (!was_mixed && block.is_mixed()) ++nr_mixed_;
  }

  void remove(Pfn pfn, std::uint64_t nr_pages, MigrateType type) {
    Block& block = block_of(pfn);
    std::uint32_t& nr = block.nr[index_of(type)];
    bug_on(nr < nr_pages, "the ledger has fewer pages of this type in the block");
    const bool was_mixed = block.is_mixed();
    nr -= static_cast<std::uint32_t>(nr_pages);
    nr_pages_[index_of(type)] -= nr_pages;
    if (nr == 0) --nr_with_[index_of(type)];
    if (was_mixed && !block.is_mixed()) --nr_mixed_;
  }

  [[nodiscard]] std::size_t index_of_block(Pfn pfn) const {
    return (pfn - base_) >> block_order_.value();
  }
  [[nodiscard]] Block& block_of(Pfn pfn) { return blocks_[index_of_block(pfn)]; }

  Pfn base_;
  Order block_order_;
  std::vector<Block> blocks_;
  std::array<std::uint64_t, nr_pcp_types> nr_with_{};
  std::array<std::uint64_t, nr_pcp_types> nr_pages_{};
  std::uint64_t nr_mixed_ = 0;
};

}  // namespace pageblock
