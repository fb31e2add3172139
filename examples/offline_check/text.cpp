// SPDX-License-Identifier: MIT
// What offline_check says to people.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/count_text.hpp"
#include "pageblock/io/picture/block_map_text.hpp"
#include "pageblock/io/snapshot/obstacles.hpp"

#include "offline_check/attempts_report.hpp"
#include "offline_check/findings.hpp"
#include "offline_check/report.hpp"

namespace example {
namespace {

using namespace pageblock;

std::string_view word_for(Verdict verdict) {
  constexpr std::array<std::string_view, nr_verdicts> words{"can go", "refused", "invalid", "-",
                                                            "unknown"};
  return words[static_cast<std::size_t>(verdict)];
}

// What kernels demand of a block before they look at its pages, and what they look at.
std::string_view block_rules(const OfflineReport& report) {
  if (scans(report.judgement)) {
    return "v6.1 demands one zone and no holes; it looks at the first pageblock, the last, and "
           "then "
           "the others from low to high, and names the first page in the way. Pins it finds only "
           "when it migrates: it tries until it is interrupted (EINTR).";
  }
  return "v3.6 demands one zone; that there must be no holes is a rule of kernels since v5.5, "
         "applied here because the answer is about whole blocks.";
}

/// Writes the text.
class TextWriter {
 public:
  TextWriter(const OfflineReport& report, const TextOptions& options)
      : report_{report}, color_{options.color}, is_summary_{options.summary} {}

  std::string write() {
    write_head();
    if (!is_summary_) {
      write_zones();
      write_blocks();
    }
    write_obstacles();
    write_summary();
    write_attempts();
    if (!is_summary_) {
      write_map();
      auto notes = report_.snapshot.notes;
      notes.insert(notes.end(), report_.judgement.notes.begin(), report_.judgement.notes.end());
      if (!notes.empty()) write_list("Where the files differ", notes);
      write_list("Not in these files", unknowns(report_));
    }
    if (report_.reading && report_.judging) {
      line("");
      line("Read in {:.2f} s, judged in {:.2f} s.", *report_.reading, *report_.judging);
    }
    return std::move(text_);
  }

 private:
  static constexpr std::size_t columns = 100;

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    std::string text = fmt::format(format, std::forward<Args>(args)...);
    text.erase(text.find_last_not_of(' ') + 1);
    text_ += text + '\n';
  }

  [[nodiscard]] std::string painted(std::string_view code, std::string_view text) const {
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string{text};
  }
  void title(std::string_view text) {
    line("");
    line("{}", painted("1", text));
  }

  // Breaks a text at blanks.
  void paragraph(std::string_view first, std::string_view indent, std::string_view text) {
    std::string current{first};
    bool is_empty = true;
    while (!text.empty()) {
      const std::string_view word = text.substr(0, text.find(' '));
      text.remove_prefix(std::min(text.size(), word.size() + 1));
      if (!is_empty && current.size() + 1 + word.size() > columns) {
        line("{}", current);
        current = indent;
        is_empty = true;
      }
      if (!is_empty) current += ' ';
      current += word;
      is_empty = false;
    }
    line("{}", current);
  }
  void write_list(std::string_view heading, const std::vector<std::string>& items) {
    title(heading);
    for (const std::string& item : items) paragraph("- ", "  ", item);
  }

  [[nodiscard]] static std::string hex_range(PfnRange range) {
    return fmt::format("{:x}-{:x}", range.start, range.end - 1);
  }

  void write_head() {
    line("{}", painted("1", fmt::format("offline_check: {}", report_.source)));
    const std::string because =
        report_.because.empty() ? std::string{} : fmt::format(" ({})", report_.because);
    paragraph("", "",
              fmt::format("Which memory blocks could be taken offline, judged by the rules of "
                          "Linux {}{}. Page frame numbers are hexadecimal, ranges include both "
                          "ends, counts are pages of {} bytes.",
                          report_.kernel, because, report_.snapshot.page_size));
    std::string names;
    for (const FileName& file : files_of(report_.files)) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", file.base_name);
    }
    std::string missing;
    for (const std::string_view file : missing_files(report_.files)) {
      missing += fmt::format("{}{}", missing.empty() ? "; not there: " : ", ", file);
    }
    paragraph("", "", fmt::format("Read: {}{}.", names, missing));
    for (const std::string& warning : report_.warnings) {
      line("{}", painted("33", "Warning: " + warning));
    }
  }

