// SPDX-License-Identifier: MIT
/// Recounts a zone: what must hold between calls, whatever was called.
///
/// Layer:  lab.
/// Kernel: no counterpart; CONFIG_DEBUG_VM and CONFIG_DEBUG_LIST check parts of it on the way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/isolation/isolate_block.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

/// One recount of one zone.
template <ZoneConfig Config>
class Verifier {
 public:
  explicit Verifier(const Zone<Config>& zone) : zone_{zone}, map_{zone.memmap()} {}

  std::vector<std::string> run() {
    for (const MigrateType type : Config::semantics.migratetypes) {
      for (Order order{0}; order <= Zone<Config>::top_order; ++order) check_list(order, type);
    }
    for (unsigned id = 0; id < zone_.nr_cpus(); ++id) check_pcp(Cpu{id});
    check_places();
    check_counters();
    check_pages();
    check_blocks();
    map_.check_storage(
        [this](Pfn pfn, const char* text) { expect(false, "block at {}: {}", pfn, text); });
    return std::move(violations_);
  }

 private:
  // Free pages and where they were found.
  struct Place {
    PfnRange range;
    MigrateType type;
    std::optional<Cpu> cpu;

    [[nodiscard]] std::string name() const {
      if (cpu) return fmt::format("the {} list of CPU {}", type, *cpu);
      return fmt::format("the {} list, in chunk {}", type, range.start);
    }
  };

  template <typename... Args>
  bool expect(bool condition, fmt::format_string<Args...> text, Args&&... args) {
    if (!condition) violations_.push_back(fmt::format(text, std::forward<Args>(args)...));
    return condition;
  }

  void check_list(Order order, MigrateType type) {
    const auto& area = zone_.free_area();
    const std::uint64_t size = area.nr_free(order, type);
    const bool is_marked = (area.orders(type) >> order.value() & 1U) != 0;
    expect(is_marked == (size != 0), "order {} {}: has {} chunks, but the mask of orders says {}",
           order, type, size, is_marked ? "some" : "none");
    if (size == 0) return;

    Pfn pfn = area.head(map_, order, type);
    Pfn before = pfn;
    for (std::uint64_t position = 0;; ++position) {
      // What has no record of its own was never the head of a chunk.
      if (!expect(zone_.spans(pfn) && map_.has_record(pfn),
                  "order {} {}: leads to {}, no chunk of the zone", order, type, pfn)) {
        return;
      }
      check_chunk(pfn, order, type);
      expect(map_.prev(pfn) == before, "order {} {}: chunk {} does not link back to the one before",
             order, type, pfn);
      const bool ends = map_.next(pfn) == pfn;
      if (ends || position + 1 == size) {
        expect(ends && position + 1 == size, "order {} {}: counts {} chunks, but {}", order, type,
               size,
               ends ? fmt::format("ends after {}", position + 1)
                    : fmt::format("goes on after chunk {}", pfn));
        expect(area.tail(map_, order, type) == pfn, "order {} {}: the last chunk is {}, not {}",
               order, type, pfn, area.tail(map_, order, type));
        return;
      }
      before = pfn;
      pfn = map_.next(pfn);
    }
  }

  void check_chunk(Pfn pfn, Order order, MigrateType type) {
    const bool is_counted = Config::semantics.counts_isolated || type != MigrateType::isolate;
    if (is_counted) nr_free_pages_ += nr_pages_of(order);
    if (type == MigrateType::cma) nr_free_cma_ += nr_pages_of(order);
    if (type == MigrateType::highatomic) nr_free_highatomic_ += nr_pages_of(order);
    places_.push_back({{pfn, pfn + order.nr_pages()}, type, std::nullopt});
    const PageBits head = map_.bits(pfn);
    expect(head.is_chunk(order) && head.list_type() == type,
           "order {} {}: page {} is not the head of such a chunk", order, type, pfn);
    expect(pfn.is_aligned(order), "order {} {}: chunk {} is not aligned", order, type, pfn);
    expect(zone_.spans(pfn + (order.nr_pages() - 1)), "order {} {}: chunk {} leaves the zone",
           order, type, pfn);
    if (!pfn.is_aligned(order)) return;
    check_type(pfn, order, type);
    // No chunk leaves the map: its ends are multiples of the largest order.
    const Pfn inner = map_.find_if(pfn + 1, pfn + order.nr_pages(),
                                   [](PageBits bits) { return bits.has(PageBits::buddy); });
    expect(inner == pfn + order.nr_pages(), "page {} is a chunk head inside chunk {}", inner, pfn);
    // Where the types of blocks count, they may have changed since.
    const Order unmerged = Config::semantics.merge_rule == MergeRule::any
                               ? Zone<Config>::top_order
                               : Zone<Config>::pageblock_order;
    if (order < unmerged && (pfn.value() & order.nr_pages()) == 0) {
      const Pfn buddy = pfn.buddy(order);
      expect(!map_.bits(buddy).is_chunk(order), "chunks {} and {} of order {} are not merged", pfn,
             buddy, order);
    }
  }

