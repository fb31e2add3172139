// SPDX-License-Identifier: MIT
/// Seeded programs. Each operation is chosen with the naive model's state in view, so that most do
/// something: pages in use are freed, isolated blocks tested, reserved blocks given to CMA.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/naive_call.hpp"
#include "model/page_owner.hpp"
#include "model/program.hpp"
#include "model/random_layout.hpp"
#include "support/operation.hpp"

namespace pageblock::test {

/// Chooses operations for the state of a model. Each maker prefers some calls and avoids others, so
/// that programs differ in theme.
class OperationMaker {
 public:
  OperationMaker(const NaiveBuddy& zone, Dice& dice)
      : zone_{zone},
        dice_{dice},
        is_later_{zone.rules.isolates_by_scan},
        is_tuned_{zone.rules.lists_tune} {
    constexpr std::array<unsigned, 5> factors{0, 1, 1, 2, 5};
    for (unsigned& weight : weights_) weight = factors[dice.below(factors.size())];
    weight_of(Call::alloc_pages) = 4 + 4 * weight_of(Call::alloc_pages);
    weight_of(Call::free_pages) = 2 + 4 * weight_of(Call::free_pages);
    weight_of(Call::start_isolate_page_range) *= 2;
    weight_of(Call::test_pages_isolated) *= 2;
    for (std::size_t i = 0; i < nr_calls; ++i) {
      if (!has_call(static_cast<Call>(i), is_later_, is_tuned_)) weights_[i] = 0;
    }
    is_wild_ = dice.one_in(8);
  }

  [[nodiscard]] Operation next() {
    Operation op{.call = random_call()};
    // Per-CPU lists are disabled once, and their limits stay until they are enabled.
    const bool wants_limits = op.call == Call::set_pageset || op.call == Call::zone_pcp_disable ||
                              op.call == Call::offline_pages;
    if (op.call == Call::putback_isolated_page && zone_.taken_chunks.empty()) {
      op.call = Call::isolate_free_page;
    }
    if (zone_.has_disabled_pcps && wants_limits) op.call = Call::zone_pcp_enable;
    if (!zone_.has_disabled_pcps && op.call == Call::zone_pcp_enable)
      op.call = Call::zone_pcp_disable;
    fill_in(op);
    if (is_later_) fill_in_later(op);
    if (dice_.one_in(40)) spoil(op);
    return op;
  }

  /// Tells what an operation returned, so that what was allocated can be freed as it should.
  void learn(const Operation& op, const Result& result) {
    if (result.is_bug) return;
    if (op.call == Call::alloc_pages && result.value >= 0) {
      allocated_.push_back({static_cast<std::uint64_t>(result.value), op.order.value()});
    }
    if (op.call == Call::split_page) {
      for (std::uint64_t i = 0; i < op.order.nr_pages(); ++i) {
        allocated_.push_back({op.pfn.value() + i, 0});
      }
    }
  }

 private:
  struct Chunk {
    std::uint64_t pfn;
    unsigned order;
  };

  unsigned& weight_of(Call call) { return weights_[static_cast<std::size_t>(call)]; }

  Call random_call() {
    std::uint64_t sum = 0;
    for (const unsigned weight : weights_) sum += weight;
    std::uint64_t choice = dice_.below(sum);
    std::size_t i = 0;
    while (choice >= weights_[i]) choice -= weights_[i++];
    return static_cast<Call>(i);
  }

