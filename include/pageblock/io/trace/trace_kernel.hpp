// SPDX-License-Identifier: MIT
/// Which kernel wrote a trace, as far as that decides what its numbers mean.
///
/// Layer:  io.
/// Kernel: enum migratetype (include/linux/mmzone.h). Until v4.3 Reclaimable is 1 and Movable 2;
///         since v4.4 it is the other way round. A trace does not name its kernel, but a request
///         with flags for movable memory shows which number that has.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/kernels.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/io/text/gfp_flags.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock {

/// The numbers that migratetypes of requests have in a trace, and what says so.
struct TraceKernel {
  /// Whether they are those that kernels have since v4.4.
  bool since_v4_4 = true;
  /// For example "line 13: a movable request has migratetype 2"; empty if it makes no difference.
  std::string evidence;

  /// Returns the type of a request's number; nothing if it has none.
  [[nodiscard]] std::optional<MigrateType> type_of(unsigned number) const {
    return (since_v4_4 ? kernel::v6_1 : kernel::v3_6).type_of(number);
  }
};

namespace detail {

/// What one request's flags say of the numbers: whether they are those since v4.4. Nothing if the
/// flags name no type or are unknown.
[[nodiscard]] inline std::optional<bool> numbers_by_flags(const recorded::Allocation& request) {
  if (request.gfp_flags.empty() || (request.migratetype != 1 && request.migratetype != 2)) {
    return std::nullopt;
  }
  MigrateType type = MigrateType::unmovable;
  try {
    type = parse_gfp_flags(request.gfp_flags).migratetype;
  } catch (const ParseError&) {
    return std::nullopt;
  }
  if (type == MigrateType::movable) return request.migratetype == 1;
  if (type == MigrateType::reclaimable) return request.migratetype == 2;
  return std::nullopt;
}

}  // namespace detail

/// Finds out whose numbers the requests of @p operations have: those of @p asked, if it is given, or
/// those that the requests' flags show. @p has_old_names: whether events are named as before v3.3.
/// Throws ParseError if the requests contradict each other or @p asked, and if nothing tells.
[[nodiscard]] inline TraceKernel find_trace_kernel(
    const std::vector<recorded::Operation>& operations, const InputFile& file, bool has_old_names,
    std::optional<KernelVersion> asked = std::nullopt) {
  std::optional<TraceKernel> found;
  if (asked) found = {*asked >= KernelVersion{4, 4}, {}};
  if (!found && has_old_names) found = {false, "events have names of before Linux 3.3"};
  std::size_t undecided = 0;      // a line that needs to know
  std::size_t has_new_names = 0;  // a line whose flags are named as since v4.6
  for (const recorded::Operation& operation : operations) {
    const auto* request = std::get_if<recorded::Allocation>(&operation.what);
    if (request == nullptr) continue;
    if (undecided == 0 && (request->migratetype == 1 || request->migratetype == 2)) {
      undecided = operation.line;
    }
    if (has_new_names == 0 && request->gfp_flags.find("__GFP_") != std::string_view::npos) {
      has_new_names = operation.line;
    }
    const auto since_v4_4 = detail::numbers_by_flags(*request);
    if (!since_v4_4) continue;
    if (!found) {
      found = {*since_v4_4, fmt::format("in line {} migratetype {} comes with {}", operation.line,
                                        request->migratetype, request->gfp_flags)};
    } else if (found->since_v4_4 != *since_v4_4) {
      throw file.error_at_line(
          operation.line,
          fmt::format("migratetype {} comes with {}, as {} Linux 4.4, but {}", request->migratetype,
                      request->gfp_flags, *since_v4_4 ? "since" : "before",
                      found->evidence.empty() ? "another kernel was asked for" : found->evidence));
    }
  }
  if (found) return *found;
  if (undecided == 0) return {};
  if (has_new_names != 0) {
    return {true,
            fmt::format("flags have the names of Linux 4.6 or later in line {}", has_new_names)};
  }
  throw file.error_at_line(
      undecided,
      "nothing says which kernel it was, and so whether migratetype 1 is movable (since Linux 4.4) "
      "or reclaimable (before): it has to be given (--kernel)");
}

}  // namespace pageblock
