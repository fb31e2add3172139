// SPDX-License-Identifier: MIT
/// Follows a replay as a time line: a step for each operation of the trace.
///
/// Layer:  io.
/// Kernel: none.
///
///     TimeLine line{"a recording", "line"};
///     replay_recording<Config>(files, meta, {}, ReplayTimeLine{&line});
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// The kernel's name of an operation, where it has one.
template <typename T>
inline constexpr std::string_view operation_name = "another step";
template <>
inline constexpr std::string_view operation_name<recorded::Allocation> = "mm_page_alloc";
template <>
inline constexpr std::string_view operation_name<recorded::FailedRequest> = "mm_page_alloc";
template <>
inline constexpr std::string_view operation_name<recorded::Free> = "mm_page_free";
template <>
inline constexpr std::string_view operation_name<recorded::Drain> = "drain_pages";
template <>
inline constexpr std::string_view operation_name<recorded::DrainAll> = "drain_all_pages";
template <>
inline constexpr std::string_view operation_name<recorded::PcpDisable> = "zone_pcp_disable";
template <>
inline constexpr std::string_view operation_name<recorded::PcpEnable> = "zone_pcp_enable";
template <>
inline constexpr std::string_view operation_name<recorded::Reclaim> = "kswapd";
template <>
inline constexpr std::string_view operation_name<recorded::SetIsolate> = "set_migratetype_isolate";
template <>
inline constexpr std::string_view operation_name<recorded::UnsetIsolate> =
    "unset_migratetype_isolate";
template <>
inline constexpr std::string_view operation_name<recorded::IsolateRange> =
    "start_isolate_page_range";
template <>
inline constexpr std::string_view operation_name<recorded::TestIsolated> = "test_pages_isolated";
template <>
inline constexpr std::string_view operation_name<recorded::SplitFree> = "split_free_page";
template <>
inline constexpr std::string_view operation_name<recorded::IsolateFree> = "__isolate_free_page";
template <>
inline constexpr std::string_view operation_name<recorded::PutBack> = "__putback_isolated_page";
template <>
inline constexpr std::string_view operation_name<recorded::SplitPage> = "split_page";
template <>
inline constexpr std::string_view operation_name<recorded::Compaction> = "compaction begins";
template <>
inline constexpr std::string_view operation_name<recorded::Retype> = "set_pageblock_migratetype";
template <>
inline constexpr std::string_view operation_name<recorded::OfflineBegin> = "offline_pages begins";
template <>
inline constexpr std::string_view operation_name<recorded::OfflineIsolated> =
    "offline_pages has isolated";
template <>
inline constexpr std::string_view operation_name<recorded::OfflineEnd> = "offline_pages returns";
template <>
inline constexpr std::string_view operation_name<recorded::OnlineBegin> = "online_pages begins";
template <>
inline constexpr std::string_view operation_name<recorded::OnlineEnd> = "online_pages returns";
template <>
inline constexpr std::string_view operation_name<recorded::ContigBegin> =
    "alloc_contig_range begins";
template <>
inline constexpr std::string_view operation_name<recorded::ContigEnd> =
    "alloc_contig_range returns";

template <>
inline constexpr std::string_view operation_name<recorded::PcpSettings> =
    "new limits of per-CPU lists";
template <>
inline constexpr std::string_view operation_name<recorded::Decay> = "decay_pcp_high";
template <>
inline constexpr std::string_view operation_name<recorded::DrainStep> = "a part of a drain";
template <>
inline constexpr std::string_view operation_name<recorded::IsolateSingle> =
    "isolate_single_pageblock";
template <>
inline constexpr std::string_view operation_name<recorded::Mark> = "mark";

[[nodiscard]] inline std::string returned_text(std::int64_t ret) {
  switch (ret) {
    case 0:
      return "ok";
    case -4:
      return "-EINTR";
    case -12:
      return "-ENOMEM";
    case -16:
      return "-EBUSY";
    case -22:
      return "-EINVAL";
    default:
      return fmt::format("{}", ret);
  }
}

