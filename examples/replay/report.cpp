// SPDX-License-Identifier: MIT
#include "replay/report.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace example {
namespace {

using namespace pageblock;

std::string errno_text(std::int64_t ret) {
  switch (ret) {
    case 0:
      return "done";
    case -4:
      return "EINTR";
    case -12:
      return "ENOMEM";
    case -16:
      return "EBUSY";
    case -22:
      return "EINVAL";
    default:
      return fmt::format("{}", ret);
  }
}

std::string page_text(const std::optional<Pfn>& pfn) {
  return pfn ? fmt::format("{:#x}", *pfn) : "none";
}

/// "63 Isolate, 1 Movable".
std::string types_text(const std::vector<MigrateType>& types) {
  std::string text;
  for (std::size_t i = 0; i < nr_migratetypes; ++i) {
    const auto type = static_cast<MigrateType>(i);
    if (const auto nr = std::ranges::count(types, type); nr != 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", nr, type);
    }
  }
  return text;
}

/// Attempts to take memory offline that came to an end, and those whose answer was foreseen.
ReplayScore forecasts_of(const std::vector<IsolationAttempt>& attempts) {
  ReplayScore score;
  for (const IsolationAttempt& attempt : attempts) {
    if (attempt.forecast && attempt.ret) score.count(attempt.forecast == attempt.ret);
  }
  return score;
}

class TextReport {
 public:
  explicit TextReport(const ReplayReport& report) : report_{report}, result_{report.result} {}

