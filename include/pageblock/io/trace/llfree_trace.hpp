// SPDX-License-Identifier: MIT
/// LLFree's binary trace of the allocations of a machine: reading and writing.
///
/// Layer:  io.
/// Kernel: none.
///
/// A file is pages of 4096 bytes, all numbers little endian. Page 0 has how many pages of events follow,
/// how many cores the machine has, and its highest pfn, 32 bits each. Each other page has its core in 32 bits
/// and from byte 16 on 255 events at most, 16 bytes each; one with pfn 0 ends the page:
///
///     bits  0-37    38-61   62         63-66   67-95   96-127
///           time    pfn     1 alloc    order   gfp     pid
///           (us)            0 free
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// An allocation or a free.
struct LlfreeEvent {
  std::uint64_t time_us = 0;  ///< Since some beginning, below 2^38.
  Pfn pfn{};                  ///< 1 to 2^24 - 1, so up to 64 GiB.
  bool is_alloc = false;      ///< Else a free.
  Order order{};              ///< At most 15.
  std::uint32_t gfp = 0;      ///< The kernel's flags, 29 bits.
  std::uint32_t pid = 0;      ///< Who.
  std::uint32_t core = 0;     ///< Where.

  /// Returns the migratetype that the flags ask for. The bits of __GFP_MOVABLE and __GFP_RECLAIMABLE have
  /// been these in all kernels.
  [[nodiscard]] MigrateType migratetype() const {
    if ((gfp & 0x08U) != 0) return MigrateType::movable;
    return (gfp & 0x10U) != 0 ? MigrateType::reclaimable : MigrateType::unmovable;
  }
  friend bool operator==(const LlfreeEvent&, const LlfreeEvent&) = default;
};

/// A trace, its events in the order of time; those of one time in the order of the file.
struct LlfreeTrace {
  std::uint32_t cores = 0;    ///< Of the machine.
  std::uint32_t max_pfn = 0;  ///< Its highest.
  std::vector<LlfreeEvent> events{};
  friend bool operator==(const LlfreeTrace&, const LlfreeTrace&) = default;
};

namespace detail {

inline constexpr std::size_t llfree_page_bytes = 4096;
inline constexpr std::size_t llfree_entry_bytes = 16;

template <typename T>
[[nodiscard]] T little_endian(std::string_view bytes) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- != 0;) {
    value = static_cast<T>(value << 8 | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}
template <typename T>
void put_little_endian(std::string& to, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    to[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

[[nodiscard]] inline LlfreeEvent llfree_event(std::string_view bytes, std::uint32_t core) {
  const auto low = little_endian<std::uint64_t>(bytes);
  const auto high = little_endian<std::uint64_t>(bytes.substr(8));
  constexpr auto bits = [](std::uint64_t of, unsigned from, unsigned count) {
    return of >> from & ((std::uint64_t{1} << count) - 1);
  };
  return {.time_us = bits(low, 0, 38),
          .pfn = Pfn{bits(low, 38, 24)},
          .is_alloc = bits(low, 62, 1) != 0,
          .order = Order{static_cast<unsigned>(bits(low, 63, 1) | bits(high, 0, 3) << 1)},
          .gfp = static_cast<std::uint32_t>(bits(high, 3, 29)),
          .pid = static_cast<std::uint32_t>(bits(high, 32, 32)),
          .core = core};
}

}  // namespace detail

/// Returns the trace in @p file.
/// Throws ParseError where it is cut, or names a core or a page that the machine does not have.
[[nodiscard]] inline LlfreeTrace read_llfree_trace(const InputFile& file) {
  using detail::little_endian;
  constexpr std::size_t page_bytes = detail::llfree_page_bytes;
  const std::string_view content = file.content;
  if (content.size() < page_bytes || content.size() % page_bytes != 0) {
    throw file.error_at_byte(
        content.size(),
        "the file ends, and not at a page of 4096 bytes: no trace of LLFree, or it is cut");
  }
  LlfreeTrace trace{.cores = little_endian<std::uint32_t>(content.substr(4)),
                    .max_pfn = little_endian<std::uint32_t>(content.substr(8))};
  if (trace.cores == 0) throw file.error_at_byte(4, "the machine has no cores: no trace of LLFree");
  for (std::size_t page = page_bytes; page < content.size(); page += page_bytes) {
    const auto core = little_endian<std::uint32_t>(content.substr(page));
    if (core >= trace.cores) {
      throw file.error_at_byte(page,
                               fmt::format("core {} of a machine with {}", core, trace.cores));
    }
    for (std::size_t at = page + detail::llfree_entry_bytes; at < page + page_bytes;
         at += detail::llfree_entry_bytes) {
      const LlfreeEvent event =
          detail::llfree_event(content.substr(at, detail::llfree_entry_bytes), core);
      if (event.pfn == Pfn{0}) break;
      if (trace.max_pfn < event.pfn.value()) {
        throw file.error_at_byte(
            at, fmt::format("pfn {}, and the highest is {}", event.pfn.value(), trace.max_pfn));
      }
      trace.events.push_back(event);
    }
  }
  detail::sort_stably(trace.events, &LlfreeEvent::time_us);
  return trace;
}

/// Returns the bytes of a file with @p trace.
/// Throws ParseError where an event does not fit.
[[nodiscard]] inline std::string write_llfree_trace(const LlfreeTrace& trace) {
  constexpr std::size_t page_bytes = detail::llfree_page_bytes;
  std::string bytes(page_bytes, '\0');
  struct OpenPage {
    std::size_t page = 0;
    std::size_t next = page_bytes;  // where the page ends, a new one begins
  };
  std::map<std::uint32_t, OpenPage> places;
  for (const LlfreeEvent& event : trace.events) {
    const std::uint64_t pfn = event.pfn.value();
    if (event.core >= trace.cores || pfn == 0 || pfn > trace.max_pfn || pfn >> 24 != 0 ||
        event.time_us >> 38 != 0 || event.order > Order{15} || event.gfp >> 29 != 0) {
      throw ParseError{
          fmt::format("the event of core {} at {} us, pfn {}, does not fit in a trace of LLFree",
                      event.core, event.time_us, pfn)};
    }
    OpenPage& place = places[event.core];
    if (place.next == page_bytes) {
      place = {bytes.size(), detail::llfree_entry_bytes};
      bytes.resize(bytes.size() + page_bytes, '\0');
      detail::put_little_endian(bytes, place.page, event.core);
    }
    const std::uint64_t order = event.order.value();
    const std::uint64_t low =
        event.time_us | pfn << 38 | std::uint64_t{event.is_alloc} << 62 | order << 63;
    const std::uint64_t high =
        order >> 1 | std::uint64_t{event.gfp} << 3 | std::uint64_t{event.pid} << 32;
    detail::put_little_endian(bytes, place.page + place.next, low);
    detail::put_little_endian(bytes, place.page + place.next + 8, high);
    place.next += detail::llfree_entry_bytes;
  }
  detail::put_little_endian(bytes, 0, static_cast<std::uint32_t>(bytes.size() / page_bytes - 1));
  detail::put_little_endian(bytes, 4, trace.cores);
  detail::put_little_endian(bytes, 8, trace.max_pfn);
  return bytes;
}

}  // namespace pageblock
