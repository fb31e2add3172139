// SPDX-License-Identifier: MIT
/// Traces as text, and the operations that are read from them.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/trace/trace_decoder.hpp"

#include "support/catch.hpp"

namespace pageblock::test {

/// A trace, and the operations in it, which are views of it.
struct Trace {
  InputFile file{"trace", {}};

  // Each line of @p events is that of CPU 0, or of the CPU whose number it begins with: "1|...".
  explicit Trace(std::string_view events) {
    while (!events.empty()) {
      std::string_view event = events.substr(0, events.find('\n'));
      events.remove_prefix(event.size() + 1);
      std::string_view cpu = "0";
      if (event.substr(1).starts_with("|")) {
        cpu = event.substr(0, 1);
        event.remove_prefix(2);
      }
      file.content += fmt::format("  sh-1  [00{}] 1.000000: {}\n", cpu, event);
    }
  }

  [[nodiscard]] std::vector<recorded::Operation> decode() const {
    TraceDecoder decoder{file};
    while (decoder.next_line()) decoder.decode();
    return decoder.finish();
  }
};

inline std::string alloc(std::string_view pfn, std::string_view order = "0",
                         std::string_view type = "0") {
  return fmt::format(
      "mm_page_alloc: page=0000000000000001 pfn={} order={} migratetype={} gfp_flags=GFP_KERNEL\n",
      pfn, order, type);
}
inline std::string locked(std::string_view pfn, std::string_view order, bool percpu_refill) {
  return fmt::format(
      "mm_page_alloc_zone_locked: page=0000000000000001 pfn={} order={} migratetype=0 "
      "percpu_refill={}\n",
      pfn, order, percpu_refill ? 1 : 0);
}
inline std::string freed_page(std::string_view pfn, std::string_view order = "0") {
  return fmt::format("mm_page_free: page=0000000000000001 pfn={} order={}\n", pfn, order);
}
inline std::string batched(std::string_view pfn) {
  return fmt::format("mm_page_free_batched: page=0000000000000001 pfn={} order=0\n", pfn);
}
inline std::string drained(std::string_view pfn) {
  return fmt::format("mm_page_pcpu_drain: page=0000000000000001 pfn={} order=0 migratetype=0\n",
                     pfn);
}
// The descriptor of page n is at 0xffffea0000000000 + 64 n.
inline std::string descriptor(unsigned pfn) {
  return fmt::format("{:#x}", 0xffffea0000000000 + 64 * pfn);
}
inline std::string pcp_free(unsigned pfn) {
  return fmt::format(
      "pcp_free: (free_unref_page_commit+0x0/0x1) zone=0x10 pcp=0x20 page={} mt=0 order=0\n",
      descriptor(pfn));
}
inline const std::string refill =
    "pcp_refill: (rmqueue_bulk+0x0/0x1) zone=0x10 order=0 count=2 list=0x30 mt=0 flags=0x801\n";
inline std::string refill_ret(int got) {
  return fmt::format("pcp_refill_ret: (get_page_from_freelist+0x1/0x2 <- rmqueue_bulk) ret={}\n",
                     got);
}

/// Returns an operation as what it must be.
template <typename What>
const What& as(const recorded::Operation& operation) {
  REQUIRE(std::holds_alternative<What>(operation.what));
  return std::get<What>(operation.what);
}

}  // namespace pageblock::test
