// SPDX-License-Identifier: MIT
/// A memory zone as a value.
///
/// Layer:  mm.
/// Kernel: struct zone (include/linux/mmzone.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/base/notifier.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/mm/free_area.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page.hpp"
#include "pageblock/mm/pageblock_flags.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/vmstat.hpp"
#include "pageblock/mm/zone_layout.hpp"
#include "pageblock/mm/zone_state.hpp"

namespace pageblock {

/// The argument of the memory isolate notifier chain: a callback adds the pages of
/// [start_pfn, start_pfn + nr_pages) that it could give back to pages_found.
struct MemoryIsolateNotify {
  Pfn start_pfn;
  std::uint64_t nr_pages = 0;
  std::uint64_t pages_found = 0;
};

/// One zone of simulated memory. It is a regular value: a copy is a snapshot, `==` compares all
/// simulated state (list order and stale private included), std::hash agrees with it.
///
/// Lock, tracer and notifiers are no part of the value. A copy or a moved-to zone gets fresh locks
/// and a fresh tracer, and the source's notifiers; an assignment keeps the target's locks and
/// tracer, and replaces its notifiers. A moved-from zone is empty. Copying, comparing and hashing
/// take the locks of the zones they read; assigning and moving need zones that nobody else uses.
///
/// It takes half a kilobyte for each CPU that the config allows: with thousands of them, keep it on the
/// heap. The constructor throws std::bad_alloc and reports (bug_on) layouts that make no sense.
template <ZoneConfig Config_ = DefaultConfig>
class Zone : public Geometry<Config_> {
 public:
  using Config = Config_;
  using Lock = typename Config::Lock;

  /// An empty zone.
  Zone() = default;

  /// Makes a zone whose memory, except holes and reserved pages, is in the buddy lists.
  explicit Zone(const ZoneLayout& layout) : state_{layout} {}

  Zone(const Zone& other) : Zone{other, Locked{other}} {}
  Zone(Zone&& other) noexcept
      : state_{std::move(other.state_)}, isolate_notifiers_{std::move(other.isolate_notifiers_)} {
    other.clear();
  }
  Zone& operator=(const Zone& other) {
    // Made on the heap: with thousands of CPUs it takes megabytes.
    return *this = std::move(*std::make_unique<Zone>(other));
  }
  Zone& operator=(Zone&& other) noexcept {
    if (this == &other) return *this;
    state_ = std::move(other.state_);
    other.clear();
    isolate_notifiers_ = std::move(other.isolate_notifiers_);
    return *this;
  }
  ~Zone() = default;

  friend bool operator==(const Zone& a, const Zone& b) {
    if (&a == &b) return true;
    const Locked first{std::less<>{}(&a, &b) ? a : b};
    const Locked second{std::less<>{}(&a, &b) ? b : a};
    return a.state_ == b.state_;
  }

  /// Returns a hash that is equal for equal zones.
  [[nodiscard]] std::size_t hash() const {
    const Locked locked{*this};
    return state_.hash();
  }

  // What it is.

  [[nodiscard]] const std::string& name() const { return state_.name; }
  [[nodiscard]] ZoneType type() const { return state_.type; }
  [[nodiscard]] Pfn start_pfn() const { return state_.start_pfn; }
  [[nodiscard]] Pfn end_pfn() const { return state_.start_pfn + state_.spanned_pages; }
  [[nodiscard]] std::uint64_t spanned_pages() const { return state_.spanned_pages; }
  [[nodiscard]] std::uint64_t present_pages() const { return state_.present_pages; }
  /// Returns the pages that the buddy allocator was given: those present but not reserved.
  [[nodiscard]] std::uint64_t managed_pages() const { return state_.managed_pages; }
  [[nodiscard]] bool mobility_grouping() const { return state_.mobility_grouping; }

  /// Returns the span that it was made with: where memory can come back that has gone (shrink_zone_span()).
  [[nodiscard]] const PfnRange& room() const { return state_.room; }

  /// Returns whether @p pfn lies between the zone's ends; it may be in a hole.
  [[nodiscard]] bool spans(Pfn pfn) const { return pfn - start_pfn() < spanned_pages(); }

  /// Returns whether @p pfn is memory of this zone.
  [[nodiscard]] bool is_valid(Pfn pfn) const { return spans(pfn) && memmap().bits(pfn).is_valid(); }

  /// Returns whether both pfns are multiples of the pageblock size, counted from pfn 0.
  [[nodiscard]] static constexpr bool is_block_aligned(Pfn start_pfn, Pfn end_pfn) {
    return start_pfn.is_aligned(Zone::pageblock_order) && end_pfn.is_aligned(Zone::pageblock_order);
  }

