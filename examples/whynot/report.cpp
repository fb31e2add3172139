// SPDX-License-Identifier: MIT
#include "whynot/report.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "common/json.hpp"

namespace example {

using namespace pageblock;

namespace {

/// Equal ones together.
struct Counted {
  Answer answer;
  const Finding* first = nullptr;
  const Finding* last = nullptr;
  std::size_t count = 0;
};

// The tables of one kind are one series, which stands where its first table does.
template <typename Table>
bool add_series(const Findings& findings, const Finding& finding, const Question& question,
                std::vector<Counted>& all) {
  if (!std::holds_alternative<Table>(finding.what)) return false;
  Series<Table> series;
  for (const Finding& other : findings.found) {
    if (const auto* table = std::get_if<Table>(&other.what))
      series.tables.push_back({&other, table});
  }
  if (series.tables.front().where != &finding) return true;
  all.push_back({answer_to(series, question), &finding, series.tables.back().where, 1});
  return true;
}

std::vector<Counted> count_equal(const Findings& findings, const Question& question) {
  std::vector<Counted> all;
  std::map<std::string, std::size_t> known;
  for (const Finding& finding : findings.found) {
    if (add_series<BuddyInfo>(findings, finding, question, all)) continue;
    if (add_series<PageTypeInfo>(findings, finding, question, all)) continue;
    if (add_series<ZoneTable>(findings, finding, question, all)) continue;
    Answer answer = std::visit(
        [&](const auto& what) -> Answer {
          using What = std::remove_cvref_t<decltype(what)>;
          if constexpr (std::is_same_v<What, BuddyInfo> || std::is_same_v<What, PageTypeInfo> ||
                        std::is_same_v<What, ZoneTable>) {
            return {};
          } else {
            return answer_to(what, question);
          }
        },
        finding.what);
    const Json comm = answer.json.contains("comm") ? answer.json["comm"] : Json();
    if (answer.json.contains("comm"))
      answer.json["comm"] = nullptr;  // who asked makes no difference
    const auto [at, is_new] = known.try_emplace(
        answer.json.dump(-1, ' ', false, Json::error_handler_t::replace), all.size());
    if (answer.json.contains("comm")) answer.json["comm"] = comm;
    if (is_new) {
      all.push_back({std::move(answer), &finding, &finding, 1});
    } else {
      all[at->second].last = &finding;
      ++all[at->second].count;
    }
  }
  return all;
}

/// Bold and red on a terminal.
class Paint {
 public:
  explicit Paint(bool is_on) : is_on_{is_on} {}
  [[nodiscard]] std::string bold(std::string_view text) const { return in("1", text); }
  /// Colours the answers of zones in a text.
  [[nodiscard]] std::string answers(std::string text) const {
    if (!is_on_) return text;
    for (const auto& [words, code] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {": below its watermark", "33"},
             {": no chunk of that order", "31"},
             {": no memory", "2"},
             {": served", "32"},
             {"\nWhy:", "1"},
             {"\nWhat would help:", "32"}}) {
      std::string replaced;
      for (std::size_t from = 0;;) {
        const std::size_t at = text.find(words, from);
        replaced += text.substr(from, at - from);
        if (at == text.npos) break;
        // Only in front of a zone's explanation, which begins with a colon of its own.
        const std::string_view mark = words.substr(0, words.front() == '\n' ? 1 : 2);
        replaced.append(mark).append(in(code, words.substr(mark.size())));
        from = at + words.size();
      }
      text = std::move(replaced);
    }
    return text;
  }

 private:
  [[nodiscard]] std::string in(std::string_view code, std::string_view text) const {
    return is_on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string{text};
  }
  bool is_on_;
};

// Text of a file may hold what moves a terminal's cursor.
std::string printable(std::string_view text) {
  std::string result;
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if ((code < 0x20 && byte != '\n') || code == 0x7f) {
      result += fmt::format("\\x{:02x}", code);
    } else {
      result += byte;
    }
  }
  return result;
}

std::string place_of(const Finding& finding) {
  return fmt::format("{}:{}{}", finding.file, finding.line,
                     finding.time.empty() ? "" : fmt::format(" [{}]", printable(finding.time)));
}

}  // namespace