  std::string write(bool times) {
    line("replay: {}", report_.source);
    line("{}", report_.machine);
    if (report_.until) line("Up to line {} of the trace.", *report_.until);
    for (const std::string& note : report_.notes) line("Note: {}.", note);
    write_events();
    if (result_.plain) {
      write_plain(*result_.plain);
    } else {
      write_scores();
      write_miss();
      write_zone_miss();
      write_differences();
      write_attempts();
      write_taken();
      write_open_zones();
    }
    line("");
    line("{} operations.", result_.nr_operations);
    if (times) {
      line("They took {:.3f} s, {:.2f} million a second; reading took {:.3f} s.", report_.replaying,
           static_cast<double>(report_.operations_per_second()) / 1e6, report_.reading);
    }
    if (!result_.plain) {
      line(report_.agrees() ? "All that was predicted came true."
                            : "Not all that was predicted came true.");
    }
    return text_;
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  void line(std::string_view text) {
    text_ += text;
    text_ += '\n';
  }

  void write_events() {
    line("\nEvents");
    for (const auto& [name, count] : result_.events) line("{:>10} {}", count, name);
  }

  void write_score(std::string_view what, const ReplayScore& score) {
    const double percent = score.total == 0 ? 100.0
                                            : 100.0 * static_cast<double>(score.right) /
                                                  static_cast<double>(score.total);
    line("  {:<44}{:>9} of {:>9} {:7.2f} %", what, score.right, score.total, percent);
  }

  void write_scores() {
    line("\nPredicted exactly");
    write_score("pages handed out", result_.allocations);
    write_score("zones of requests, not judged", result_.zones);
    const std::string_view judged = report_.judges_lists ? "in order" : "not judged";
    write_score(fmt::format("pages to per-CPU lists, {}", judged), result_.refills);
    write_score(fmt::format("pages from per-CPU lists, {}", judged), result_.drained);
    write_score("claims of stolen blocks, where users decide", result_.claims);
    write_score("pageblocks that can be isolated or not", result_.isolated);
    write_score("tests of isolated ranges", result_.tested);
    write_score("pages that moved away: from where to where", result_.migrations);
    if (!result_.differences) return;
    write_score("types of pageblocks at T1", result_.block_types);
    write_score(report_.judges_lists ? "counters at T1" : "counters at T1, not judged",
                result_.counters);
  }

  void write_miss() {
    if (!result_.first) return;
    const Misprediction& miss = *result_.first;
    line("\nFirst misprediction: line {}, {}:", miss.line, miss.what);
    line("  predicted {}, the kernel took {}. Then there was:", page_text(miss.predicted),
         page_text(miss.observed));
    for (const std::string& list : miss.lists) line("    {}", list);
  }

  void write_zone_miss() {
    if (!result_.first_zone) return;
    const ZoneMisprediction& miss = *result_.first_zone;
    line("\nFirst misprediction of a zone: line {}, {}:", miss.line, miss.what);
    line("  predicted {}, the kernel took {}. Then there was:", miss.predicted, miss.observed);
    for (const std::string& zone : miss.zones) line("    {}", zone);
  }

  void write_open_zones() {
    if (result_.open_zones.empty()) return;
    line("\nZones of requests that are not predicted, because of");
    for (const auto& [why, count] : result_.open_zones) line("{:>10} {}", count, why);
  }

  void write_differences() {
    if (!result_.differences) return;
    if (result_.differences->empty()) return line("\nAt T1 no list differs.");
    line("\nAt T1 {} lists differ:", result_.differences->size());
    for (const ListDifference& of : *result_.differences) {
      line("  {} {}: {} entries instead of {}, from entry {} on {} instead of {}", of.zone, of.list,
           of.actual_size, of.expected_size, of.position, page_text(of.actual),
           page_text(of.expected));
    }
  }

  void write_attempts() {
    if (result_.attempts.empty()) return;
    const auto agree = std::ranges::count_if(result_.attempts, &IsolationAttempt::agrees);
    line("\nAttempts to isolate: {} of {} as predicted", agree, result_.attempts.size());
    const ReplayScore forecasts = forecasts_of(result_.attempts);
    if (forecasts.total != 0) {
      line("Forecasts of how an attempt ends, when it began: {} of {} agree", forecasts.right,
           forecasts.total);
    }
    for (const IsolationAttempt& attempt : result_.attempts) {
      line("  {:#x} {}: {}{}", PfnRange{attempt.range}, attempt.what,
           attempt.ret ? errno_text(*attempt.ret) : "not over", attempt.agrees() ? "" : "  WRONG");
      if (attempt.forecast && attempt.ret && attempt.forecast != attempt.ret) {
        line("    forecast when it began: {}", errno_text(*attempt.forecast));
      }
      if (!attempt.isolate_ret) {
        line("    predicted: {}",
             attempt.predicted ? "it can be tried" : "holes, or several zones");
        continue;
      }
      line("    predicted: {} blocks isolated{}; at the end {}", attempt.predicted_blocks,
           attempt.predicted
               ? ""
               : fmt::format(", then page {} refuses", page_text(attempt.predicted_page)),
           types_text(attempt.predicted_types));
      line("    kernel:    {} blocks isolated{}; at the end {}", attempt.blocks,
           *attempt.isolate_ret == 0
               ? ""
               : fmt::format(", then {} refuses",
                             attempt.page ? fmt::format("page {}", page_text(attempt.page))
                                          : std::string{"one"}),
           types_text(attempt.types));
    }
  }

  void write_taken() {
    line("\nTaken from the trace, not predicted");
    for (const auto& [what, count] : result_.taken) line("{:>10} {}", count, what);
  }

  void write_plain(const PlainResult& plain) {
    line("\nRequests");
    line("{:>10} request{}, {} of them found no memory", plain.nr_requests,
         plain.nr_requests == 1 ? "" : "s", plain.nr_refused);
    line("{:>10} frees, {} of them of pages that no request got here", plain.nr_frees,
         plain.nr_unknown_frees);
    line("{:>10} pages were requested again without a free in the trace", plain.nr_unseen_frees);
    if (plain.nr_failed_before != 0) {
      line("{:>10} further requests found no memory when they were recorded; they are left out",
           plain.nr_failed_before);
    }
    line("{:>10} times memory of another type was taken, {} times with its pageblock",
         plain.nr_steals, plain.nr_claims);
    line("\nFree at the end: {} pages, by order:", plain.nr_free_pages);
    std::string orders = " ";
    for (const std::uint64_t chunks : plain.free_chunks) orders += fmt::format(" {}", chunks);
    line("{}", orders);
    line("Pageblocks:");
    for (const auto& [type, count] : plain.blocks) line("{:>10} {}", count, type);
  }

  const ReplayReport& report_;
  const ReplayResult& result_;
  std::string text_;
};

}  // namespace

std::string as_text(const ReplayReport& report, bool times) {
  return TextReport{report}.write(times);
}

}  // namespace example
