// SPDX-License-Identifier: MIT
/// The kmem events in a line of a trace, whichever tool printed it.
///
/// Layer:  io.
/// Kernel: include/trace/events/kmem.h and page_isolation.h.
///
/// perf and trace-cmd may print "page=(nil)", pfns in decimal, flags as a number, or, where they do
/// not understand the kernel's format, "[FAILED TO PARSE]" and the fields as they are stored.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"

namespace pageblock::detail {

/// A field of an event, and what stands for it where a tool leaves it out; empty if it must be there.
struct KernelField {
  std::string_view key;
  std::string_view otherwise{};
};

/// An event whose fields are read.
struct KernelEvent {
  std::string_view name;   ///< in the text
  std::string_view today;  ///< since v3.3
  std::array<KernelField, 9> fields;
  bool is_old = false;
  bool is_pagevec_free = false;
  const KernelEvent* other = nullptr;  ///< what a pagevec free is where no other event follows
};

inline constexpr std::array<KernelField, 9> free_fields{{{"page", "0"}, {"pfn"}, {"order"}}};
inline constexpr KernelEvent free_event{"mm_page_free", "mm_page_free", free_fields};

inline constexpr std::array<KernelEvent, 9> kernel_events{{
    {"mm_page_alloc",
     "mm_page_alloc",
     {{{"page", "0"}, {"pfn"}, {"order"}, {"migratetype"}, {"gfp_flags", "none"}}}},
    free_event,
    {"mm_page_free_batched", "mm_page_free_batched", {{{"page", "0"}, {"pfn"}, {"order", "0"}}}},
    {"mm_page_free_direct", "mm_page_free", free_fields, true},
    {"mm_pagevec_free",
     "mm_page_free_batched",
     {{{"page", "0"}, {"pfn"}, {"order", "0"}}},
     true,
     true,
     &free_event},
    {"mm_page_alloc_zone_locked",
     "mm_page_alloc_zone_locked",
     {{{"page", "0"}, {"pfn"}, {"order"}, {"migratetype"}, {"percpu_refill", "0"}}}},
    {"mm_page_pcpu_drain",
     "mm_page_pcpu_drain",
     {{{"page", "0"}, {"pfn"}, {"order"}, {"migratetype"}}}},
    {"mm_page_alloc_extfrag",
     "mm_page_alloc_extfrag",
     {{{"page", "0"},
       {"pfn"},
       {"alloc_order"},
       {"fallback_order"},
       {"pageblock_order", "9"},
       {"alloc_migratetype"},
       {"fallback_migratetype"},
       {"fragmenting", "0"},
       {"change_ownership", "0"}}}},
    {"test_pages_isolated",
     "test_pages_isolated",
     {{{"start_pfn"}, {"end_pfn"}, {"fin_pfn"}, {"ret"}}}},
}};

/// Where a line names such an event.
struct TracePayload {
  const KernelEvent* event = nullptr;
  std::size_t name_at = 0;
  std::size_t fields_at = 0;
  std::string_view line{};

  /// Returns whether fields follow, so that the line is meant as an event.
  [[nodiscard]] bool has_page() const {
    const std::string_view fields = line.substr(std::min(fields_at, line.size()));
    return fields.find("pfn=") != std::string_view::npos ||
           fields.find("page=") != std::string_view::npos;
  }
};

/// Finds the first name of an event that stands by itself and has a colon behind it.
[[nodiscard]] inline TracePayload find_trace_payload(std::string_view line) {
  for (std::size_t at = line.find("mm_page");; at = line.find("mm_page", at + 1)) {
    if (at == std::string_view::npos) {
      at = line.find("test_pages_isolated:");
      if (at == std::string_view::npos) return {};
    }
    const std::string_view text = line.substr(at);
    const std::size_t colon = text.find(':');
    const bool stands_alone =
        at == 0 || line[at - 1] == ' ' || line[at - 1] == ':' || line[at - 1] == '\t';
    if (colon != std::string_view::npos && stands_alone) {
      const auto* const found =
          std::ranges::find(kernel_events, text.substr(0, colon), &KernelEvent::name);
      if (found != kernel_events.end()) return {found, at, at + colon + 1, line};
    }
    if (text.starts_with("test_")) return {};
  }
}

/// Takes the fields of an event apart.
class TracePayloadFields {
 public:
  TracePayloadFields(const KernelEvent& event, std::string_view text, const InputFile& file,
                     std::size_t line)
      : event_{event}, file_{file}, line_{line} {
    std::string_view* last = nullptr;
    for (std::size_t start = 0; (start = text.find_first_not_of(" \t", start)) != text.npos;) {
      const std::size_t end = std::min(text.find_first_of(" \t", start), text.size());
      const std::string_view word = text.substr(start, end - start);
      const std::size_t equals = word.find('=');
      if (equals != std::string_view::npos && equals != 0) {
        last = place_of(word.substr(0, equals));
        if (last != nullptr) *last = word.substr(equals + 1);
      } else if (last != nullptr && last->empty()) {
        *last = word;  // "page=          (null)"
      } else if (last != nullptr && !word.starts_with('(')) {
        fail(fmt::format("'{}' is no field", word));
      }
      start = end;
    }
  }