  void fill_in(Operation& op) {
    op.cpu = Cpu{static_cast<unsigned>(dice_.below(zone_.pcps.size()))};
    switch (op.call) {
      case Call::alloc_pages:
        op.order = Order{dice_.one_in(2) ? 0 : random_order()};
        op.type = dice_.type_below(3);
        op.temperature = random_temperature();
        return;
      case Call::free_pages:
      case Call::prep_compound_page:
      case Call::split_page: {
        const Chunk chunk = chunk_in_use();
        op.pfn = Pfn{chunk.pfn};
        op.order = Order{chunk.order};
        if (op.call == Call::free_pages) op.temperature = random_temperature();
        return;
      }
      case Call::put_page:
      case Call::get_page:
      case Call::set_page_lru:
      case Call::clear_page_lru:
        op.pfn = Pfn{page_in_use()};
        return;
      case Call::isolate_free_page:
      case Call::split_free_page:
        op.pfn = Pfn{chunk_head()};
        return;
      case Call::drain_pages:
      case Call::drain_all_pages:
        return;
      case Call::set_migratetype_isolate:
      case Call::is_pageblock_removable_nolock:
        op.pfn = Pfn{random_pfn()};
        return;
      case Call::has_unmovable_pages:
        op.pfn = Pfn{random_pfn()};
        op.number = dice_.below(5);
        return;
      case Call::unset_migratetype_isolate:
        op.pfn = Pfn{pfn_of_isolated()};
        op.type = random_type();
        return;
      case Call::set_pageblock_migratetype:
      case Call::move_freepages_block:
        op.pfn = Pfn{random_pfn()};
        op.type = type_below(is_wild_ || op.call == Call::move_freepages_block ? 6 : 5);
        return;
      case Call::start_isolate_page_range:
        set_blocks(op, random_pfn());
        op.type = random_type();
        return;
      case Call::undo_isolate_page_range:
        set_blocks(op, pfn_of_isolated());
        op.type = random_type();
        return;
      case Call::test_pages_isolated:
        set_blocks(op, pfn_of_isolated());
        if (dice_.one_in(2)) op.pfn += dice_.below(zone_.block_pages());
        if (dice_.one_in(2)) op.end = op.end + zone_.block_pages() / 2;
        return;
      case Call::zone_watermark_ok:
      case Call::zone_watermark_ok_safe:
        op.order = Order{random_order()};
        op.number = dice_.below(zone_.pages.size() + 3);
        op.classzone_idx = dice_.below(max_nr_zones);
        op.flags = static_cast<unsigned>(dice_.below(4) << 4);
        return;
      case Call::alloc_contig_range: {
        op.pfn = Pfn{random_pfn()};
        const std::uint64_t top = std::uint64_t{1} << (zone_.max_order - 1);
        const std::array<std::uint64_t, 4> lengths{dice_.between(1, 4), zone_.block_pages(),
                                                   dice_.between(1, 3 * zone_.block_pages()), top};
        op.end = op.pfn + lengths[dice_.below(lengths.size())];
        op.end = std::min(op.end, Pfn{zone_.end_pfn()});
        op.type = random_type();
        return;
      }
      case Call::free_contig_range: {
        op.pfn = Pfn{page_in_use()};
        const std::uint64_t most = dice_.between(1, 40);
        while (op.number < most && zone_.is_in_use(op.pfn.value() + op.number)) ++op.number;
        return;
      }
      case Call::init_cma_reserved_pageblock:
        op.pfn = Pfn{random_block([this](std::uint64_t pfn) { return zone_.at(pfn).is_reserved; })};
        return;
      case Call::offline_isolated_pages:
        if (dice_.one_in(2)) {
          set_blocks(op, pfn_of_isolated());
        } else {
          op.pfn = Pfn{chunk_head()};
          op.end = op.pfn + dice_.below(zone_.block_pages() + 2);
        }
        return;
      case Call::set_watermarks:
        op.number = dice_.one_in(3) ? dice_.below(zone_.pages.size()) : 0;
        return;
      case Call::set_lowmem_reserve:
        op.classzone_idx = dice_.below(max_nr_zones);
        op.number = dice_.one_in(2) ? dice_.below(zone_.pages.size()) : 0;
        return;
      case Call::set_pageset:
        op.number = dice_.between(1, dice_.one_in(3) ? 31 : 4);
        op.high = static_cast<std::uint32_t>(op.number + dice_.below(4 * op.number));
        // No kernel that tunes high gives it a limit of less than four batches.
        if (is_tuned_) op.high += static_cast<std::uint32_t>(3 * op.number);
        if (op.number == 1 && dice_.one_in(3)) op.high = 0;
        if (is_tuned_ && op.high != 0)
          op.high_max = op.high + static_cast<std::uint32_t>(dice_.below(100));
        return;
      case Call::alloc_pages_bulk:
        op.number = dice_.between(1, 40);
        op.type = dice_.type_below(3);
        return;
      case Call::putback_isolated_page: {
        if (zone_.taken_chunks.empty()) return;
        const auto [pfn, order] = zone_.taken_chunks[dice_.below(zone_.taken_chunks.size())];
        op.pfn = Pfn{pfn};
        op.order = Order{order};
        op.type =
            !zone_.rules.lists_are_strict && dice_.one_in(10) ? random_type() : zone_.type_of(pfn);
        return;
      }
      case Call::set_reclaim_active:
      case Call::set_below_high:
        op.number = dice_.below(2);
        return;
      case Call::decay_pcp_high:
        return;
      case Call::reserve_highatomic_pageblock:
        op.pfn = Pfn{random_pfn()};
        return;
      case Call::unreserve_highatomic_pageblock:
        op.type = dice_.type_below(3);
        op.number = dice_.below(2);
        return;
      case Call::online_pages:
      case Call::offline_pages: {
        const auto wanted = [&](std::uint64_t pfn) {
          return (op.call == Call::online_pages) != zone_.is_valid(pfn);
        };
        std::uint64_t pfn = random_pfn();
        for (int i = 0; i < 10 && !wanted(pfn); ++i) pfn = random_pfn();
        op.pfn = Pfn{pfn / zone_.block_pages() * zone_.block_pages()};
        op.number = zone_.block_pages() * (dice_.one_in(2) ? 1 : dice_.below(4));
        if (dice_.one_in(20)) ++op.number;
        return;
      }
      case Call::zone_pcp_disable:
      case Call::zone_pcp_enable:
        return;
    }
  }