  // Where types move with chunks, a chunk is on the list of its first block's type. A block inside a larger
  // chunk may get another one: no chunk begins there that would move. With mobility grouping off other types
  // are written than meant; and where per-CPU lists hold more than a block, a drain looks at the first only.
  void check_type(Pfn pfn, Order order, MigrateType type) {
    if (Config::semantics.pcp_order > Config::pageblock_order) return;
    if (Config::semantics.move_rule != MoveRule::block || !zone_.mobility_grouping()) return;
    if (!zone_.spans(pfn)) return;
    const MigrateType of_block = zone_.pageblock_flags().get(pfn);
    expect(of_block == type, "order {} {}: chunk {} has a block of type {}", order, type, pfn,
           of_block);
  }

  void check_pcp(Cpu cpu) {
    const PerCpuPages<Config>& pcp = zone_.pcp(cpu);
    std::size_t sum = 0;
    for (std::size_t index = 0; index < pcp.nr_lists; ++index) {
      const PcpList& list = pcp.lists[index];
      const Order order = pcp.order_of_list(index);
      sum += list.size() << order.value();
      for (std::size_t i = 0; i < list.size(); ++i) check_pcp_page(cpu, index, list[i]);
    }
    expect(pcp.count == sum, "CPU {}: counts {} pages, has {}", cpu, pcp.count, sum);
  }

  void check_pcp_page(Cpu cpu, std::size_t index, Pfn pfn) {
    using Pcp = PerCpuPages<Config>;
    // The lists of huge pages are those of movable requests and of others.
    const Order order = Pcp::order_of_list(index);
    const MigrateType list_type =
        index >= Pcp::nr_small_lists
            ? (index == Pcp::nr_lists - 1 ? MigrateType::movable : MigrateType::unmovable)
            : Config::semantics.migratetypes[index % nr_pcp_types];
    if (!expect(zone_.spans(pfn), "CPU {} {}: page {} is not in the zone", cpu, list_type, pfn))
      return;
    places_.push_back({{pfn, pfn + order.nr_pages()}, list_type, cpu});
    const PageBits bits = map_.bits(pfn);
    expect(!bits.has(PageBits::buddy), "CPU {} {}: page {} is a chunk head", cpu, list_type, pfn);
    // Pages that fell back keep the list that they were requested for; a freed page of type reserve
    // or highatomic is on the movable list.
    const auto drains_to = Config::semantics.type_of(bits.page_private());
    const auto fits_list = [&](MigrateType type) {
      if (is_pcp_type(type)) return Pcp::index_of_list(order, type) == index;
      if (type == MigrateType::reserve || type == MigrateType::highatomic)
        return list_type == MigrateType::movable;
      return true;
    };
    // Where a drain asks the block, the page remembers nothing.
    const bool fits =
        Config::semantics.drain_type == DrainType::block || (drains_to && fits_list(*drains_to));
    expect(fits, "CPU {} {}: page {} has private {}, which does not belong there", cpu, list_type,
           pfn, bits.page_private());
  }

  // A free page is in one place, has no user, and is memory.
  void check_places() {
    std::ranges::sort(places_, {}, [](const Place& place) { return place.range.start; });
    const Place* before = nullptr;
    for (const Place& place : places_) {
      if (before != nullptr && place.range.start < before->range.end) {
        expect(false, "page {} is on {} and again on {}", place.range.start, before->name(),
               place.name());
      }
      const Pfn end = std::min(place.range.end, map_.end());
      const Pfn bad = map_.find_if(place.range.start, end, [](PageBits bits) {
        return bits.has(PageBits::in_use | PageBits::lru | PageBits::reserved | PageBits::hole);
      });
      if (bad < end) {
        expect(false, "page {} is on {}, and {}", bad, place.name(), state_of(map_.bits(bad)));
      }
      if (before == nullptr || place.range.end > before->range.end) before = &place;
    }
  }

