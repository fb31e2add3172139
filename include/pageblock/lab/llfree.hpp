// SPDX-License-Identifier: MIT
/// A zone behind the calls of LLFree, an allocator of page frames, so that its evaluation programs run
/// with Linux's policy as the baseline.
///
/// Layer:  lab.
/// Kernel: none. The calls are those of the C version of LLFree (Wrenger and others, USENIX ATC 2023).
///
/// Its programs are C: a file of theirs declares the calls, and a file of yours defines them, a line each:
///
///     using Baseline = pageblock::Llfree<MyConfig>;   // a config with as many CPUs as there are cores
///     extern "C" int64_t my_get(void* self, size_t core, size_t order) {
///       return static_cast<Baseline*>(self)->llfree_get(core, order);
///     }
///
/// How a result is packed has changed between versions of LLFree; here it is the frame, or an error below 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What a call of LLFree answers where it fails.
enum class LlfreeError : std::int64_t {
  memory = -1,          ///< There is no such frame.
  address = -3,         ///< The frame is not in the memory, not aligned, or was not allocated so.
  initialization = -4,  ///< It cannot be set up like that.
};

/// Memory from frame 0 on. Each core is a CPU with its page lists.
/// Threads: as the zone; with Config::Lock a real lock, calls of all cores may be concurrent.
template <ZoneConfig Config>
class Llfree {
 public:
  /// Sets up @p frames free frames for @p cores cores.
  /// Returns: 0, or an error: there are no cores, more than Config::nr_cpus, or no frames.
  [[nodiscard]] std::int64_t llfree_init(std::size_t cores, std::size_t frames) {
    if (cores == 0 || cores > Config::nr_cpus || frames == 0 || frames > most_frames) {
      return error(LlfreeError::initialization);
    }
    zone_ = Zone<Config>{{.spanned_pages = frames, .nr_cpus = static_cast<unsigned>(cores)}};
    return 0;
  }

  /// Returns the first frame of 2^order, or an error.
  [[nodiscard]] std::int64_t llfree_get(std::size_t core, std::size_t order,
                                        MigrateType type = MigrateType::movable) {
    if (core >= llfree_cores() || order >= Config::max_order || !is_pcp_type(type)) {
      return error(LlfreeError::address);
    }
    const auto page = alloc_pages(zone_, cpu(core), Order{static_cast<unsigned>(order)}, type);
    if (!page) return error(LlfreeError::memory);
    return static_cast<std::int64_t>(page->pfn().value());
  }

  /// Gives them back. Returns 0, or an error where nothing like that is allocated.
  std::int64_t llfree_put(std::size_t core, std::uint64_t frame, std::size_t order) {
    if (core >= llfree_cores() || order >= Config::max_order || frame >= llfree_frames()) {
      return error(LlfreeError::address);
    }
    const Pfn pfn{frame};
    const Order of{static_cast<unsigned>(order)};
    const PageBits bits = zone_.memmap().bits(pfn);
    if (!pfn.is_aligned(of) || !bits.has(PageBits::in_use) || !bits.is_sized() ||
        bits.order() != of) {
      return error(LlfreeError::address);
    }
    free_pages(zone_, cpu(core), pfn, of);
    return 0;
  }

  /// Gives back what the core keeps for itself.
  std::int64_t llfree_drain(std::size_t core) {
    if (core >= llfree_cores()) return error(LlfreeError::address);
    drain_pages(zone_, cpu(core));
    return 0;
  }

  /// Returns the number of cores, and of frames.
  [[nodiscard]] std::size_t llfree_cores() const { return zone_.nr_cpus(); }
  [[nodiscard]] std::size_t llfree_frames() const { return zone_.spanned_pages(); }

  /// Returns the free frames; what cores keep for themselves is free, too.
  [[nodiscard]] std::size_t llfree_free_frames() const {
    std::size_t free = free_memory(zone_).nr_pages();
    for (std::size_t core = 0; core < llfree_cores(); ++core) free += zone_.pcp(cpu(core)).count;
    return free;
  }
  /// Returns the free chunks of 512 frames.
  [[nodiscard]] std::size_t llfree_free_huge() const {
    return free_memory(zone_).info(Order{9}).free_blocks_suitable;
  }
  /// Returns whether 2^order frames from @p frame on are free. Those that a core keeps are not.
  [[nodiscard]] bool llfree_is_free(std::uint64_t frame, std::size_t order) const {
    if (order >= Config::max_order || frame >= llfree_frames()) return false;
    const auto chunk = zone_.memmap().free_chunk_of(Pfn{frame});
    if (!chunk) return false;
    const std::uint64_t end = (*chunk).value() + zone_.memmap().bits(*chunk).order().nr_pages();
    return end - frame >= std::uint64_t{1} << order;
  }

  /// Returns the zone, for all that LLFree does not ask.
  [[nodiscard]] const Zone<Config>& zone() const { return zone_; }

 private:
  static constexpr std::size_t most_frames = std::size_t{1} << 32;

  [[nodiscard]] static std::int64_t error(LlfreeError what) {
    return static_cast<std::int64_t>(what);
  }
  [[nodiscard]] static Cpu cpu(std::size_t core) { return Cpu{static_cast<unsigned>(core)}; }

  Zone<Config> zone_;
};

}  // namespace pageblock