  /// Returns a handle to a page of this zone.
  /// Requires: @p pfn is valid.
  [[nodiscard]] Page<Config> page(Pfn pfn, Place caller = Place::here()) const {
    bug_on(!is_valid(pfn), "the zone has no such page", ReportedCall{"Zone::page", caller, pfn});
    return Page<Config>{*this, pfn};
  }

  // What is free.

  /// Returns NR_FREE_PAGES: pages on free lists, in v3.6 those of isolated blocks included; pages on
  /// per-CPU lists are not counted.
  [[nodiscard]] std::int64_t nr_free_pages() const { return state_.nr_free_pages.get(); }

  /// Returns NR_FREE_CMA_PAGES: those of them that are on the lists for CMA; 0 in v3.6, which does not
  /// count them.
  [[nodiscard]] std::int64_t nr_free_cma_pages() const { return state_.nr_free_cma.get(); }

  /// Returns how many of them are on the lists for urgent requests; 0 before v6.12, which counts them.
  [[nodiscard]] std::int64_t nr_free_highatomic() const { return state_.nr_free_highatomic.get(); }

  /// Returns the number of free chunks of @p order, of all types.
  /// Requires: order < max_order.
  [[nodiscard]] std::uint64_t nr_free(Order order, Place caller = Place::here()) const {
    bug_on(order > Zone::top_order, "order is above the largest",
           ReportedCall{"Zone::nr_free", caller, {}, order});
    return free_area().nr_free(order);
  }

  /// Returns the first pfns of the free chunks of @p order on the list of @p type, head first.
  /// Requires: order < max_order.
  /// Locking:  the caller sees to it that nothing changes meanwhile.
  [[nodiscard]] auto free_list(Order order, MigrateType type, Place caller = Place::here()) const {
    const ReportedCall call{"Zone::free_list", caller, {}, order};
    bug_on(order > Zone::top_order, "order is above the largest", call);
    bug_on(!has_type<Config>(type), "no such migratetype", call);
    return free_area().list(memmap(), order, type);
  }

  /// Returns how many pageblocks are counted as isolated. In v3.6 it can exceed the number of
  /// blocks of type isolate, since stealing retypes such blocks without counting.
  [[nodiscard]] std::int64_t nr_pageblock_isolate() const {
    return state_.nr_pageblock_isolate.get();
  }

  // Settings.

  /// The watermarks, in pages; 0 at first. Settings are made before threads share the zone.
  [[nodiscard]] const Watermarks& watermarks() const { return state_.watermarks; }
  void set_watermarks(const Watermarks& watermarks) { state_.watermarks = watermarks; }

  /// The pages that a request whose highest zone is number @p classzone_idx (0 to max_nr_zones - 1)
  /// must leave free here. 0 at first.
  [[nodiscard]] std::uint64_t lowmem_reserve(std::size_t classzone_idx) const {
    bug_on(classzone_idx >= max_nr_zones, "no such zone index");
    return state_.lowmem_reserve[classzone_idx];
  }
  void set_lowmem_reserve(std::size_t classzone_idx, std::uint64_t pages) {
    bug_on(classzone_idx >= max_nr_zones, "no such zone index");
    state_.lowmem_reserve[classzone_idx] = pages;
  }

  /// Returns the number of CPUs that have page lists.
  [[nodiscard]] unsigned nr_cpus() const { return state_.nr_cpus; }

  /// Sets batch and high of every CPU's lists. Pages on them stay. Waits while the lists are disabled
  /// (zone_pcp_disable()); on a zone that no threads share, the change comes when they are enabled.
  /// Requires: 1 <= batch; batch <= high, or the boot values batch 1, high 0.
  /// Locking:  takes all locks of the zone.
  void set_pageset(std::uint32_t batch, std::uint32_t high, Place caller = Place::here()) {
    constexpr bool is_tuned = Config::semantics.pcp_tuning == PcpTuning::tuned;
    set_pageset({.batch = batch, .high = high, .high_max = is_tuned ? high : 0}, caller);
  }
  /// The same with a limit up to which high may grow, where it does (v6.7): there high itself changes
  /// when it is next used.
  /// Requires: as above; high_max may be below high, as in a zone that is nearly empty.
  void set_pageset(const Pageset& limits, Place caller = Place::here()) {
    const ReportedCall call{"Zone::set_pageset", caller};
    const auto [batch, high, high_max] = limits;
    bug_on(batch == 0, "the batch of a per-CPU list is at least 1", call);
    bug_on(high < batch && !(batch == 1 && high == 0), "high is below batch", call);
    const Locked locked{*this, Until::pcp_is_enabled};
    state_.pageset = limits;
    if (!state_.pcp_is_disabled) write_pcp_limits(state_.pageset);
  }