  [[nodiscard]] static const char* state_of(PageBits bits) {
    if (bits.has(PageBits::hole)) return "in a hole";
    if (bits.has(PageBits::reserved)) return "reserved";
    return bits.has(PageBits::in_use) ? "in use" : "marked as on an LRU list";
  }

  void check_counters() {
    // Where isolated pages do not count and a chunk may span blocks, one that spans an isolated block
    // makes the counters wrong for good, as in the kernel.
    constexpr bool drifts = !Config::semantics.counts_isolated &&
                            Config::semantics.move_rule != MoveRule::block &&
                            Zone<Config>::pageblock_order < Zone<Config>::top_order;
    if constexpr (drifts) return;
    expect(zone_.nr_free_pages() == nr_free_pages_,
           "NR_FREE_PAGES is {}, on the lists are {} pages", zone_.nr_free_pages(), nr_free_pages_);
    // Before v6.10 a block can get another type while pages of it wait to be drained to the lists of
    // the old one; where these merge with free ones, the count of CMA pages is wrong for good.
    if constexpr (Config::semantics.counts_cma && Config::semantics.frees_by_block) {
      expect(zone_.nr_free_cma_pages() == nr_free_cma_,
             "NR_FREE_CMA_PAGES is {}, on the lists are {} pages", zone_.nr_free_cma_pages(),
             nr_free_cma_);
    }
    if constexpr (Config::semantics.counts_free_highatomic) {
      expect(zone_.nr_free_highatomic() == nr_free_highatomic_,
             "nr_free_highatomic is {}, on the lists are {} pages", zone_.nr_free_highatomic(),
             nr_free_highatomic_);
    }
  }

  // What each page's state must satisfy, and chunk heads that no list has.
  void check_pages() {
    const auto is_head = [](PageBits bits) { return bits.has(PageBits::buddy); };
    std::size_t place = 0;
    for (Pfn pfn = map_.find_if(map_.base(), map_.end(), is_head); pfn < map_.end();
         pfn = map_.find_if(pfn + 1, map_.end(), is_head)) {
      while (place < places_.size() && places_[place].range.end <= pfn) ++place;
      const bool is_listed = place < places_.size() && places_[place].range.start <= pfn;
      expect(is_listed, "page {} is a chunk head, but on no list", pfn);
    }
    const auto is_shared = [](PageBits bits) { return bits.has(PageBits::shared); };
    for (Pfn pfn = map_.find_if(map_.base(), map_.end(), is_shared); pfn < map_.end();
         pfn = map_.find_if(pfn + 1, map_.end(), is_shared)) {
      const bool is_used =
          expect(map_.bits(pfn).has(PageBits::in_use), "page {} is shared, and not in use", pfn);
      expect(!is_used || map_.count(pfn) != 0, "page {} is in use with count 0", pfn);
    }
    const auto is_odd = [](PageBits bits) {
      constexpr unsigned reserved = Config::semantics.holes_are_reserved ? 0U : PageBits::reserved;
      return bits.has(PageBits::hole) &&
             bits.has(PageBits::buddy | PageBits::in_use | PageBits::lru | reserved);
    };
    const Pfn odd = map_.find_if(map_.base(), map_.end(), is_odd);
    expect(odd == map_.end(),
           "page {} is in a hole, and a chunk head, in use, on the LRU or reserved", odd);
    const auto is_valid = [](PageBits bits) { return bits.is_valid(); };
    const auto is_hole = [](PageBits bits) { return !bits.is_valid(); };
    std::uint64_t nr_present = 0;
    for (Pfn start = map_.find_if(map_.base(), map_.end(), is_valid); start < map_.end();) {
      const Pfn end = map_.find_if(start, map_.end(), is_hole);
      expect(zone_.spans(start) && zone_.spans(end - 1),
             "pages {} are memory, but not all in the zone", PfnRange{start, end});
      nr_present += end - start;
      start = map_.find_if(end, map_.end(), is_valid);
    }
    // Pages that went offline in v3.6 are still there, reserved.
    std::uint64_t nr_offline = 0;
    if constexpr (Config::semantics.offline_leaves == OfflineLeaves::reserved) {
      nr_offline = nr_reserved();
    }
    const std::uint64_t counted = zone_.present_pages();
    expect(counted <= nr_present && nr_present - counted <= nr_offline,
           "{} pages are present, {} are counted", nr_present, counted);
  }

