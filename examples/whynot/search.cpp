// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/text/log_line.hpp"

#include "whynot/findings.hpp"

namespace example {

using namespace pageblock;

namespace {

// Which of /proc's tables a line is of.
enum class Table { none, buddyinfo, pagetypeinfo, zoneinfo };

/// Cuts the tables out of a text: each goes to its reader as a text of its own, in which every line
/// has the number that it has in the file.
class TableCutter {
 public:
  TableCutter(const InputFile& file, Findings& findings) : file_{file}, findings_{findings} {}

  /// Returns whether the line is of a table.
  bool take(const LogLine& line, std::string_view time) {
    if (table_ == Table::pagetypeinfo && line.text.empty()) return true;  // between its parts
    const Table table = table_of(line.text);
    if (table == Table::none) return false;
    if (table != table_ || begins_anew(line.text)) finish();
    if (table_ == Table::none) {
      table_ = table;
      first_line_ = line.number;
      next_line_ = line.number;
      time_ = time;
    }
    text_.append(line.number - next_line_, '\n');
    text_.append(line.text).push_back('\n');
    next_line_ = line.number + 1;
    if (line.text.starts_with("Number of ")) in_block_table_ = true;
    if (table != Table::pagetypeinfo && line.text.starts_with("Node ")) {
      zones_.emplace_back(zone_of(line.text));
    }
    return true;
  }

  void finish() {
    const Table table = std::exchange(table_, Table::none);
    zones_.clear();
    in_block_table_ = false;
    if (table == Table::none) return;
    const InputFile part{file_.name, std::exchange(text_, {}), first_line_};
    const auto add = [&](auto what) {
      findings_.found.push_back({file_.name, first_line_, std::string{time_}, std::move(what)});
    };
    try {
      if (table == Table::buddyinfo) add(parse_buddyinfo(part));
      if (table == Table::pagetypeinfo) add(parse_pagetypeinfo(part));
      if (table == Table::zoneinfo) add(parse_zoneinfo(part));
    } catch (const ParseError& error) {
      findings_.errors.emplace_back(error.what());
    }
  }

 private:
  // "Node 0, zone   Normal" without what follows.
  [[nodiscard]] static std::string_view zone_of(std::string_view text) {
    const std::size_t zone = text.find("zone");
    const std::size_t name = text.find_first_not_of(' ', zone + 4);
    return text.substr(0, text.find_first_of(" ,", name));
  }

  [[nodiscard]] Table table_of(std::string_view text) const {
    if (text.starts_with("Node ")) {
      const std::size_t comma = text.find(", zone ");
      if (comma == text.npos) return Table::none;
      const std::string_view zone = zone_of(text);
      const std::string_view behind = text.substr(zone.size());
      const std::size_t next = behind.find_first_not_of(' ');
      if (next == behind.npos) return Table::zoneinfo;
      if (behind.starts_with(", type")) return Table::pagetypeinfo;
      return in_block_table_ ? Table::pagetypeinfo : Table::buddyinfo;
    }
    for (const std::string_view head :
         {"Page block order:", "Pages per block:", "Free pages count per migrate type at order",
          "Number of blocks type", "Number of mixed blocks"}) {
      if (text.starts_with(head)) return Table::pagetypeinfo;
    }
    return table_ == Table::zoneinfo && is_of_zoneinfo(text) ? Table::zoneinfo : Table::none;
  }

  // "pages free     3960", "nr_mapped    3", "protection: (0, 3237)", "cpu: 0", "pagesets".
  [[nodiscard]] static bool is_of_zoneinfo(std::string_view text) {
    if (text == "pagesets" || text == "per-node stats" || text.starts_with("protection:") ||
        text.starts_with("vm stats threshold:")) {
      return true;
    }
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789_: ";
    constexpr std::string_view digits = "0123456789";
    const std::size_t number = text.find_last_not_of(digits);
    return number != text.npos && number + 1 < text.size() && text[number] == ' ' &&
           text.find_first_not_of(letters) == text.npos && !detail::is_digit(text.front());
  }

  // Whether a line of the same table belongs to the next one of a series.
  [[nodiscard]] bool begins_anew(std::string_view text) const {
    if (table_ == Table::pagetypeinfo) return text.starts_with("Page block order:");
    return text.starts_with("Node ") && std::ranges::find(zones_, zone_of(text)) != zones_.end();
  }

  const InputFile& file_;
  Findings& findings_;
  Table table_ = Table::none;
  std::string text_;
  std::size_t first_line_ = 0;
  std::size_t next_line_ = 0;
  std::string_view time_;
  std::vector<std::string_view> zones_;
  bool in_block_table_ = false;
};

// Whether a line says when what follows was: "Sat Nov 28 08:26:09 UTC 2026", "2026-11-28 08:26",
// "08:26:09 up 13 min", "1764318369", "==> buddyinfo.1 <==".
bool is_date(const LogLine& line) {
  const std::string_view text = line.text;
  if (text.size() > 80) return false;
  if (text.starts_with("==> ") && text.ends_with(" <==")) return true;
  if (text.size() == 10 && text.find_first_not_of("0123456789") == text.npos) return true;
  const auto is_at = [text](std::size_t at, std::string_view form) {
    if (at + form.size() > text.size()) return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
      const bool fits = form[i] == '0' ? detail::is_digit(text[at + i]) : text[at + i] == form[i];
      if (!fits) return false;
    }
    return true;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_at(at, "00:00:00") || is_at(at, "0000-00-00")) return true;
  }
  return false;
}