  /// Returns what set_pageset() set last.
  [[nodiscard]] const Pageset& pageset() const { return state_.pageset; }

  /// Lets nothing stay on the lists, as zone_pcp_disable(), which drains them too. Waits while
  /// somebody else has disabled them; on a zone that no threads share, that is reported.
  void disable_pcp(Place caller = Place::here()) {
    const Locked locked{*this, Until::pcp_is_enabled};
    bug_on(state_.pcp_is_disabled, "the per-CPU lists are disabled, so this would wait for ever",
           ReportedCall{"Zone::disable_pcp", caller});
    state_.pcp_is_disabled = true;
    write_pcp_limits({.batch = 1, .high = 0});
  }

  /// Gives the lists the zone's batch and high again.
  /// Requires: they are disabled.
  void enable_pcp(Place caller = Place::here()) {
    const Locked locked{*this};
    bug_on(!state_.pcp_is_disabled, "the per-CPU lists are not disabled",
           ReportedCall{"Zone::enable_pcp", caller});
    state_.pcp_is_disabled = false;
    write_pcp_limits(state_.pageset);
  }

  // Locks and watchers.

  /// Returns zone->lock, after check_caller().
  [[nodiscard]] Lock& lock() const {
    check_caller();
    return lock_;
  }
  /// Returns the lock of a CPU's lists, which is taken before zone->lock. In the kernel, disabled
  /// interrupts are that lock, and an interrupt to the CPU is how others take it.
  [[nodiscard]] Lock& pcp_lock(Cpu cpu) const {
    bug_on(cpu.id() >= Config::nr_cpus, "the zone has no such CPU");
    check_caller();
    return pcp_locks_[cpu.id()].lock;
  }
  /// The same without the checks, for who has asked may_use().
  [[nodiscard]] Lock& pcp_lock_of(Cpu cpu) const { return pcp_locks_[cpu.id()].lock; }
  /// Returns whether @p cpu exists and the caller is no notifier of this zone.
  [[nodiscard]] bool may_use(Cpu cpu) const {
    const bool asks_notifiers = Config::semantics.unmovable_search == UnmovableSearch::notified;
    return cpu.id() < state_.nr_cpus && !(asks_notifiers && isolate_notifiers_.is_running());
  }
  /// Reports a notifier that calls what would take a lock of its zone. (v6.1 calls none.)
  void check_caller() const {
    if constexpr (Config::semantics.unmovable_search == UnmovableSearch::notified) {
      bug_on(isolate_notifiers_.is_running_here(), "a notifier calls into the zone that asks it");
    }
  }
  void assert_locked(Place check = Place::here()) const { lockdep_assert_held(lock_, check); }

  [[nodiscard]] typename Config::Tracer& tracer() { return tracer_; }
  void trace(const auto& event) { tracer_(event); }

  // The parts, for the layers above and for instruments. What changes them keeps them consistent.

  [[nodiscard]] Memmap<Config>& memmap() { return state_.memmap; }
  [[nodiscard]] const Memmap<Config>& memmap() const { return state_.memmap; }
  [[nodiscard]] FreeArea<Config>& free_area() { return state_.free_area; }
  [[nodiscard]] const FreeArea<Config>& free_area() const { return state_.free_area; }
  [[nodiscard]] PageblockFlags<Config>& pageblock_flags() { return state_.flags; }
  [[nodiscard]] const PageblockFlags<Config>& pageblock_flags() const { return state_.flags; }
  [[nodiscard]] PerCpuPages<Config>& pcp(Cpu cpu) { return state_.pcps[checked(cpu)]; }
  [[nodiscard]] const PerCpuPages<Config>& pcp(Cpu cpu) const { return state_.pcps[checked(cpu)]; }
  [[nodiscard]] PerCpuPages<Config>& pcp_of(Cpu cpu) { return state_.pcps[cpu.id()]; }
  /// Returns whose lists these of the zone are.
  [[nodiscard]] Cpu cpu_of(const PerCpuPages<Config>& pcp) const {
    return Cpu{static_cast<unsigned>(&pcp - state_.pcps.data())};
  }
  [[nodiscard]] auto& isolate_notifiers() { return isolate_notifiers_; }
  [[nodiscard]] const auto& isolate_notifiers() const { return isolate_notifiers_; }
  [[nodiscard]] ZonePressure& pressure() { return state_.pressure; }
  [[nodiscard]] const ZonePressure& pressure() const { return state_.pressure; }
  /// Returns what of it matters to per-CPU lists.
  [[nodiscard]] PcpPressure pcp_pressure() const {
    constexpr PcpTuning tuning = Config::semantics.pcp_tuning;
    if constexpr (tuning == PcpTuning::fixed) return {};
    const ZonePressure& pressure = state_.pressure;
    if constexpr (tuning == PcpTuning::scaled) return {.reclaim_active = pressure.reclaim_active};
    return {.reclaim_active = pressure.reclaim_active,
            .below_high = detail::read_once<is_shared<Config>>(pressure.below_high)};
  }
  void set_span(const PfnRange& span) { state_.set_span(span); }
  void mod_present_pages(std::int64_t change) {
    state_.present_pages += static_cast<std::uint64_t>(change);
  }
  void mod_managed_pages(std::int64_t change) {
    state_.managed_pages += static_cast<std::uint64_t>(change);
  }
  void mod_nr_free_pages(std::int64_t change) { state_.nr_free_pages.add(change); }
  void mod_nr_free_cma(std::int64_t change) { state_.nr_free_cma.add(change); }
  void mod_freepage_state(std::int64_t change, MigrateType type) {
    state_.mod_freepage_state(change, type);
  }
  void count_free(std::int64_t change, MigrateType type) { state_.count_free(change, type); }
  void mod_nr_pageblock_isolate(std::int64_t change) { state_.nr_pageblock_isolate.add(change); }