  void write_zones() {
    title("Zones");
    line("{:8}  {:>16} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "zone", "page frames", "present",
         "free", "movable", "unmovable", "unknown", "per-CPU");
    for (const SnapshotZone& zone : report_.snapshot.zones) {
      line("{:8}  {:>16} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", zone.info.name,
           hex_range(zone.info.range()), zone.counts.nr_present(), zone.counts[Movability::free],
           zone.counts[Movability::movable], zone.counts[Movability::unmovable],
           zone.counts[Movability::unknown], zone.info.per_cpu_count());
    }
    paragraph("", "",
              fmt::format("per-CPU: pages that zoneinfo counts on per-CPU lists. They are free and "
                          "have no flags, so {} they are among the unknown.",
                          scans(report_.judgement) ? "where nothing speaks for a list"
                                                   : "outside zone Movable"));
  }

  void write_blocks() {
    const Snapshot& snapshot = report_.snapshot;
    title(fmt::format(
        "Memory blocks of {} ({} pages){}", size_text(snapshot.memory.nr_pages, snapshot.page_size),
        snapshot.memory.nr_pages,
        snapshot.memory_is_assumed ? ": their size is assumed, there is no list of them" : ""));
    const std::vector<Row> rows = fold();
    std::size_t name_width = 5;
    std::size_t range_width = 11;
    std::size_t zone_width = 4;
    for (const Row& row : rows) {
      name_width = std::max(name_width, row.name().size());
      range_width = std::max(range_width, hex_range(row.range()).size());
      zone_width = std::max(zone_width, zone_text(*row.first).size());
    }
    const std::size_t count_width = snapshot.memory.nr_pages > 99999 ? 8 : 6;
    line("{:{}} {:{}} {:{}} {:>{}}{:>{}}{:>{}} {:7} {:4} {}", "block", name_width, "page frames",
         range_width, "zone", zone_width, "free", count_width - 1, "mov", count_width, "unmov",
         count_width, "verdict", "wait", "first page in the way");
    for (const Row& row : rows) {
      const BlockJudgement& block = *row.first;
      line("{:{}} {:{}} {:{}} {:>{}}{:>{}}{:>{}} {} {}", row.name(), name_width,
           hex_range(row.range()), range_width, zone_text(block), zone_width,
           block.counts[Movability::free], count_width - 1, block.counts[Movability::movable],
           count_width, stuck(block.counts), count_width,
           painted(color_of(block), fmt::format("{:7}", word_for(block.verdict))),
           remark_on(block));
    }
    if (rows.empty() && report_.only) line("none that is {}", word_for(*report_.only));
    if (rows.empty() && !report_.only) line("none");
    if (std::ranges::any_of(rows, [](const Row& row) { return row.first != row.last; })) {
      line("A row of several blocks has the numbers of each: they are equal.");
    }
    paragraph(
        "", "",
        fmt::format(
            "mov: pages that can be migrated. unmov: pages that cannot, or of which nobody knows. "
            "can go: empty once the movable pages have left. refused (EBUSY): a page in use "
            "cannot move. invalid (EINVAL): not tried. {} wait: whether waiting could help; no if "
            "a page of the block is known "
            "not to move, ? if all in the way are of unknown kind.",
            block_rules(report_)));
  }

  // Blocks one behind the other, of which there is the same to say.
  struct Row {
    const BlockJudgement* first;
    const BlockJudgement* last;
    [[nodiscard]] std::string name() const {
      return first == last ? first->block.name
                           : fmt::format("{}-{}", first->block.name, last->block.name);
    }
    [[nodiscard]] PfnRange range() const {
      return {first->block.range.start, last->block.range.end};
    }
  };
  [[nodiscard]] std::vector<Row> fold() const {
    std::vector<Row> rows;
    for (const BlockJudgement& block : report_.judgement.blocks) {
      if (!report_.lists(block)) continue;
      if (!rows.empty() && says_same(*rows.back().last, block)) {
        rows.back().last = &block;
      } else {
        rows.push_back({&block, &block});
      }
    }
    return rows;
  }
  [[nodiscard]] static bool says_same(const BlockJudgement& a, const BlockJudgement& b) {
    return a.block.range.end == b.block.range.start && a.verdict == b.verdict &&
           a.zones == b.zones && a.counts == b.counts && !a.refusal && !b.refusal &&
           a.not_tried == b.not_tried;
  }

