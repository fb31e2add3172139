// SPDX-License-Identifier: MIT
/// Takes the operations out of a trace, for a replay.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/io/recording/replay_result.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/ftrace_reader.hpp"
#include "pageblock/io/trace/trace_decoder.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock::detail {

inline std::string_view event_name(const ftrace::Event& event) {
  return std::visit(
      [](const auto& of) -> std::string_view {
        using T = std::remove_cvref_t<decltype(of)>;
        if constexpr (std::is_same_v<T, ftrace::MmPageAlloc>) return "mm_page_alloc";
        if constexpr (std::is_same_v<T, ftrace::MmPageFree>) return "mm_page_free";
        if constexpr (std::is_same_v<T, ftrace::MmPageFreeBatched>) return "mm_page_free_batched";
        if constexpr (std::is_same_v<T, ftrace::MmPageAllocZoneLocked>) {
          return "mm_page_alloc_zone_locked";
        }
        if constexpr (std::is_same_v<T, ftrace::MmPagePcpuDrain>) return "mm_page_pcpu_drain";
        if constexpr (std::is_same_v<T, ftrace::MmPageAllocExtfrag>) return "mm_page_alloc_extfrag";
        if constexpr (std::is_same_v<T, ftrace::TestPagesIsolated>) return "test_pages_isolated";
        if constexpr (std::is_same_v<T, ftrace::TracingMarkWrite>) return "tracing_mark_write";
        if constexpr (requires { of.name; }) return of.name.empty() ? "others" : of.name;
        return {};
      },
      event);
}

// Takes in the lines that wanted() says, and counts by kind those up to line until. What begins
// there is returned, with what belongs to it behind that line.
template <typename Wanted>
std::vector<recorded::Operation> decode(TraceDecoder& decoder, ReplayResult& result,
                                        std::optional<std::size_t> until, Wanted wanted) {
  std::unordered_map<std::string_view, std::uint64_t> events;
  while (decoder.next_line()) {
    const FtraceReader& reader = decoder.reader();
    if (std::holds_alternative<ftrace::LostEvents>(reader.line().event)) ++events["LOST EVENTS"];
    if (!reader.line().is_event() || !wanted(reader.line())) continue;
    if (!until || reader.number() <= *until) ++events[event_name(reader.line().event)];
    decoder.decode();
  }
  for (const auto& [name, count] : events) result.events[std::string{name}] = count;
  std::vector<recorded::Operation> operations = decoder.finish();
  if (until) {
    std::erase_if(operations, [&](const recorded::Operation& of) { return of.line > *until; });
  }
  return operations;
}

// What the model refuses, and what names a place that is not there, is wrong with the line.
// Progress is told now and then: apply() of so many operations of so many.
template <typename Apply, typename Progress>
void apply_all(const InputFile& trace, const std::vector<recorded::Operation>& operations,
               Apply apply, const Progress& progress) {
  constexpr std::size_t step = 4096;
  struct Restore {
    ViolationHandler handler;
    ~Restore() { set_violation_handler(handler); }
  } const restore{set_violation_handler([](const Violation& violation) {
    if (violation.severity == Severity::bug) throw ParseError{violation.reason};
  })};
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (progress && i % step == 0) progress(i, operations.size());
    try {
      apply(operations[i]);
    } catch (const ParseError& error) {
      throw trace.error_at_line(operations[i].line, error.what());
    }
  }
}

}  // namespace pageblock::detail