 private:
  // Locking: the caller holds all locks.
  void write_pcp_limits(const Pageset& limits) {
    for (PerCpuPages<Config>& pcp : state_.pcps) pcp.set_limits(limits);
  }

  // Empties a zone that was moved from, in place.
  void clear() noexcept {
    std::destroy_at(&state_);
    std::construct_at(&state_);
  }

  struct alignas(64) PcpLock {  // CPUs share no cache line
    Lock lock{};
  };

  using State = detail::ZoneState<Config>;

  // What may be waited for before locks are kept.
  enum class Until { now, pcp_is_enabled };

  /// Holds all locks of a zone.
  class Locked {
   public:
    explicit Locked(const Zone& zone, Until until = Until::now) {
      if constexpr (detail::is_interleaved<Config>) {
        wait_in_turn(zone, until);
        return;
      }
      lock(zone);
      // Kernel: pcp_batch_high_lock, which who disables the lists keeps.
      while (is_shared<Config> && until == Until::pcp_is_enabled && zone.state_.pcp_is_disabled) {
        zone_.unlock();
        for (auto& pcp : pcps_) pcp.unlock();
        std::this_thread::yield();
        lock(zone);
      }
    }

   private:
    // Nobody comes between here. The kernel takes the mutex, and writes the limits without the locks.
    static void wait_in_turn(const Zone& zone, Until until) {
      if (until == Until::now) return;
      detail::may_switch<Config>(Yield::limits);
      while (zone.state_.pcp_is_disabled) detail::may_switch<Config>(Yield::wait);
    }

    void lock(const Zone& zone) {
      for (unsigned id = 0; id < Config::nr_cpus; ++id) {
        pcps_[id] = std::unique_lock{zone.pcp_lock(Cpu{id})};
      }
      zone_ = std::unique_lock{zone.lock()};
    }

    std::array<std::unique_lock<Lock>, Config::nr_cpus> pcps_;
    std::unique_lock<Lock> zone_;
  };

  Zone(const Zone& other, const Locked&)
      : state_{other.state_}, isolate_notifiers_{other.isolate_notifiers_} {}

  [[nodiscard]] unsigned checked(Cpu cpu) const {
    bug_on(cpu.id() >= state_.nr_cpus, "the zone has no such CPU");
    if (cpu.id() >= Config::nr_cpus) __builtin_unreachable();  // so the compiler knows it
    return cpu.id();
  }

  State state_;
  NotifierChain<MemoryIsolateNotify> isolate_notifiers_;
  [[no_unique_address]] typename Config::Tracer tracer_{};
  mutable Lock lock_{};
  mutable std::array<PcpLock, Config::nr_cpus> pcp_locks_{};
};

/// Returns one line: the zone's span, what is free and what is isolated.
template <ZoneConfig Config>
[[nodiscard]] std::string to_string(const Zone<Config>& zone) {
  return fmt::format("zone {} {}: {} of {} pages free, {} of {} pageblocks isolated", zone.name(),
                     PfnRange{zone.start_pfn(), zone.end_pfn()}, zone.nr_free_pages(),
                     zone.present_pages(), zone.nr_pageblock_isolate(),
                     zone.pageblock_flags().size());
}

}  // namespace pageblock

template <pageblock::ZoneConfig Config>
struct std::hash<pageblock::Zone<Config>> {
  std::size_t operator()(const pageblock::Zone<Config>& zone) const { return zone.hash(); }
};

template <pageblock::ZoneConfig Config>
struct fmt::formatter<pageblock::Zone<Config>> : pageblock::detail::ToStringFormatter {};