  [[nodiscard]] std::string zone_text(const BlockJudgement& block) const {
    if (block.zones.empty()) return "-";
    if (block.zones.size() > 1) return "mixed";
    return fmt::format("{}", report_.snapshot.zones[block.zones.front()].info.name);
  }
  [[nodiscard]] std::string remark_on(const BlockJudgement& block) const {
    if (!block.refusal) return block.not_tried.empty() ? "" : "     " + block.not_tried;
    const auto helps = waiting_helps(report_.snapshot, block);
    return fmt::format("{:4} {:x} {}",
                       !helps   ? "?"
                       : *helps ? "yes"
                                : "no",
                       block.refusal->pfn, to_string(report_.snapshot.kind(block.refusal->pfn)));
  }
  [[nodiscard]] static std::string_view color_of(const BlockJudgement& block) {
    switch (block.verdict) {
      case Verdict::can_go:
        return "32";
      case Verdict::refused:
        return block.counts[Movability::unmovable] != 0 ? "31" : "33";
      default:
        return "2";
    }
  }

  void write_summary() {
    const Summary summary{report_};
    const std::uint64_t nr_pages = report_.snapshot.memory.nr_pages;
    title("Summary");
    line("{} of {} memory blocks can go offline ({}).", summary.count(Verdict::can_go),
         report_.judgement.blocks.size(),
         size_text(summary.count(Verdict::can_go) * nr_pages, report_.snapshot.page_size));
    if (summary.count(Verdict::refused) != 0) {
      line("{} are refused: {} with pages that cannot move, {} only for pages of unknown kind.",
           summary.count(Verdict::refused),
           summary.count(Verdict::refused) - summary.nr_only_unknown, summary.nr_only_unknown);
    }
    if (summary.nr_only_unknown != 0) {
      paragraph("", "",
                fmt::format("The {} pages of unknown kind in the latter may be kernel pages, or "
                            "among the {} on per-CPU lists: draining those would tell.",
                            summary.nr_unknown_pages, summary.nr_per_cpu));
    }
    if (summary.count(Verdict::invalid) != 0) {
      line("{} cannot be tried: two zones, or holes.", summary.count(Verdict::invalid));
    }
    if (summary.count(Verdict::unknown) != 0) {
      line("{} are not judged: nothing says which zone they are in.",
           summary.count(Verdict::unknown));
    }
    if (summary.count(Verdict::not_online) != 0) {
      line("{} are not online.", summary.count(Verdict::not_online));
    }
  }

  void write_obstacles() {
    const std::vector<Obstacle> obstacles = obstacles_of(report_.snapshot, report_.judgement);
    if (obstacles.empty()) return;
    title("What stands in the way of the refused blocks");
    for (const Obstacle& of : obstacles) {
      line("{}: {} in {}", to_string(of.kind), pageblock::count_text(of.nr_pages, "page"),
           pageblock::count_text(of.nr_blocks, "block"));
      paragraph("    ", "    ", advice_for(of.kind));
    }
  }

  void write_attempts() {
    if (!report_.attempts) return;
    title("What the kernel answered when it was asked");
    text_ += as_text(*report_.attempts);
    paragraph("", "", as_text(counts_of(*report_.attempts)));
  }

  void write_map() {
    const std::uint64_t nr_pages = Order{report_.snapshot.pageblock_order}.nr_pages();
    title(fmt::format("Pageblocks, {} pages ({}) each", nr_pages,
                      size_text(nr_pages, report_.snapshot.page_size)));
    text_ += to_text(map_of(report_), {.color = color_});
  }

  const OfflineReport& report_;
  bool color_;
  bool is_summary_;
  std::string text_;
};

}  // namespace

std::string as_text(const OfflineReport& report, const TextOptions& options) {
  return TextWriter{report, options}.write();
}

}  // namespace example