  [[nodiscard]] std::uint64_t nr_reserved() const {
    const auto is_reserved = [](PageBits bits) {
      return bits.is_valid() && bits.has(PageBits::reserved);
    };
    const auto is_other = [&](PageBits bits) { return !is_reserved(bits); };
    std::uint64_t nr = 0;
    for (Pfn start = map_.find_if(map_.base(), map_.end(), is_reserved); start < map_.end();) {
      const Pfn end = map_.find_if(start, map_.end(), is_other);
      nr += end - start;
      start = map_.find_if(end, map_.end(), is_reserved);
    }
    return nr;
  }

  void check_blocks() {
    std::int64_t nr_isolate = 0;
    for (std::size_t i = 0; i < zone_.pageblock_flags().size(); ++i) {
      const MigrateType type = zone_.pageblock_flags()[i];
      if (type == MigrateType::isolate && !is_offline(i)) ++nr_isolate;
      expect(has_type<Config>(type), "the block at {} has the unknown type {}",
             zone_.pageblock_flags().start_of(i), index_of(type));
      if constexpr (has_isolate_bit<Config>) {
        const MigrateType own = zone_.pageblock_flags().own_type(i);
        expect(own != MigrateType::isolate && has_type<Config>(own),
               "the block at {} has the type {} beside being isolated",
               zone_.pageblock_flags().start_of(i), own);
      }
    }
    // In v3.6 stealing retypes isolated blocks and leaves the counter too high, for good. Too low
    // is what unset_migratetype_isolate() would stop at.
    expect(zone_.nr_pageblock_isolate() >= nr_isolate,
           "pageblocks of type isolate: {}, counted: {}", nr_isolate, zone_.nr_pageblock_isolate());
  }

  // In v6.1 memory that went offline leaves a block of type isolate, which is not counted.
  [[nodiscard]] bool is_offline(std::size_t block) const {
    if (Config::semantics.offline_leaves != OfflineLeaves::holes) return false;
    const Pfn start = zone_.pageblock_flags().start_of(block);
    return !has_memory(zone_, start, start + Zone<Config>::pageblock_nr_pages);
  }

  const Zone<Config>& zone_;
  const Memmap<Config>& map_;
  std::vector<Place> places_;
  std::int64_t nr_free_pages_ = 0;
  std::int64_t nr_free_cma_ = 0;
  std::int64_t nr_free_highatomic_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace detail

/// Returns what is wrong with @p zone, in words with pfns; nothing if it is consistent: each free
/// chunk is on exactly one list, that of the order and list type in its head, linked both ways,
/// aligned, inside the zone, and has no free buddy left to merge with; each page of a per-CPU list
/// is there only, with a private that its list allows; free pages have no user; NR_FREE_PAGES, the
/// per-CPU counts and the present pages agree with a recount; no fewer pageblocks are counted as
/// isolated than are; of each block it is clear what its pages are.
///
/// In v6.12 also that a chunk is on the list of its first block's type; in v6.17 that an isolated block has a type
/// of its own to go back to.
///
/// One mistake may show as several violations: read the first, since a list is followed to its
/// first broken link only. What v3.6 allows is none: that a chunk's list and its block's type
/// differ, and that more blocks are counted as isolated than are, which steals bring about. Blocks
/// that were typed isolate by hand (set_pageblock_migratetype()) are not counted, and so are a
/// violation. Not seen: pages that are lost, neither free nor in use, since the tails of
/// allocations look the same.
/// Locking:  the caller sees to it that nothing changes meanwhile; of a zone that threads are
///           using, verify a copy. Cost:     in proportion to chunks (which are sorted), pageblocks
///           and pages with records of their own. Throws std::bad_alloc.
/// Kernel:   what holds between calls in v3.6.
template <ZoneConfig Config>
[[nodiscard]] std::vector<std::string> verify(const Zone<Config>& zone) {
  return detail::Verifier<Config>{zone}.run();
}

}  // namespace pageblock
