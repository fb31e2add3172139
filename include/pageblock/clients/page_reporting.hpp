// SPDX-License-Identifier: MIT
/// Free page reporting: a guest tells its hypervisor which free chunks it does not use.
///
/// Layer:  clients.
/// Kernel: page_reporting_process_zone() (mm/page_reporting.c, v5.7).
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// A chunk that is reported.
struct ReportedChunk {
  Pfn pfn;      ///< Its first page.
  Order order;  ///< Its size.
  friend bool operator==(const ReportedChunk&, const ReportedChunk&) = default;
};

/// What one run of the worker did to a zone.
struct PageReport {
  std::uint64_t nr_pages = 0;  ///< That were reported.
  std::uint64_t nr_calls = 0;  ///< Calls of the hypervisor, of up to 32 chunks.
};

/// Knows what was reported. The kernel has a bit in each chunk's page, which a request and a merge take away; here a
/// chunk that is on its list again as it was still counts as reported.
class PageReporting {
 public:
  /// Chunks of one call. Kernel: PAGE_REPORTING_CAPACITY.
  static constexpr std::size_t capacity = 32;

  /// Reports chunks from @p order on; the kernel's default is the pageblock order.
  explicit PageReporting(Order order) : order_{order} {}

  /// One run over a zone, unless little is free: for each order from the smallest up, and each type but isolate,
  /// chunks that were not reported leave their list until 32 are held. Then @p reported(chunks) is called: they are
  /// neither free nor in use, and an isolation meanwhile finds them in the way. Behind it each goes to the tail of the
  /// list of its block's type. A list has a budget of a call in 512 chunks, and one more.
  /// Locking: takes zone.lock, not during the call.
  template <ZoneConfig Config, typename Reported>
  PageReport run(Zone<Config>& zone, Reported reported) {
    static_assert(Config::semantics.offline_leaves == OfflineLeaves::holes, "v3.6 reports nothing");
    PageReport report;
    const std::uint64_t least = zone.watermarks().low + (capacity << order_.value());
    if (!zone_watermark_ok(zone, Order{0}, least, 0, alloc_flags::cma)) return report;
    const auto call = [&] {
      if (held_.empty()) return;
      reported(std::as_const(held_));
      give_back(zone, report);
    };
    for (Order order = order_; order <= Zone<Config>::top_order; ++order) {
      for (std::size_t i = 0; i < nr_migratetypes; ++i) {
        const auto type = static_cast<MigrateType>(i);
        if (type == MigrateType::isolate || !has_type<Config>(type)) continue;
        for (std::uint64_t calls = (zone.nr_free(order) + 511) / 512 + 1; calls != 0; --calls) {
          take(zone, order, type);
          if (held_.size() < capacity) break;
          call();
        }
      }
    }
    call();
    return report;
  }
  /// The same, when nothing happens meanwhile.
  template <ZoneConfig Config>
  PageReport run(Zone<Config>& zone) {
    return run(zone, [](const std::vector<ReportedChunk>&) {});
  }

 private:
  template <ZoneConfig Config>
  void take(Zone<Config>& zone, Order order, MigrateType type) {
    const IrqSaveGuard guard{zone.lock()};
    const std::size_t before = held_.size();
    for (const Pfn pfn : zone.free_list(order, type)) {
      if (held_.size() == capacity) break;
      const auto known = reported_.find(pfn);
      if (known == reported_.end() || known->second != order) held_.push_back({pfn, order});
    }
    // Taking one may move others to another list: those are taken from there.
    for (std::size_t i = before; i < held_.size(); ++i) {
      if (isolate_free_page(zone, held_[i].pfn) == 0) return held_.resize(i);
    }
  }

  template <ZoneConfig Config>
  void give_back(Zone<Config>& zone, PageReport& report) {
    const IrqSaveGuard guard{zone.lock()};
    ++report.nr_calls;
    for (const auto& [pfn, order] : held_) {
      report.nr_pages += order.nr_pages();
      putback_isolated_page(zone, pfn, order, zone.pageblock_flags().get(pfn));
      if (zone.memmap().bits(pfn).is_chunk(order)) reported_.insert_or_assign(pfn, order);
    }
    held_.clear();
  }

  Order order_;
  std::vector<ReportedChunk> held_{};
  std::unordered_map<Pfn, Order> reported_{};
};

}  // namespace pageblock
