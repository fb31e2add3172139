// SPDX-License-Identifier: MIT
/// What the threads of a scenario share: a zone, values by name, and who isolated what.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/lab/interleave_steps.hpp"
#include "pageblock/lab/zone_image.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::interleave {

/// The most pages of a scenario's zone.
inline constexpr std::size_t most_pages = 64;

/// For each block who isolated it and has not given it back, a bit for each thread.
using Owners = std::array<std::uint8_t, most_pages>;

/// The tracer of a scenario's zone: remembers who isolated what, and writes a recorded run's steps.
struct Watcher {
  Owners* owners = nullptr;
  Pfn start{};
  unsigned block_order = 0;

  void operator()(const auto&) const {}
  void operator()(const trace::SetMigratetypeIsolate& event) const {
    if (Runner* const runner = Runner::current()) {
      runner->note("block {} isolated: {}", block(event.pfn), event.ret);
      if (event.ret == ok) {
        (*owners)[block(event.pfn)] |= static_cast<std::uint8_t>(1U << runner->current_thread());
      }
    }
  }
  void operator()(const trace::UnsetMigratetypeIsolate& event) const {
    if (Runner* const runner = Runner::current()) {
      runner->note("block {} given back as {}", block(event.pfn), event.migratetype);
      (*owners)[block(event.pfn)] &= static_cast<std::uint8_t>(~(1U << runner->current_thread()));
    }
  }
  void operator()(const trace::TestPagesIsolated& event) const {
    note("test [{}, {}) stops at {}: {}", event.start_pfn, event.end_pfn, event.fin_pfn, event.ret);
  }
  void operator()(const trace::MmPageAlloc& event) const {
    if (event.pfn) {
      note("gets {} (order {})", *event.pfn, event.order);
    } else {
      note("gets nothing (order {})", event.order);
    }
  }
  void operator()(const trace::MmPageFree& event) const {
    note("frees {} (order {})", event.pfn, event.order);
  }
  void operator()(const trace::MmPageFreeZoneLocked& event) const {
    note("{} (order {}) goes to the {} list", event.pfn, event.order, event.migratetype);
  }
  void operator()(const trace::MmPagePcpuDrain& event) const {
    note("CPU {}'s {} (order {}) goes to the {} list", event.cpu, event.pfn, event.order,
         event.migratetype);
  }
  void operator()(const trace::MmPageAllocExtfrag& event) const {
    note("takes {} from {}{}", event.pfn, event.fallback_migratetype,
         event.change_ownership ? ", and its block" : "");
  }

 private:
  [[nodiscard]] std::size_t block(Pfn pfn) const { return (pfn - start) >> block_order; }
  template <typename... Args>
  static void note(fmt::format_string<Args...> text, Args&&... args) {
    if (Runner* const runner = Runner::current()) runner->note(text, std::forward<Args>(args)...);
  }
};

/// A config for a scenario's zones. Inherit and set semantics and the two orders.
struct Config : DefaultConfig {
  static constexpr unsigned nr_cpus = 3;
  using Lock = interleave::Lock;
  using Tracer = Watcher;
};

/// A config of few and small blocks: blocks of 2^block_order pages, chunks up to top_order.
template <const Semantics& kernel, unsigned block_order, unsigned top_order>
struct Tiny : Config {
  static constexpr unsigned max_order = top_order + 1;
  static constexpr unsigned pageblock_order = block_order;
  static constexpr Semantics semantics = kernel;
};

/// The state that threads share.
template <ZoneConfig Config_>
requires pageblock::detail::is_interleaved<Config_>
class World {
 public:
  using Config = Config_;

  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() = default;

  Zone<Config> zone;