// Takes off what colours a terminal and marks a file as UTF-8, but no end of a line.
InputFile plain(const InputFile& file) {
  InputFile result{file.name, {}, file.first_line};
  std::string_view rest{file.content};
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  result.content.reserve(rest.size());
  for (std::size_t at = rest.find("\x1b["); at != rest.npos; at = rest.find("\x1b[")) {
    result.content += rest.substr(0, at);
    const std::size_t end = rest.find_first_not_of("0123456789;", at + 2);
    rest.remove_prefix(
        std::min(end == rest.npos ? end : end + (rest[end] == '\n' ? 0 : 1), rest.size()));
  }
  result.content += rest;
  return result;
}

}  // namespace

void search(const InputFile& text, Findings& findings) {
  if (text.content.starts_with("\xff\xfe") || text.content.starts_with("\xfe\xff")) {
    findings.errors.emplace_back(
        text.error_at_line(1, "this is UTF-16: convert it, as with iconv -f utf-16 -t utf-8")
            .what());
    findings.files.push_back({text.name, 0, {}});
    return;
  }
  const InputFile file = plain(text);
  const std::size_t first = findings.found.size();
  SearchedFile searched{.name = file.name};
  AllocationReportReader allocations{file};
  CmaReportReader cma{file};
  PageDumpReader dumps;
  PageOwnerReader owners{file};
  TableCutter tables{file, findings};
  std::optional<std::size_t> first_owner;
  std::string_view date;
  const auto add = [&](std::size_t line, std::string_view time, auto what) {
    findings.found.push_back({file.name, line, std::string{time}, std::move(what)});
  };
  // What cannot be meant spoils that report, not the others.
  const auto guarded = [&](auto action) {
    try {
      return action();
    } catch (const ParseError& error) {
      findings.errors.emplace_back(error.what());
      return true;
    }
  };
  const auto take = [&](const LogLine& line) {
    const std::string_view time = line.stamp.empty() ? date : line.stamp;
    if (const auto busy = parse_pfns_busy(line.text)) {
      add(line.number, time, BusyRange{*busy});
      return true;
    }
    if (auto failure = parse_offline_failure(line.text)) {
      add(line.number, time, std::move(*failure));
      return true;
    }
    if (dumps.take(line)) {
      if (auto dump = dumps.finished()) {
        // The kernel shows pages for other reasons, too.
        constexpr std::array<std::string_view, 3> reasons{"unmovable page", "migration failure",
                                                          "isolation failed"};
        if (std::ranges::find(reasons, dump->reason) == reasons.end()) return false;
        const std::string stamp = dump->stamp;
        add(dump->line, stamp, std::move(*dump));
      }
      return true;
    }
    if (owners.take(line)) {
      if (!first_owner) first_owner = line.number;
      return true;
    }
    return cma.take(line) || tables.take(line, time) || allocations.take(line);
  };
  LogReader reader{file};
  while (reader.next_line()) {
    const LogLine& line = reader.line();
    ++searched.nr_lines;
    const std::string_view release = find_kernel_release(line.text);
    if (!release.empty()) findings.release = release;
    const bool is_taken = guarded([&] { return take(line); });
    if (!line.text.empty()) searched.skipped.end_of_empty();
    if (is_taken) continue;
    if (line.text.empty()) {
      searched.skipped.add_empty(line.number);
    } else if (is_date(line)) {
      date = line.text;
    } else if (release.empty()) {
      searched.skipped.add(line.number);
    }
  }
  tables.finish();
  for (AllocationReport& report : allocations.finish()) {
    if (report.release.empty()) report.release = findings.release;
    const std::size_t line = report.line;
    std::string time = report.stamp;
    add(line, time, std::move(report));
  }
  const auto finish_cma = [&] {
    for (CmaReport& report : cma.finish()) {
      const std::size_t line = report.line;
      std::string time = report.stamp;
      add(line, time, std::move(report));
    }
    return true;
  };
  guarded(finish_cma);
  guarded(finish_cma);  // what stands before a last map that makes no sense
  if (first_owner) add(*first_owner, date, PageOwners{owners.finish()});
  std::vector<Finding> of_this_file{
      std::make_move_iterator(findings.found.begin() + static_cast<std::ptrdiff_t>(first)),
      std::make_move_iterator(findings.found.end())};
  findings.found.resize(first);
  detail::sort_stably(of_this_file, &Finding::line);
  std::ranges::move(of_this_file, std::back_inserter(findings.found));
  findings.files.push_back(std::move(searched));
}

}  // namespace example