  [[nodiscard]] std::string_view text(std::size_t field) const {
    const std::string_view value =
        values_[field].empty() ? event_.fields[field].otherwise : values_[field];
    if (value.empty()) fail(fmt::format("no '{}='", event_.fields[field].key));
    return value;
  }

  /// Returns a number, decimal or with 0x; a signed -1 is the largest.
  [[nodiscard]] std::uint64_t number(std::size_t field) const {
    std::string_view digits = text(field);
    if (digits == "-1") return std::numeric_limits<std::uint64_t>::max();
    const bool is_hex = digits.starts_with("0x");
    if (is_hex) digits.remove_prefix(2);
    std::uint64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, is_hex ? 16 : 10);
    if (error != std::errc{} || stop != end) {
      fail(fmt::format("'{}' is no number for '{}'", text(field), event_.fields[field].key));
    }
    return value;
  }

  /// Returns whether the page is a null pointer; nothing if the tool shows none.
  [[nodiscard]] std::optional<bool> is_null() const {
    if (event_.fields[0].key != "page" || values_[0].empty()) return std::nullopt;
    std::string_view page = values_[0];
    if (page == "(null)" || page == "(nil)" || page == "NULL") return true;
    if (page.starts_with("0x")) page.remove_prefix(2);
    return page.find_first_not_of('0') == std::string_view::npos;
  }

 private:
  [[nodiscard]] std::string_view* place_of(std::string_view key) {
    for (std::size_t i = 0; i < event_.fields.size(); ++i) {
      if (event_.fields[i].key == key) return &values_[i];
    }
    return nullptr;
  }
  [[noreturn]] void fail(std::string_view fault) const {
    throw file_.error_at_line(line_, fmt::format("{}: {}", event_.name, fault));
  }

  const KernelEvent& event_;
  const InputFile& file_;
  std::size_t line_;
  std::array<std::string_view, 9> values_{};
};

/// Writes "mm_page_free: page=0 pfn=0x1 order=0", as the kernel has it today. Throws ParseError if a
/// field is missing or no number.
inline void write_trace_payload(std::string& out, const KernelEvent& event, std::string_view text,
                                const InputFile& file, std::size_t line) {
  const TracePayloadFields fields{event, text, file, line};
  out += event.today;
  out += ':';
  for (std::size_t i = 0; i < event.fields.size() && !event.fields[i].key.empty(); ++i) {
    const std::string_view key = event.fields[i].key;
    out += ' ';
    out += key;
    out += '=';
    if (key == "page") {
      out += fields.is_null().value_or(false) ? "0000000000000000" : fields.text(i);
    } else if (key == "gfp_flags" || key == "ret") {
      out += fields.text(i);
    } else if (key.ends_with("pfn")) {
      // Stored, the pfn of a failed request is -1.
      const std::uint64_t pfn = fields.number(i);
      const bool is_none = pfn == std::numeric_limits<std::uint64_t>::max();
      fmt::format_to(std::back_inserter(out), "{:#x}", is_none ? 0 : pfn);
    } else {
      fmt::format_to(std::back_inserter(out), "{}", fields.number(i));
    }
  }
}

}  // namespace pageblock::detail