  /// Returns a value that threads share or keep from one operation to the next; 0 at first. The reference
  /// holds until another is named for the first time.
  std::int64_t& operator[](std::string_view name) {
    const auto found = std::ranges::lower_bound(values_, name, {}, &Value::first);
    if (found != values_.end() && found->first == name) return found->second;
    return values_.emplace(found, name, 0)->second;
  }
  /// Returns one, 0 if there is none.
  [[nodiscard]] std::int64_t value(std::string_view name) const {
    for (const auto& [known, value] : values_) {
      if (known == name) return value;
    }
    return 0;
  }
  /// Keeps a page under a name, or takes it from there.
  void keep(std::string_view name, std::optional<Page<Config>> page) {
    (*this)[name] = page ? static_cast<std::int64_t>(page->pfn().value()) + 1 : 0;
  }
  [[nodiscard]] OptionalPfn page(std::string_view name) const {
    const std::int64_t kept = value(name);
    if (kept == 0) return {};
    return Pfn{static_cast<std::uint64_t>(kept) - 1};
  }

  /// Says what the running thread got: part of the outcome.
  void returns(Status status) { returns(to_string(status)); }
  void returns(std::string_view text) {
    const Runner* const runner = Runner::current();
    if (runner == nullptr) return;
    Runner::current()->note("returns {}", text);
    std::string& outcome = outcomes_[runner->current_thread()];
    if (!outcome.empty()) outcome += ", ";
    outcome += text;
  }
  /// Returns what a thread has said until now.
  [[nodiscard]] const std::string& outcome_of(unsigned thread) const { return outcomes_[thread]; }
  /// Adds a line to the step, where the run is recorded.
  template <typename... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    if (Runner* const runner = Runner::current()) runner->note(text, std::forward<Args>(args)...);
  }
  /// A place of the scenario's own at which another thread may come between.
  void may_switch() { Lock::may_switch(Yield::step); }

  /// Who has isolated a block and not given it back, a bit for each thread.
  [[nodiscard]] unsigned owners(std::size_t block) const { return owners_[block]; }
  /// Of the step that ended: pages that were unused before it, and blocks that were isolated, by page.
  [[nodiscard]] std::uint64_t was_unused() const { return was_unused_; }
  [[nodiscard]] std::uint64_t was_isolated() const { return was_isolated_; }

  /// Makes this the world at the start.
  void reset(const Zone<Config>& start) {
    zone = start;
    values_ = kept_values_;
    for (std::string& outcome : outcomes_) outcome.clear();
    owners_.fill(0);
    attach();
    remember();
  }
  /// Makes the values as they are now those of the start.
  void keep_values() { kept_values_ = values_; }
  /// Notes what the zone is like, for rules about what a step did.
  void remember() {
    was_unused_ = was_isolated_ = 0;
    std::uint64_t bit = 1;
    for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn, bit <<= 1) {
      if (!zone.memmap().bits(pfn).has(PageBits::in_use)) was_unused_ |= bit;
      if (zone.pageblock_flags().get(pfn) == MigrateType::isolate) was_isolated_ |= bit;
    }
  }

  void append_image(std::string& image) const {
    pageblock::append_image(image, zone);
    for (std::size_t block = 0; block < zone.pageblock_flags().size(); ++block) {
      image.push_back(static_cast<char>(owners_[block]));
    }
    for (const auto& [name, value] : values_) {
      if (value == 0) continue;
      image += name;
      append_number(image, static_cast<std::uint64_t>(value));
    }
    for (const std::string& outcome : outcomes_) {
      image += outcome;
      image.push_back('\n');
    }
  }

 private:
  using Value = std::pair<std::string, std::int64_t>;

  // Names the locks and points the tracer here.
  void attach() {
    zone.tracer().owners = &owners_;
    zone.tracer().start = zone.pageblock_flags().start_of(0);
    zone.tracer().block_order = Config::pageblock_order;
    if (is_attached_) return;
    is_attached_ = true;
    zone.lock().set_name({Yield::zone_lock, Yield::zone_unlock, true, "zone->lock"});
    for (unsigned id = 0; id < Config::nr_cpus; ++id) {
      zone.pcp_lock(Cpu{id}).set_name(
          {Yield::pcp_lock, Yield::pcp_unlock, true, fmt::format("pcp lock {}", id)});
    }
  }

  std::vector<Value> values_;  // by name
  std::vector<Value> kept_values_;
  std::array<std::string, max_threads> outcomes_;
  Owners owners_{};
  std::uint64_t was_unused_ = 0;
  std::uint64_t was_isolated_ = 0;
  bool is_attached_ = false;
};

}  // namespace pageblock::interleave
