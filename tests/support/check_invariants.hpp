/// Recounts a zone: what must hold between calls, whatever was called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::test {

/// One recount of one zone. It reads every page, so the zone should be small.
template <ZoneConfig Config>
class InvariantChecker {
 public:
  explicit InvariantChecker(const Zone<Config>& zone)
      : zone_{zone}, map_{zone.memmap()}, owned_(zone.spanned_pages(), false) {}

  std::vector<std::string> check() {
    for (unsigned order = 0; order < Config::max_order; ++order) {
      for (std::size_t type = 0; type < nr_migratetypes; ++type) {
        check_list(Order{order}, static_cast<MigrateType>(type));
      }
    }
    expect(zone_.nr_free_pages() == nr_on_lists_, "NR_FREE_PAGES is {}, on the lists are {} pages",
           zone_.nr_free_pages(), nr_on_lists_);
    for (unsigned id = 0; id < zone_.nr_cpus(); ++id) check_pcp(Cpu{id});
    check_pages();
    check_blocks();
    return std::move(violations_);
  }

 private:
  template <typename... Args>
  void expect(bool condition, fmt::format_string<Args...> text, Args&&... args) {
    if (!condition) violations_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  // A page may be part of one chunk or on one per-CPU list, and of nothing else.
  void own(Pfn pfn) {
    if (!zone_.spans(pfn)) return expect(false, "page {} is not in the zone", pfn);
    expect(!owned_[pfn - zone_.start_pfn()], "page {} is in two places", pfn);
    owned_[pfn - zone_.start_pfn()] = true;
    const PageBits bits = map_.bits(pfn);
    expect(bits.is_valid(), "page {} is free and in a hole", pfn);
    expect(map_.count(pfn) == 0, "page {} is free and has count {}", pfn, map_.count(pfn));
    expect(!bits.has(PageBits::in_use | PageBits::lru | PageBits::reserved),
           "page {} is free and in use, on the LRU or reserved", pfn);
  }

  void check_list(Order order, MigrateType type) {
    const auto size = zone_.free_area().nr_free(order, type);
    const bool is_marked = (zone_.free_area().orders(type) >> order.value() & 1U) != 0;
    expect(is_marked == (size != 0), "order {}, {}: {} chunks, but the mask says otherwise", order,
           type, size);
    Pfn before{};
    std::uint64_t position = 0;
    for (const Pfn pfn : zone_.free_list(order, type)) {
      if (!zone_.spans(pfn)) return expect(false, "order {}, {}: leads to {}", order, type, pfn);
      expect(map_.bits(pfn).is_chunk(order) && map_.bits(pfn).list_type() == type,
             "order {}, {}: page {} is no such chunk", order, type, pfn);
      expect(pfn.is_aligned(order), "order {}, {}: chunk {} is not aligned", order, type, pfn);
      const auto way_back = position == 0 ? 0 : map_.distance(pfn, before);
      expect(map_.prev(pfn) == way_back, "order {}, {}: chunk {} links back to a wrong page", order,
             type, pfn);
      expect((map_.next(pfn) == 0) == (++position == size), "order {}, {}: ends at {} of {} chunks",
             order, type, position, size);
      for (Pfn page = pfn; page < pfn + order.nr_pages(); ++page) {
        own(page);
        expect(page == pfn || !map_.bits(page).has(PageBits::buddy),
               "page {} is a chunk head inside chunk {}", page, pfn);
      }
      before = pfn;
    }
    nr_chunks_ += size;
    nr_on_lists_ += static_cast<std::int64_t>(size << order.value());
  }

  void check_pcp(Cpu cpu) {
    const PerCpuPages& pcp = zone_.pcp(cpu);
    std::size_t sum = 0;
    for (const MigrateType list_type : pcp_types) {
      const PcpList& list = pcp.list(list_type);
      sum += list.size();
      for (std::size_t i = 0; i < list.size(); ++i) {
        own(list[i]);
        if (!zone_.spans(list[i])) continue;
        const PageBits bits = map_.bits(list[i]);
        expect(!bits.has(PageBits::buddy), "page {} of CPU {} is a chunk head", list[i], cpu);
        const auto drains_to = Config::semantics.type_of(bits.page_private());
        expect(drains_to.has_value(), "page {} of CPU {} has private {}", list[i], cpu,
               bits.page_private());
        expect(!drains_to || !is_pcp_type(*drains_to) || *drains_to == list_type,
               "page {} of CPU {} is on the {} list with private {}", list[i], cpu, list_type,
               bits.page_private());
      }
    }
    expect(pcp.count == sum, "CPU {} counts {} pages and has {}", cpu, pcp.count, sum);
  }

  void check_pages() {
    std::uint64_t nr_heads = 0;
    std::uint64_t nr_present = 0;
    for (Pfn pfn = map_.base(); pfn < map_.end(); ++pfn) {
      const PageBits bits = map_.bits(pfn);
      expect(zone_.spans(pfn) || !bits.is_valid(), "page {} is outside and no hole", pfn);
      expect(bits.has(PageBits::in_use) == (map_.count(pfn) != 0), "page {} is {}in use, count {}",
             pfn, bits.has(PageBits::in_use) ? "" : "not ", map_.count(pfn));
      if (bits.has(PageBits::buddy)) ++nr_heads;
      if (bits.is_valid()) ++nr_present;
    }
    expect(nr_heads == nr_chunks_, "{} pages are chunk heads, {} are on lists", nr_heads,
           nr_chunks_);
    expect(nr_present == zone_.present_pages(), "{} pages are present, not {}", nr_present,
           zone_.present_pages());
  }

  void check_blocks() {
    // In v3.6 stealing a block makes the counter too high, so it cannot be recounted.
    expect(zone_.nr_pageblock_isolate() >= 0, "{} pageblocks are isolated",
           zone_.nr_pageblock_isolate());
    for (std::size_t i = 0; i < zone_.pageblock_flags().size(); ++i) {
      const auto type = index_of(zone_.pageblock_flags()[i]);
      expect(type < nr_migratetypes, "block {} has type {}", i, type);
    }
  }

  const Zone<Config>& zone_;
  const Memmap<Config>& map_;
  std::vector<bool> owned_;
  std::uint64_t nr_chunks_ = 0;
  std::int64_t nr_on_lists_ = 0;
  std::vector<std::string> violations_;
};

/// Returns what is wrong with @p zone, in words; nothing if it is consistent.
template <ZoneConfig Config>
[[nodiscard]] std::vector<std::string> check_invariants(const Zone<Config>& zone) {
  return InvariantChecker<Config>{zone}.check();
}

}  // namespace pageblock::test