// What is told of an operation, by what it has.
template <typename What>
[[nodiscard]] TimeStep told_of(const What& what) {
  TimeStep step{.what = std::string{operation_name<What>}};
  if constexpr (requires { what.pfn; }) {
    if (const std::optional<Pfn> pfn{what.pfn}) {
      step.pages = {*pfn, *pfn + 1};
      if constexpr (requires { what.order; }) step.pages.end = *pfn + what.order.nr_pages();
    }
  }
  if constexpr (requires { PfnRange{what.range}; }) {
    if (step.pages.empty()) step.pages = what.range;
  }
  std::string& detail = step.detail;
  const auto add = [&](std::string_view text) {
    if (!text.empty()) detail += fmt::format("{}{}", detail.empty() ? "" : ", ", text);
  };
  if constexpr (requires { what.order; }) add(fmt::format("order {}", what.order));
  if constexpr (requires { what.gfp_flags; }) add(what.gfp_flags);
  if constexpr (requires { what.refill; }) {
    if (!what.refill.empty()) add(fmt::format("refills {}", what.refill.size()));
    if (!what.steals.empty()) add("steals");
  }
  if constexpr (requires { what.drained; }) {
    if (!what.drained.empty()) add(fmt::format("drains {}", what.drained.size()));
  }
  if constexpr (requires { what.text; }) add(what.text);
  if constexpr (requires { what.ret; }) {
    add(returned_text(what.ret));
    step.is_refusal = what.ret != 0;
  }
  if constexpr (requires { what.success; }) {
    add(what.success ? std::string{"ok"} : fmt::format("stops at {:#x}", what.fin_pfn));
    step.is_refusal = !what.success;
  }
  if constexpr (std::same_as<What, recorded::FailedRequest>) {
    add("no memory");
    step.is_refusal = true;
  }
  return step;
}

// The pages that an operation names; none if it may have changed any.
template <typename What>
[[nodiscard]] std::vector<PfnRange> touched_by(const What& what, const TimeStep& told) {
  std::vector<PfnRange> touched;
  const auto add = [&](Pfn pfn) { touched.push_back({pfn, pfn + 1}); };
  if (!told.pages.empty()) touched.push_back(told.pages);
  if constexpr (requires { what.refill; }) {
    for (const Pfn pfn : what.refill) add(pfn);
    for (const recorded::Steal& steal : what.steals) add(steal.pfn);
  }
  if constexpr (requires { what.drained; }) {
    for (const Pfn pfn : what.drained) add(pfn);
  }
  return touched;
}

}  // namespace detail

/// A watcher for replays. Without a time line it does not look. When something large ends, and now and
/// then, it looks at all of the zones, so that what no event shows, or the model did otherwise than the
/// kernel, is drawn late but drawn.
class ReplayTimeLine {
 public:
  explicit ReplayTimeLine(TimeLine* line) : line_{line} {}

  void begin(const auto& zones) {
    if (line_ == nullptr) return;
    // The lowest zone first.
    for (std::size_t i = zones.size(); i-- != 0;) line_->watch(zones[i]);
  }

  void after(const recorded::Operation& operation, const auto& zones,
             std::span<const PfnRange> more) {
    if (line_ == nullptr) return;
    std::vector<PfnRange> touched;
    bool shows_all = false;
    const auto tell = [&](const auto& what) {
      TimeStep told = detail::told_of(what);
      touched = detail::touched_by(what, told);
      // What ends has done much in between; a drain of all CPUs names one page of the zone.
      if constexpr (requires { what.ret; }) shows_all = touched.empty();
      if constexpr (std::is_same_v<decltype(what), const recorded::DrainAll&>) shows_all = true;
      told.cpu = operation.cpu;
      told.time = operation.line;
      if (!more.empty()) {  // elsewhere than in the trace
        told.pages = more.front();
        touched.assign(more.begin(), more.end());
      }
      line_->step(std::move(told));
    };
    std::visit(tell, operation.what);
    if (++nr_steps_ % look_at_all == 0) shows_all = true;
    for (const auto& zone : zones) look(zone, touched, shows_all);
  }

 private:
  static constexpr std::uint64_t look_at_all = 4096;

  template <ZoneConfig Config>
  void look(const Zone<Config>& zone, std::span<const PfnRange> touched, bool at_all) {
    std::vector<PfnRange> ranges;
    if (at_all) {
      ranges.push_back({zone.start_pfn(), zone.end_pfn()});
    } else {
      // What is freed merges with what is beside it; the model may have moved other pages.
      const auto add = [&](PfnRange range) {
        range = {range.start.align_down(Zone<Config>::top_order),
                 range.end.align_up(Zone<Config>::top_order)};
        if (range.start < zone.end_pfn() && zone.start_pfn() < range.end) ranges.push_back(range);
      };
      for (const PfnRange& range : touched) add(range);
      if (ranges.empty()) return;
    }
    line_->look(zone, ranges);
  }

  TimeLine* line_;
  std::uint64_t nr_steps_ = 0;
};

}  // namespace pageblock