std::string size_text(std::uint64_t pages, std::uint64_t page_kbytes) {
  const double kbytes = static_cast<double>(pages) * static_cast<double>(page_kbytes);
  if (kbytes < 1024) return fmt::format("{} KiB", pages * page_kbytes);
  if (kbytes < 1024 * 1024) return fmt::format("{:.3g} MiB", kbytes / 1024);
  return fmt::format("{:.4g} GiB", kbytes / 1024 / 1024);
}

std::string as_text(const Findings& findings, const Question& question, bool color) {
  constexpr std::size_t most_told = 12;
  const Paint paint{color};
  const std::vector<Counted> all = count_equal(findings, question);
  std::string text;
  std::map<std::string_view, std::vector<const Counted*>> alike;
  for (const Counted& one : all) alike[one.answer.likeness].push_back(&one);
  std::size_t told = 0;
  std::size_t left_out = 0;
  for (const Counted& one : all) {
    const auto& same = alike[one.answer.likeness];
    if (same.front() != &one) continue;
    std::size_t count = 0;
    const Finding* last = one.first;
    for (const Counted* other : same) {
      count += other->count;
      if (other->last->file == last->file && other->last->line > last->line) last = other->last;
    }
    const std::string times =
        count == 1 ? std::string{}
                   : fmt::format("  {} times, the last at {}{}\n", count, place_of(*last),
                                 same.size() == 1 ? "" : "; the numbers are those of the first");
    if (told == most_told) {
      left_out += 1;
      if (left_out <= most_told) {
        text += fmt::format("{}: {}{}\n", place_of(*one.first), printable(one.answer.title),
                            count == 1 ? "" : fmt::format(" ({} times)", count));
      }
      continue;
    }
    ++told;
    text += fmt::format("{}{}: {}\n{}{}", text.empty() ? "" : "\n", place_of(*one.first),
                        paint.bold(printable(one.answer.title)), times,
                        paint.answers(printable(one.answer.text)));
    if (told == most_told) text += '\n';
  }
  if (left_out > most_told)
    text += fmt::format("... and {} more; --json has all of them\n", left_out - most_told);
  std::string skipped;
  for (const SearchedFile& file : findings.files) {
    if (file.skipped.count() == 0) continue;
    if (file.skipped.count() <= file.skipped.first().size()) {
      skipped += fmt::format("{}: {}\n", file.name, file.skipped.text());
    } else {
      skipped += fmt::format("{}: {} of {} lines belong to nothing of this and were passed over.\n",
                             file.name, file.skipped.count(), file.nr_lines);
    }
  }
  if (!skipped.empty() && !text.empty()) text += '\n' + skipped;
  return text;
}

std::string as_json(const Findings& findings, const Question& question) {
  Json document = json_document("whynot", 1);
  document["reports"] = Json::array();
  for (Counted& one : count_equal(findings, question)) {
    Json report;
    report["kind"] = one.answer.json["kind"];
    report["file"] = one.first->file;
    report["line"] = one.first->line;
    report["time"] = one.first->time.empty() ? Json(nullptr) : Json(one.first->time);
    report["count"] = one.count;
    report["last_time"] = one.last->time.empty() ? Json(nullptr) : Json(one.last->time);
    report.update(one.answer.json);
    report["title"] = one.answer.title;
    document["reports"].push_back(std::move(report));
  }
  document["files"] = Json::array();
  for (const SearchedFile& file : findings.files) {
    document["files"].push_back({{"name", file.name},
                                 {"lines", file.nr_lines},
                                 {"passed_over", file.skipped.count()},
                                 {"first_passed_over", file.skipped.first()}});
  }
  document["errors"] = findings.errors;
  return to_text(document);
}

std::string what_is_known() {
  return "  a failed allocation or an OOM report      \"page allocation failure: order:\", "
         "\"invoked oom-killer\", \"Mem-Info:\"\n"
         "  a contiguous allocation that failed       \"cma_alloc: alloc failed\", \"PFNs busy\"\n"
         "  a page that stands in the way             \"page dumped because: unmovable page\", "
         "\"migration failure\"\n"
         "  memory that did not go offline            \"memory offlining [mem ...] failed due "
         "to\"\n"
         "  the owners of pages                       /sys/kernel/debug/page_owner, or sorted by "
         "page_owner_sort\n"
         "  free memory, one table or several         /proc/buddyinfo, /proc/pagetypeinfo, "
         "/proc/zoneinfo\n";
}

}  // namespace example
