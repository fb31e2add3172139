// SPDX-License-Identifier: MIT
/// The lines of the kernel's `trace` file as values.
///
/// Layer:  io.
/// Kernel: trace_print_context() (kernel/trace/trace_output.c), include/trace/events/kmem.h and
///         page_isolation.h, trace_kprobe.c.
///
///               qk-1       [000] d..3.     3.047460: mm_page_alloc_zone_locked: page=00000000...
///     comm ---- ^^ ^ pid    ^^^ CPU  ^ flags ^^^^^ timestamp
///
/// Texts are views of the file that was read. Numbers, migratetypes among them, are the kernel's.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <variant>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"

namespace pageblock::ftrace {

// The kernel hashes the pointer behind "page=" in events of its own, so it is kept as text; pfn
// says which page it is.

/// A request was answered; no pfn if it failed, which the kernel prints as 0 with a null pointer.
struct MmPageAlloc {
  std::string_view page;
  std::optional<Pfn> pfn;
  Order order;
  unsigned migratetype = 0;
  std::string_view gfp_flags;
};

/// mm_page_free: pages were given back.
struct MmPageFree {
  std::string_view page;
  Pfn pfn;
  Order order;
};

/// A page of a list that is freed as a whole reaches its per-CPU list. It is no second free: the
/// mm_page_free lines of the whole list come before.
struct MmPageFreeBatched {
  std::string_view page;
  Pfn pfn;
};

/// mm_page_alloc_zone_locked: a chunk was taken off the buddy lists.
struct MmPageAllocZoneLocked {
  std::string_view page;
  Pfn pfn;
  Order order;
  unsigned migratetype = 0;
  bool percpu_refill = false;
};

/// mm_page_pcpu_drain: a chunk went from a per-CPU list to the buddy lists.
struct MmPagePcpuDrain {
  std::string_view page;
  Pfn pfn;
  Order order;
  unsigned migratetype = 0;
};

/// mm_page_alloc_extfrag: a request was served from blocks of another type.
struct MmPageAllocExtfrag {
  std::string_view page;
  Pfn pfn;
  Order alloc_order;
  Order fallback_order;
  Order pageblock_order;
  unsigned alloc_migratetype = 0;
  unsigned fallback_migratetype = 0;
  bool fragmenting = false;
  bool change_ownership = false;
};

/// test_pages_isolated: a range was tested, and up to where it was free.
struct TestPagesIsolated {
  Pfn start_pfn;
  Pfn end_pfn;
  Pfn fin_pfn;
  bool success = false;
};

/// cma_alloc_start: an area was asked for pages. (v7.2's line has two numbers more.)
struct CmaAllocStart {
  std::string_view name;
  std::uint64_t count = 0;
  unsigned align = 0;
};

/// cma_alloc_busy_retry: a place was busy, and the next one is tried.
struct CmaAllocBusyRetry {
  std::string_view name;
  Pfn pfn;
  std::string_view page;
  std::uint64_t count = 0;
  unsigned align = 0;
};

/// cma_alloc_finish: a request was answered, with a null pointer if it failed. The pfn is that of the place
/// that was tried last, or the highest of all numbers.
struct CmaAllocFinish {
  std::string_view name;
  Pfn pfn;
  std::string_view page;
  std::uint64_t count = 0;
  unsigned align = 0;
  /// Of the error, without its sign; kernels up to v6.1 do not print it.
  std::optional<unsigned> error{};
};

/// cma_release: pages of an area came back.
struct CmaRelease {
  std::string_view name;
  Pfn pfn;
  std::string_view page;
  std::uint64_t count = 0;
};

/// What a program wrote to trace_marker.
struct TracingMarkWrite {
  std::string_view text;
};

/// A kprobe: "(function+0x0/0x180) zone=0xffff88803fe28600 order=0"; of a return:
/// "(caller+0x88/0x160 <- function) ret=0".
struct Probe {
  std::string_view name;
  std::string_view location;  ///< what is between the parentheses
  std::string_view args;      ///< what is behind them, with the blank in front

  [[nodiscard]] bool is_return() const { return location.find(" <- ") != std::string_view::npos; }

