// SPDX-License-Identifier: MIT
/// A memory block of sysfs, which goes and comes as a whole, perhaps with its own page descriptors in it.
///
/// Layer:  clients.
/// Kernel: drivers/base/memory.c, memmap_on_memory (mm/memory_hotplug.c, v5.13).
#pragma once

#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/clients/online_pages.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns the pages that the descriptors of @p nr_pages take, 64 bytes each, on 4 KiB pages.
[[nodiscard]] constexpr std::uint64_t memmap_pages(std::uint64_t nr_pages) {
  return (nr_pages * 64 + 4095) / 4096;
}

/// A block of memory and its state. With memmap on memory its first pages hold the descriptors of all of it:
/// they are there, reserved, in unmovable pageblocks, and leave with the last.
///
///     block of 32768 pages   | 512 of descriptors | 32256 that go offline and come online |
///
class HotplugBlock {
 public:
  /// Requires: the range is whole pageblocks of a zone.
  explicit HotplugBlock(const PfnRange& range, bool is_online = true)
      : range_{range}, online_{is_online} {}

  /// Returns its pages.
  [[nodiscard]] const PfnRange& range() const { return range_; }
  /// Returns whether its memory is in use.
  [[nodiscard]] bool is_online() const { return online_; }
  /// The pages in front that hold descriptors.
  [[nodiscard]] std::uint64_t nr_vmemmap_pages() const { return nr_vmemmap_; }
  /// What goes offline and comes online.
  [[nodiscard]] PfnRange usable() const { return {range_.start + nr_vmemmap_, range_.end}; }

  /// Keeps the descriptors in the block when it comes online next.
  /// Requires: it is offline.
  /// Returns:  whether it can: what they take and what is left are whole pageblocks (v6.1).
  template <ZoneConfig Config>
  bool use_memmap_on_memory(const Zone<Config>& zone) {
    bug_on(online_, "the block is online");
    const std::uint64_t nr_pages = memmap_pages(range_.nr_pages());
    if (!zone.is_block_aligned(range_.start + nr_pages, range_.end)) return false;
    nr_vmemmap_ = nr_pages;
    return true;
  }

  /// Takes it offline, unless it is.
  /// Returns: as offline_pages(); ok if it is offline already.
  template <Memory M, PageMovability Pages = AllMove>
  [[nodiscard]] Status offline(M& memory, Pages&& pages = {}, const HotplugOptions& options = {},
                               Attempt* attempt = nullptr) {
    if (!online_) return ok;
    const Status ret =
        offline_pages(memory, usable().start, usable().nr_pages(), pages, options, attempt);
    if (ret != ok) return ret;
    if (nr_vmemmap_ != 0) {
      auto& zone = *detail::zone_with(memory, usable().start - 1);
      const IrqSaveGuard guard{zone.lock()};
      zone.memmap().transform(range_.start, usable().start,
                              [](PageBits) { return PageBits{PageBits::hole}; });
      zone.mod_present_pages(-static_cast<std::int64_t>(nr_vmemmap_));
    }
    online_ = false;
    return ok;
  }

  /// Brings it online in @p zone, unless it is.
  /// Returns: as online_pages(); ok if it is online already.
  template <ZoneConfig Config>
  [[nodiscard]] Status online(Zone<Config>& zone, const HotplugOptions& options = {}) {
    if (online_) return ok;
    const PfnRange descriptors{range_.start, usable().start};
    const auto set_descriptors = [&](PageBits to, std::int64_t change) {
      const IrqSaveGuard guard{zone.lock()};
      zone.memmap().transform(descriptors.start, descriptors.end, [to](PageBits) { return to; });
      zone.mod_present_pages(change);
    };
    if (!descriptors.empty()) {
      const auto nr = static_cast<std::int64_t>(nr_vmemmap_);
      set_descriptors(PageBits{PageBits::reserved | PageBits::in_use}, nr);
      for (Pfn pfn = descriptors.start; pfn < descriptors.end;
           pfn += Zone<Config>::pageblock_nr_pages) {
        set_pageblock_migratetype(zone, pfn, MigrateType::unmovable);
      }
    }
    const Status ret = online_pages(zone, usable().start, usable().nr_pages(), options);
    if (ret != ok && !descriptors.empty()) {
      set_descriptors(PageBits{PageBits::hole}, -static_cast<std::int64_t>(nr_vmemmap_));
    }
    online_ = ret == ok;
    return ret;
  }

 private:
  PfnRange range_;
  std::uint64_t nr_vmemmap_ = 0;
  bool online_ = true;
};

}  // namespace pageblock