  // What v6.1 asks besides, or instead.
  void fill_in_later(Operation& op) {
    op.temperature = Temperature::hot;
    switch (op.call) {
      case Call::alloc_pages:
      case Call::alloc_pages_bulk: {
        const bool may_use_cma = (op.type == MigrateType::movable) != dice_.one_in(10);
        op.flags = may_use_cma ? naive_flags::cma : 0;
        if (dice_.one_in(2)) op.flags |= naive_flags::kswapd;
        if (dice_.one_in(5)) op.flags |= naive_flags::no_fragment;
        if (dice_.one_in(8)) op.flags |= naive_flags::highatomic;
        if (dice_.one_in(8)) op.flags |= naive_flags::oom;
        if (dice_.one_in(8)) op.flags |= naive_flags::non_block;
        return;
      }
      case Call::zone_watermark_ok:
        op.flags = static_cast<unsigned>(dice_.below(0x400));
        return;
      case Call::set_migratetype_isolate: {
        const std::uint64_t size = zone_.block_pages();
        if (dice_.one_in(2)) op.pfn = Pfn{std::max(op.pfn.value() / size * size, zone_.start_pfn)};
        op.start = Pfn{op.pfn.value() / size * size};
        op.end = op.start + size;
        if (dice_.one_in(3)) op.start = op.start + dice_.below(size);
        if (dice_.one_in(3)) op.end = std::max(op.pfn, op.start) + dice_.between(1, 2 * size);
        op.type = random_type();
        op.flags = random_isolate_flags();
        return;
      }
      case Call::has_unmovable_pages: {
        const std::uint64_t size = zone_.block_pages();
        const Pfn end{(op.pfn.value() / size + 1) * size};
        op.number = 0;
        op.end = dice_.one_in(2) ? end : op.pfn + dice_.between(1, end - op.pfn);
        op.type = random_type();
        op.flags = random_isolate_flags();
        return;
      }
      case Call::start_isolate_page_range:
      case Call::undo_isolate_page_range:
        if (dice_.one_in(3)) op.pfn += dice_.below(zone_.block_pages());
        if (dice_.one_in(3)) op.end = op.end + dice_.below(zone_.block_pages());
        if (op.call == Call::start_isolate_page_range) op.flags = random_isolate_flags();
        return;
      case Call::test_pages_isolated:
        op.flags = random_isolate_flags();
        return;
      default:
        return;
    }
  }
  unsigned random_isolate_flags() {
    return dice_.one_in(3) ? static_cast<unsigned>(dice_.below(4)) : 0;
  }

  // Makes one argument odd.
  void spoil(Operation& op) {
    switch (dice_.below(7)) {
      case 0:
        op.pfn = Pfn{zone_.end_pfn() + dice_.below(4)};
        return;
      case 1:
        op.pfn = Pfn{zone_.start_pfn - std::min(zone_.start_pfn, dice_.between(1, 4))};
        return;
      case 2:
        op.pfn = Pfn{zone_.start_pfn + dice_.below(zone_.pages.size())};
        return;
      case 3:
        op.end = op.end + 1;
        return;
      case 4:
        op.order = Order{zone_.max_order - static_cast<unsigned>(dice_.below(2))};
        return;
      case 5:
        op.cpu = Cpu{static_cast<unsigned>(zone_.pcps.size())};
        return;
      default:
        op.type = dice_.type_below(7);
        return;
    }
  }

  Temperature random_temperature() {
    return dice_.one_in(3) ? Temperature::cold : Temperature::hot;
  }
  unsigned random_order() {
    unsigned most = 0;
    while (most + 1 < zone_.max_order && zone_.pages_of(most) <= zone_.pages.size()) ++most;
    return static_cast<unsigned>(dice_.below(most + 1));
  }
  MigrateType random_type() {
    if (is_wild_) return type_below(6);
    return dice_.one_in(3) ? type_below(5) : MigrateType::movable;
  }
  MigrateType type_below(std::uint64_t n) { return zone_.rules.types.at(dice_.below(n)); }