  /// Returns the function that was entered or left, as the kernel names it.
  [[nodiscard]] std::string_view function() const {
    const std::size_t arrow = location.find(" <- ");
    if (arrow == std::string_view::npos) return location.substr(0, location.find('+'));
    const std::string_view left = location.substr(arrow + 4);
    return left.substr(0, left.find(' '));
  }

  /// Returns the function that was returned to; empty if the probe is not of a return.
  [[nodiscard]] std::string_view caller() const {
    return is_return() ? location.substr(0, location.find('+')) : std::string_view{};
  }

  /// Returns what stands behind "@p arg=", or nothing if there is no such argument.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view arg) const {
    std::string_view rest = args;
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const std::string_view pair = rest.substr(0, rest.find(' '));
      rest.remove_prefix(pair.size());
      if (pair.starts_with(arg) && pair.substr(arg.size()).starts_with('=')) {
        return pair.substr(arg.size() + 1);
      }
    }
    return std::nullopt;
  }

  /// Returns an argument that is a number of 64 bits, decimal or "0x" and hexadecimal.
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view arg) const {
    std::string_view digits = text(arg).value_or("");
    const bool is_hex = digits.starts_with("0x");
    if (is_hex) digits.remove_prefix(2);
    return parse<std::uint64_t>(digits, is_hex ? 16 : 10);
  }

  /// Returns a decimal argument that may be negative, as an errno is.
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view arg) const {
    return parse<std::int64_t>(text(arg).value_or(""), 10);
  }

 private:
  template <typename Integer>
  [[nodiscard]] static std::optional<Integer> parse(std::string_view digits, int base) {
    Integer value{};
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  }
};

/// Any other event. @p text has the name too; the name is empty if the text has none, as with the
/// function tracer.
struct UnknownEvent {
  std::string_view name;
  std::string_view text;
};

/// "CPU:1 [LOST 12 EVENTS]": the ring buffer was full. The count is not always known.
struct LostEvents {
  Cpu cpu;
  std::optional<std::uint64_t> count;
};

/// The line of the header that counts the events; fewer in the buffer than written means that the
/// oldest were overwritten.
struct EntryCounts {
  std::uint64_t in_buffer = 0;
  std::uint64_t written = 0;
  unsigned nr_cpus = 0;
};

/// Another line that starts with '#'.
struct Comment {
  std::string_view text;
};

/// A further line of a TracingMarkWrite or UnknownEvent whose text has several.
struct Continuation {
  std::string_view text;
};

/// Any event that can be read.
using Event = std::variant<MmPageAlloc, MmPageFree, MmPageFreeBatched, MmPageAllocZoneLocked,
                           MmPagePcpuDrain, MmPageAllocExtfrag, TestPagesIsolated, CmaAllocStart,
                           CmaAllocBusyRetry, CmaAllocFinish, CmaRelease, TracingMarkWrite, Probe,
                           UnknownEvent, LostEvents, EntryCounts, Comment, Continuation>;

/// One line. Only events have a prefix and what is read from it.
struct Line {
  std::string_view prefix;  ///< everything in front of the event's name
  std::string_view comm;    ///< without blanks in front
  unsigned pid = 0;
  Cpu cpu;
  std::string_view flags;  ///< irqs-off, need-resched and so on; empty if the trace has no column
  std::string_view timestamp;
  std::uint64_t time = 0;         ///< microseconds, or what a clock that counts has counted
  std::uint64_t nr_on_cpu = 0;    ///< how many events of this CPU stand above
  bool has_decimal_pfns = false;  ///< as kernels before v5.14 print them
  Event event;

  [[nodiscard]] bool is_event() const { return !prefix.empty(); }
};

/// Where the kernel has its page descriptors: what "page=" of a probe points to. The defaults are
/// those of x86-64 without address randomisation.
struct Vmemmap {
  std::uint64_t base = 0xffffea0000000000;
  std::uint64_t descriptor_size = 64;

  [[nodiscard]] constexpr std::uint64_t page_of(Pfn pfn) const {
    return base + pfn.value() * descriptor_size;
  }

  /// Returns the pfn of a descriptor; nothing if there is none at @p page.
  [[nodiscard]] constexpr std::optional<Pfn> pfn_of(std::uint64_t page) const {
    if (page < base || (page - base) % descriptor_size != 0) return std::nullopt;
    return Pfn{(page - base) / descriptor_size};
  }
};

}  // namespace pageblock::ftrace
