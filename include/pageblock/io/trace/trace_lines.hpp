// SPDX-License-Identifier: MIT
/// The lines of a trace, with those put together that a terminal, an editor or mail has broken.
///
/// Layer:  io.
/// Kernel: as trace_text.hpp.
///
///     bash-1234 [002] d..1. 2319.000857: mm_page_alloc: page=ffffea0000404000 pfn=0x1010
///     0 order=0 migratetype=0 gfp_flags=GFP_KERNEL
///
/// Mail breaks at a blank, so that the next line begins with the name of a field or an event. A
/// terminal breaks anywhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "pageblock/io/trace/trace_payload.hpp"

namespace pageblock::detail {

/// Goes through a trace.
class TraceLines {
 public:
  explicit TraceLines(std::string_view text) : unread_{text} {}

  /// Goes to the next line; returns false behind the last one.
  bool next() {
    if (unread_.empty()) return false;
    line_ = take();
    nr_joined_ = 0;
    // Broken lines are rare, so the next line is asked first, and gives most away at once.
    for (std::string_view rest = ahead(); nr_joined_ < most_joined && may_be_rest(rest);
         rest = ahead()) {
      const Join join = join_of(line_, rest);
      if (join == Join::none) break;
      if (nr_joined_ == 0) joined_ = line_;
      if (join == Join::with_blank) joined_ += ' ';
      joined_ += join == Join::with_blank ? trimmed(rest) : rest;
      line_ = joined_;
      take();
      ++nr_joined_;
    }
    return true;
  }

  [[nodiscard]] std::string_view line() const { return line_; }
  /// Returns how many more lines of the text line() is made of.
  [[nodiscard]] std::size_t nr_joined() const { return nr_joined_; }
  [[nodiscard]] std::string_view unread() const { return unread_; }

 private:
  enum class Join { none, with_blank, as_it_is };
  static constexpr std::size_t most_joined = 4;  // of 40 columns each

  static std::string_view first_line(std::string_view text) {
    std::string_view line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  [[nodiscard]] std::string_view ahead() const { return first_line(unread_); }
  std::string_view take() {
    const std::string_view line = first_line(unread_);
    unread_.remove_prefix(std::min(unread_.find('\n'), unread_.size() - 1) + 1);
    return line;
  }

  static std::string_view trimmed(std::string_view text) {
    return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
  }

  // A line with an event of its own has a CPU in brackets, or a colon behind a time.
  static bool may_be_rest(std::string_view line) {
    if (line.find('[') != std::string_view::npos) return false;
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') return false;
    const std::size_t colon = text.find(": ");
    const std::size_t close = text.find(')');
    return (colon == std::string_view::npos || text.substr(0, colon).find(' ') == text.npos) &&
           (close == std::string_view::npos || text.starts_with("(nu"));
  }

  static Join join_of(std::string_view line, std::string_view rest) {
    const std::string_view text = trimmed(rest);
    const TracePayload payload = find_trace_payload(line);
    if (payload.event == nullptr) {
      if (!trimmed(line).empty() && find_trace_payload(text).event != nullptr &&
          text.find(' ') > text.find(": ") && line.ends_with(':')) {
        return Join::with_blank;  // the front alone
      }
      const std::string_view word = line.substr(line.find_last_of(" :") + 1);
      const bool is_name_cut = word.starts_with("mm_page") || word.starts_with("test_pages");
      return is_name_cut ? Join::as_it_is : Join::none;
    }
    const std::string_view fields = line.substr(payload.fields_at);
    if (fields.ends_with("*/")) return Join::none;  // the function_graph tracer's end of an event
    if (is_missing(*payload.event, fields, text.substr(0, text.find('=')))) return Join::with_blank;
    if (is_cut(*payload.event, fields) || is_rest_of_word(fields, text)) return Join::as_it_is;
    return Join::none;
  }

  static bool has_field(std::string_view fields, std::string_view key) {
    for (std::size_t at = fields.find(key); at != std::string_view::npos;
         at = fields.find(key, at + 1)) {
      const std::string_view behind = fields.substr(at + key.size());
      if ((at == 0 || fields[at - 1] == ' ') && behind.starts_with('=')) return true;
    }
    return false;
  }
  static bool is_missing(const KernelEvent& event, std::string_view fields, std::string_view key) {
    return !key.empty() &&
           std::ranges::find(event.fields, key, &KernelField::key) != event.fields.end() &&
           !has_field(fields, key);
  }
  // Whether a field that must be there is not, or the last word is none.
  static bool is_cut(const KernelEvent& event, std::string_view fields) {
    const std::string_view last = fields.substr(fields.find_last_of(' ') + 1);
    if (!last.empty() && (last.back() == '=' || last.find('=') == std::string_view::npos))
      return true;
    return std::ranges::any_of(event.fields, [&](const KernelField& field) {
      return !field.key.empty() && field.otherwise.empty() && !has_field(fields, field.key);
    });
  }
  // "order=1" and "0", "gfp_flags=GFP_HIGH" and "USER_MOVABLE|__GFP_ZERO".
  static bool is_rest_of_word(std::string_view fields, std::string_view text) {
    const bool is_flags = fields.find("gfp_flags=") != std::string_view::npos;
    const std::string_view alphabet = is_flags ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ_|" : "0123456789";
    return text.find_first_not_of(alphabet) == std::string_view::npos;
  }

  std::string_view unread_;
  std::string_view line_;
  std::string joined_;
  std::size_t nr_joined_ = 0;
};

}  // namespace pageblock::detail