  // Anywhere in the zone, rather at a boundary, rarely a little outside.
  std::uint64_t random_pfn() {
    const std::uint64_t pfn = zone_.start_pfn + dice_.below(zone_.pages.size());
    const std::uint64_t kind = dice_.below(20);
    if (kind < 4) return pfn / zone_.block_pages() * zone_.block_pages();
    if (kind < 7) return pfn >> (zone_.max_order - 1) << (zone_.max_order - 1);
    return pfn;
  }

  std::uint64_t page_in_use() {
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t pfn = zone_.start_pfn + dice_.below(zone_.pages.size());
      if (zone_.is_in_use(pfn)) return pfn;
    }
    return chunk_in_use().pfn;
  }

  Chunk chunk_in_use() {
    while (!allocated_.empty() && !dice_.one_in(6)) {
      std::swap(allocated_[dice_.below(allocated_.size())], allocated_.back());
      const Chunk chunk = allocated_.back();
      if (dice_.one_in(2) || !zone_.is_in_use(chunk.pfn)) allocated_.pop_back();
      if (zone_.is_in_use(chunk.pfn)) return chunk;
    }
    const unsigned order = dice_.one_in(2) ? 0 : random_order();
    return {random_pfn() >> order << order, order};
  }

  std::uint64_t chunk_head() {
    for (int i = 0; i < 8; ++i) {
      const FreeAreaImage& area = zone_.free_area[dice_.below(zone_.free_area.size())];
      const Pfns& list = area.lists[dice_.below(area.lists.size())];
      if (!list.empty()) return list[dice_.below(list.size())];
    }
    return random_pfn();
  }

  // A block, if a few tries find one whose first page in the zone is as @p wanted.
  std::uint64_t random_block(auto wanted) {
    std::uint64_t pfn = 0;
    for (int i = 0; i < 10; ++i) {
      pfn = random_pfn() / zone_.block_pages() * zone_.block_pages();
      if (zone_.is_valid(pfn) && wanted(pfn)) break;
    }
    return pfn;
  }
  std::uint64_t pfn_of_isolated() {
    return random_block(
        [this](std::uint64_t pfn) { return zone_.type_of(pfn) == MigrateType::isolate; });
  }

  void set_blocks(Operation& op, std::uint64_t pfn) {
    const std::uint64_t size = zone_.block_pages();
    op.pfn = Pfn{pfn / size * size};
    op.end = op.pfn + size * dice_.below(dice_.one_in(2) ? 3 : 10);
  }

  const NaiveBuddy& zone_;
  Dice& dice_;
  bool is_later_;
  bool is_tuned_;
  std::array<unsigned, nr_calls> weights_{};
  bool is_wild_ = false;
  std::vector<Chunk> allocated_{};
};

/// Returns the program of @p seed, with @p nr_operations operations, fewer for zones with many
/// pages.
template <typename Model>
[[nodiscard]] Program random_program(ModelGeometry geometry, std::uint64_t seed,
                                     std::uint64_t nr_operations) {
  Dice dice{seed};
  Program program{.layout = LayoutMaker{geometry, dice}.make()};
  const Pfn start = program.layout.start_pfn;
  for (std::uint64_t i = dice.one_in(3) ? dice.below(4) : 0; i > 0; --i) {
    const Pfn from = start + dice.below(program.layout.spanned_pages);
    constexpr std::array answers{notify::okay, notify::okay, notify::stop,
                                 notifier_from_errno(-Err::nomem)};
    program.owners.push_back({{from, from + dice.below(40)}, answers[dice.below(answers.size())]});
  }
  Model zone{geometry, program.layout};
  if constexpr (std::is_same_v<Model, NaiveZone>) zone.owners = program.owners;
  OperationMaker maker{zone, dice};
  const std::uint64_t most = 1'000'000 / program.layout.spanned_pages + 10;
  for (std::uint64_t i = std::min(nr_operations, most); i > 0; --i) {
    const Operation op = maker.next();
    if (is_unnoticed_misuse(zone, op)) continue;
    const Result result = perform(zone, op);
    maker.learn(op, result);
    // Most that break a contract were chosen for want of a better page. These calls may have done
    // something before.
    const bool is_range = op.call == Call::start_isolate_page_range ||
                          op.call == Call::undo_isolate_page_range ||
                          op.call == Call::alloc_contig_range;
    if (!result.is_bug || is_range || dice.one_in(5)) program.operations.push_back(op);
  }
  return program;
}

}  // namespace pageblock::test
