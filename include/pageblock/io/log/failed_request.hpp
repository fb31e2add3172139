// SPDX-License-Identifier: MIT
/// Reads what was asked for when an allocation failed: the first line of the kernel's report, and what
/// it says of the OOM killer.
///
/// Layer:  io.
/// Kernel: warn_alloc() (mm/page_alloc.c), dump_header() (mm/oom_kill.c).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/io/text/log_line.hpp"

namespace pageblock {

/// Numbers as the kernel lists them, "0,2-3": those of nodes.
struct NodeList {
  std::vector<std::pair<unsigned, unsigned>> ranges{};  ///< First and last node of each range.

  /// Returns whether @p node is listed.
  [[nodiscard]] bool has(unsigned node) const {
    for (const auto& [first, last] : ranges) {
      if (first <= node && node <= last) return true;
    }
    return false;
  }
};

/// Returns the list behind @p key, as in "mems_allowed=0,2-3"; nothing if there is none, or
/// "(null)".
[[nodiscard]] inline std::optional<NodeList> node_list_behind(std::string_view text,
                                                              std::string_view key) {
  constexpr std::uint64_t most = 65535;
  const std::size_t start = text.find(key);
  if (start == text.npos) return std::nullopt;
  std::string_view list = text.substr(start + key.size());
  NodeList nodes;
  while (const auto first = detail::take_number(list)) {
    auto last = first;
    if (list.starts_with('-')) {
      list.remove_prefix(1);
      last = detail::take_number(list);
    }
    if (!last || *last > most || *first > *last) return std::nullopt;
    nodes.ranges.emplace_back(static_cast<unsigned>(*first), static_cast<unsigned>(*last));
    if (!list.starts_with(',')) break;
    list.remove_prefix(1);
  }
  if (nodes.ranges.empty()) return std::nullopt;
  return nodes;
}

/// A request for memory that the log reports.
struct FailedRequest {
  /// How the request ended.
  enum class Kind : std::uint8_t {
    failed,   ///< It got nothing.
    stalled,  ///< It waits for long (v4.9 to v4.14).
    oom       ///< The OOM killer was called for it.
  };
  Kind kind = Kind::failed;  ///< How it ended.
  std::string comm{};        ///< The process that asked.
  /// Nothing where it is no request: SysRq calls the OOM killer with order -1.
  std::optional<unsigned> order{};
  /// The gfp mask as it stands there: a number, and names since v4.6.
  std::string gfp_number{};
  std::string gfp_names{};  ///< The flags by name, as the log has them; empty if it has none.
  /// The nodes that it may use; nothing if the text does not limit them.
  std::optional<NodeList> nodemask{};
  std::optional<NodeList> mems_allowed{};  ///< The nodes that it may use, if the log says so.
};

namespace detail {

struct RequestPhrase {
  std::string_view words;
  FailedRequest::Kind kind;
};
inline constexpr std::array<RequestPhrase, 7> request_phrases{
    {{"page allocation failure", FailedRequest::Kind::failed},
     {"page allocation stalls", FailedRequest::Kind::stalled},
     {"invoked oom-killer:", FailedRequest::Kind::oom},
     {"vmemmap alloc failure", FailedRequest::Kind::failed},
     {"vmalloc error", FailedRequest::Kind::failed},
     {"allocation failure", FailedRequest::Kind::failed},
     {"alloc failure", FailedRequest::Kind::failed}}};

}  // namespace detail

/// Returns whether a line begins a report; the request may go on in the next line, if it was broken.
[[nodiscard]] inline bool begins_failed_request(std::string_view text) {
  for (const auto& [words, kind] : detail::request_phrases) {
    if (text.find(words) != text.npos) return true;
  }
  return false;
}

/// Returns the request of the line that begins a report; nothing of other lines.
[[nodiscard]] inline std::optional<FailedRequest> parse_failed_request(std::string_view text) {
  using enum FailedRequest::Kind;
  if (text.find("mode:") == text.npos && text.find("gfp_mask=") == text.npos) return std::nullopt;
  for (const auto& [words, kind] : detail::request_phrases) {
    const std::size_t at = text.find(words);
    if (at == text.npos) continue;
    FailedRequest request{.kind = kind};
    std::string_view comm = text.substr(0, at);
    while (comm.ends_with(' ') || comm.ends_with(':')) comm.remove_suffix(1);
    request.comm = comm;
    text.remove_prefix(at + words.size());

    const std::string_view key = kind == oom ? "gfp_mask=" : "mode:";
    const std::size_t mode = text.find(key);
    if (mode == text.npos) return std::nullopt;
    const std::string_view mask = text.substr(mode + key.size());
    request.gfp_number = mask.substr(0, mask.find_first_of("(, \t"));
    if (mask.substr(request.gfp_number.size()).starts_with('(')) {
      const std::string_view names = mask.substr(request.gfp_number.size() + 1);
      request.gfp_names = names.substr(0, names.find(')'));
    }
    if (request.gfp_number.empty()) return std::nullopt;

    for (const std::string_view order : {"order:", "order=", "page order "}) {
      const auto number = detail::number_behind(text, order);
      if (number && !request.order && *number < 64) {
        request.order = static_cast<unsigned>(*number);
      }
    }
    if (!request.order && words == "vmalloc error") request.order = 0;
    request.nodemask = node_list_behind(text, "nodemask=");
    request.mems_allowed = node_list_behind(text, "mems_allowed=");
    return request;
  }
  return std::nullopt;
}

/// Why the OOM killer was called.
enum class OomConstraint : std::uint8_t { none, cpuset, mempolicy, memcg };

/// Returns what "oom-kill:constraint=CONSTRAINT_MEMCG,..." (v4.19) or the sentences of older kernels
/// say; nothing of other lines.
[[nodiscard]] inline std::optional<OomConstraint> parse_oom_constraint(std::string_view text) {
  const auto has = [text](std::string_view words) { return text.find(words) != text.npos; };
  if (has("oom-kill:constraint=")) {
    if (has("CONSTRAINT_MEMCG")) return OomConstraint::memcg;
    if (has("CONSTRAINT_CPUSET")) return OomConstraint::cpuset;
    if (has("CONSTRAINT_MEMORY_POLICY")) return OomConstraint::mempolicy;
    return OomConstraint::none;
  }
  if (has("Memory cgroup out of memory")) return OomConstraint::memcg;
  if (has("killed as a result of limit of")) return OomConstraint::memcg;
  return std::nullopt;
}

/// A process that the OOM killer ended.
struct KilledProcess {
  std::uint64_t pid = 0;  ///< Its process id.
  std::string comm;       ///< Its name.
};

/// Reads "Out of memory: Killed process 123 (name) ..." and what older kernels and memory cgroups
/// write of it; nothing of other lines.
[[nodiscard]] inline std::optional<KilledProcess> parse_killed_process(std::string_view text) {
  for (const std::string_view words : {"Killed process ", "Kill process "}) {
    const std::size_t at = text.find(words);
    if (at == text.npos) continue;
    text.remove_prefix(at + words.size());
    const auto pid = detail::take_number(text);
    const std::size_t open = text.find('(');
    const std::size_t close = text.find(')', open == text.npos ? 0 : open);
    if (!pid || open == text.npos || close == text.npos) return std::nullopt;
    return KilledProcess{*pid, std::string{text.substr(open + 1, close - open - 1)}};
  }
  return std::nullopt;
}

/// The limit of a memory cgroup, in kB: "memory: usage 1048576kB, limit 1048576kB, failcnt 31".
struct CgroupUsage {
  std::uint64_t usage = 0;  ///< In KiB.
  std::uint64_t limit = 0;  ///< In KiB.
};
/// Reads a line of the kernel log; returns nothing if it tells no usage of a group.
[[nodiscard]] inline std::optional<CgroupUsage> parse_cgroup_usage(std::string_view text) {
  if (!text.starts_with("memory: usage ")) return std::nullopt;
  const auto usage = detail::number_behind(text, "usage ");
  const auto limit = detail::number_behind(text, "limit ");
  if (!usage || !limit) return std::nullopt;
  return CgroupUsage{*usage, *limit};
}

}  // namespace pageblock
