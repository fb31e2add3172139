// SPDX-License-Identifier: MIT
#include "offline_check/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/picture/block_map.hpp"
#include "pageblock/io/text/json.hpp"

#include "offline_check/attempts_report.hpp"

namespace example {
namespace {

using namespace pageblock;

constexpr std::string_view schema = "pageblock/offline_check";
constexpr int schema_version = 1;
constexpr unsigned page_size = 4096;
constexpr Order pageblock_order{9};  // judge() sees to it that the machine has no other

std::uint64_t stuck(const PageCounts& counts) {
  return counts[Movability::unmovable] + counts[Movability::unknown];
}

// The library answers for the page in the way. If nobody can say what that page is, the others in
// the block decide: one that is known not to move is enough for a no.
std::optional<bool> waiting_helps(const Snapshot& snapshot, const BlockJudgement& block) {
  const Refusal& refusal = *block.refusal;
  if (movability(snapshot.kind(refusal.pfn)) == Movability::unknown &&
      block.counts[Movability::unmovable] == 0) {
    return std::nullopt;
  }
  return waiting_could_help(refusal);
}

std::string_view word_for(Verdict verdict) {
  constexpr std::array<std::string_view, 4> words{"can go", "refused", "invalid", "-"};
  return words[static_cast<std::size_t>(verdict)];
}

std::string size_text(std::uint64_t nr_pages) {
  const std::uint64_t kib = nr_pages * (page_size / 1024);
  if (kib % (1 << 20) == 0 && kib != 0) return fmt::format("{} GiB", kib >> 20);
  if (kib % 1024 == 0) return fmt::format("{} MiB", kib >> 10);
  return fmt::format("{} KiB", kib);
}

std::vector<const InputFile*> files_of(const SnapshotFiles& files) {
  std::vector<const InputFile*> list{&files.zoneinfo, &files.kpageflags, &files.kpagecount};
  for (const auto* file :
       {&files.buddyinfo, &files.pagetypeinfo, &files.memory_blocks, &files.iomem}) {
    if (*file) list.push_back(&**file);
  }
  return list;
}

std::vector<std::string_view> missing_files(const SnapshotFiles& files) {
  std::vector<std::string_view> list;
  if (!files.buddyinfo) list.emplace_back("buddyinfo");
  if (!files.pagetypeinfo) list.emplace_back("pagetypeinfo");
  if (!files.memory_blocks) list.emplace_back("memory_blocks");
  if (!files.iomem) list.emplace_back("iomem");
  return list;
}

std::string block_types_of(const SnapshotZone& zone) {
  std::string text;
  for (const auto& [type, count] : zone.block_types->types) {
    if (count == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, type);
  }
  return text;
}

bool scans(const OfflineReport& report) { return report.judgement.rule == IsolateRule::scan; }

// What kernels demand of a block before they look at its pages, and what they look at.
std::string_view block_rules(const OfflineReport& report) {
  if (scans(report)) {
    return "v6.1 demands one zone and no holes; it looks at the first pageblock, the last, and "
           "then "
           "the others from low to high, and names the first page in the way. Pins it finds only "
           "when it migrates: it tries until it is interrupted (EINTR).";
  }
  return "v3.6 demands one zone; that there must be no holes is a rule of kernels since v5.5, "
         "applied here because the answer is about whole blocks.";
}

// What is assumed or cannot be known, so that nobody takes it for read.
std::vector<std::string> unknowns(const OfflineReport& report) {
  const Snapshot& snapshot = report.snapshot;
  std::vector<std::string> list;
  std::string types;
  for (const SnapshotZone& zone : snapshot.zones) {
    if (!zone.block_types) continue;
    types += fmt::format("{} zone {}: {}", types.empty() ? "" : ";", zone.info.name,
                         block_types_of(zone));
  }
  list.push_back(
      (scans(report)
           ? "the type of each pageblock. All are assumed Movable. v6.1 looks at the pages of all, "
             "but "
             "refuses one for CMA, and one that somebody has isolated already."
           : "the type of each pageblock. All are assumed Movable. Another type could only move a "
             "refusal to an earlier stage: the pages that stand in the way are the same.") +
      (types.empty() ? types : fmt::format(" pagetypeinfo has only numbers,{}.", types)));
  list.emplace_back(
      scans(report)
          ? "which pages without flags are the kernel's and which are free on a per-CPU list. They "
            "are taken for free in zone Movable, where the kernel has none, and in memory blocks "
            "where nothing else is in the way, as long as zoneinfo counts enough of them; "
            "elsewhere "
            "they stand in the way."
          : "which pages without flags are the kernel's and which are free on a per-CPU list. They "
            "stand in the way, except in zone Movable, where the kernel has none: there they are "
            "put on the list of CPU 0.");
  if (scans(report)) {
    list.emplace_back(
        "whether the driver that holds offline pages lets go of them when asked, as virtio-mem "
        "does: it is taken to.");
  }
  list.emplace_back("the order of the free lists and of the per-CPU lists. No verdict needs it.");
  list.emplace_back(
      "the orders of the free chunks. Runs of free pages are cut into the largest aligned ones; "
      "buddyinfo, where it differs, is quoted in the notes.");
  list.emplace_back(
      "reference counts and pins. A page counts one reference for each mapping, one at least, and "
      "a movable page is taken to move; a pinned one does not.");
  list.emplace_back("the size of a page: 4096 bytes are assumed.");
  if (snapshot.memory_is_assumed) {
    list.emplace_back("the memory blocks: 128 MiB each are assumed, all online.");
  }
  if (!snapshot.knows_ram) {
    list.emplace_back(
        "which reserved pages and pages without flags are holes: there are no addresses of System "
        "RAM (iomem).");
  }
  return list;
}

/// The numbers of the summary.
struct Summary {
  explicit Summary(const OfflineReport& report) {
    for (const BlockJudgement& block : report.judgement.blocks) {
      ++nr_blocks[static_cast<std::size_t>(block.verdict)];
      if (block.verdict == Verdict::refused && block.counts[Movability::unmovable] == 0) {
        ++nr_only_unknown;
        nr_unknown_pages += block.counts[Movability::unknown];
      }
    }
    for (const SnapshotZone& zone : report.snapshot.zones) {
      nr_per_cpu += zone.info.per_cpu_count();
    }
  }
  [[nodiscard]] std::size_t count(Verdict verdict) const {
    return nr_blocks[static_cast<std::size_t>(verdict)];
  }

  std::array<std::size_t, 4> nr_blocks{};
  std::size_t nr_only_unknown = 0;
  std::uint64_t nr_unknown_pages = 0;
  std::uint64_t nr_per_cpu = 0;
};

std::vector<BlockLook> looks_of(const OfflineReport& report, const BlockJudgement& block) {
  std::vector<BlockLook> looks;
  for (Pfn pfn = block.block.range.start; pfn < block.block.range.end;
       pfn += pageblock_order.nr_pages()) {
    PageCounts counts;
    for (const std::size_t i : block.zones) {
      const PfnRange zone = report.snapshot.zones[i].info.range();
      const PfnRange part{std::max(zone.start, pfn),
                          std::min(zone.end, pfn + pageblock_order.nr_pages())};
      for (Pfn page = part.start; page < part.end; ++page) counts.add(report.snapshot.kind(page));
    }
    looks.push_back(look_of(counts));
  }
  return looks;
}

/// Writes the text.
class TextWriter {
 public:
  TextWriter(const OfflineReport& report, bool color) : report_{report}, color_{color} {}

  std::string write() {
    write_head();
    write_zones();
    write_blocks();
    write_summary();
    write_attempts();
    write_map();
    auto notes = report_.snapshot.notes;
    notes.insert(notes.end(), report_.judgement.notes.begin(), report_.judgement.notes.end());
    if (!notes.empty()) write_list("Where the files differ", notes);
    write_list("Not in these files", unknowns(report_));
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
                          report_.kernel, because, page_size));
    std::string names;
    for (const InputFile* file : files_of(report_.files)) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", file->base_name());
    }
    std::string missing;
    for (const std::string_view file : missing_files(report_.files)) {
      missing += fmt::format("{}{}", missing.empty() ? "; not there: " : ", ", file);
    }
    paragraph("", "", fmt::format("Read: {}{}.", names, missing));
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
    paragraph(
        "", "",
        fmt::format("per-CPU: pages that zoneinfo counts on per-CPU lists. They are free and "
                    "have no flags, so {} they are among the unknown.",
                    scans(report_) ? "where nothing speaks for a list" : "outside zone Movable"));
  }

  void write_blocks() {
    const Snapshot& snapshot = report_.snapshot;
    title(fmt::format(
        "Memory blocks of {} ({} pages){}", size_text(snapshot.memory.nr_pages),
        snapshot.memory.nr_pages,
        snapshot.memory_is_assumed ? ": their size is assumed, there is no list of them" : ""));
    std::size_t name_width = 5;
    std::size_t range_width = 11;
    std::size_t zone_width = 4;
    for (const BlockJudgement& block : report_.judgement.blocks) {
      name_width = std::max(name_width, block.block.name.size());
      range_width = std::max(range_width, hex_range(block.block.range).size());
      zone_width = std::max(zone_width, zone_text(block).size());
    }
    const std::size_t count_width = snapshot.memory.nr_pages > 99999 ? 8 : 6;
    line("{:{}} {:{}} {:{}} {:>{}}{:>{}}{:>{}} {:7} {:4} {}", "block", name_width, "page frames",
         range_width, "zone", zone_width, "free", count_width - 1, "mov", count_width, "unmov",
         count_width, "verdict", "wait", "first page in the way");
    for (const BlockJudgement& block : report_.judgement.blocks) {
      line("{:{}} {:{}} {:{}} {:>{}}{:>{}}{:>{}} {} {}", block.block.name, name_width,
           hex_range(block.block.range), range_width, zone_text(block), zone_width,
           block.counts[Movability::free], count_width - 1, block.counts[Movability::movable],
           count_width, stuck(block.counts), count_width,
           painted(color_of(block), fmt::format("{:7}", word_for(block.verdict))),
           remark_on(block));
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
         report_.judgement.blocks.size(), size_text(summary.count(Verdict::can_go) * nr_pages));
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
    if (summary.count(Verdict::not_online) != 0) {
      line("{} are not online.", summary.count(Verdict::not_online));
    }
  }

  void write_attempts() {
    if (!report_.attempts) return;
    title("What the kernel answered when it was asked");
    text_ += as_text(*report_.attempts);
    paragraph("", "", as_text(counts_of(*report_.attempts)));
  }

  void write_map() {
    title(fmt::format("Pageblocks, {} pages ({}) each", pageblock_order.nr_pages(),
                      size_text(pageblock_order.nr_pages())));
    BlockMap map;
    for (const BlockJudgement& block : report_.judgement.blocks) {
      map.add_row(block.block.name, looks_of(report_, block));
    }
    text_ += map.draw(color_);
  }

  const OfflineReport& report_;
  bool color_;
  std::string text_;
};

void write_counts(JsonWriter& json, const PageCounts& counts) {
  json.member("free", counts[Movability::free]);
  json.member("movable", counts[Movability::movable]);
  json.member("unmovable", counts[Movability::unmovable]);
  json.member("unknown", counts[Movability::unknown]);
}

void write_range(JsonWriter& json, PfnRange range) {
  json.member("start_pfn", range.start.value()).member("end_pfn", range.end.value());
}

void write_strings(JsonWriter& json, std::string_view key, const auto& strings) {
  json.key(key).begin_array();
  for (const auto& text : strings) json.value(std::string_view{text});
  json.end();
}

void write_zone(JsonWriter& json, const SnapshotZone& zone) {
  json.begin_object();
  json.member("node", zone.info.name.node).member("name", zone.info.name.zone);
  write_range(json, zone.info.range());
  json.member("present", zone.counts.nr_present());
  write_counts(json, zone.counts);
  json.member("zoneinfo_present", zone.info.present).member("zoneinfo_free", zone.info.free);
  json.key("zoneinfo_per_cpu").begin_array();
  for (const PerCpuInfo& cpu : zone.info.per_cpu) {
    json.begin_object().member("cpu", cpu.cpu).member("count", cpu.count);
    json.member("high", cpu.high).member("batch", cpu.batch).end();
  }
  json.end();
  if (zone.block_types) {
    json.key("pagetypeinfo_blocks").begin_object();
    for (const auto& [type, count] : zone.block_types->types) json.member(type, count);
    json.end();
  }
  json.end();
}

void write_block(JsonWriter& json, const OfflineReport& report, const BlockJudgement& block) {
  json.begin_object();
  json.member("name", block.block.name).member("state", block.block.state);
  write_range(json, block.block.range);
  json.key("zones").begin_array();
  for (const std::size_t i : block.zones) {
    json.value(fmt::format("{}", report.snapshot.zones[i].info.name));
  }
  json.end();
  write_counts(json, block.counts);
  json.member("without_memory", block.nr_holes);
  json.member("verdict", to_string(block.verdict));
  json.key("not_tried");
  if (block.not_tried.empty()) {
    json.null();
  } else {
    json.value(block.not_tried);
  }
  json.key("refusal");
  if (block.refusal) {
    const Pfn pfn = block.refusal->pfn;
    json.begin_object().member("pfn", pfn.value());
    json.member("what", to_string(report.snapshot.kind(pfn)));
    json.member("flags", kpageflags_names(PageWords{report.files.kpageflags}[pfn.value()]));
    json.member("stage", to_string(block.refusal->stage));
    json.member("reason", to_string(block.refusal->reason));
    json.key("waiting_could_help");
    const auto helps = waiting_helps(report.snapshot, block);
    if (helps) {
      json.value(*helps);
    } else {
      json.null();
    }
    json.end();
  } else {
    json.null();
  }
  std::string picture;
  for (const BlockLook look : looks_of(report, block)) picture += style_of(look).symbol;
  json.member("pageblocks", picture);
  json.end();
}

}  // namespace

std::string as_text(const OfflineReport& report, bool color) {
  return TextWriter{report, color}.write();
}

std::string as_json(const OfflineReport& report) {
  JsonWriter json;
  json.begin_object();
  json.member("schema", schema).member("version", schema_version);
  json.member("source", report.source).member("kernel", report.kernel);
  if (!report.because.empty()) json.member("kernel_because", report.because);
  json.member("page_size", page_size).member("pageblock_order", pageblock_order.value());
  json.key("files").begin_array();
  for (const InputFile* file : files_of(report.files)) json.value(file->name);
  json.end();
  write_strings(json, "missing_files", missing_files(report.files));

  json.key("zones").begin_array();
  for (const SnapshotZone& zone : report.snapshot.zones) write_zone(json, zone);
  json.end();

  json.member("memory_block_pages", report.snapshot.memory.nr_pages);
  json.member("memory_blocks_assumed", report.snapshot.memory_is_assumed);
  json.key("blocks").begin_array();
  for (const BlockJudgement& block : report.judgement.blocks) write_block(json, report, block);
  json.end();
  json.key("legend").begin_object();
  for (std::size_t i = 0; i < nr_block_looks; ++i) {
    const BlockStyle style = style_of(static_cast<BlockLook>(i));
    json.member(std::string_view{&style.symbol, 1}, style.meaning);
  }
  json.end();

  const Summary summary{report};
  json.key("summary").begin_object();
  json.member("blocks", report.judgement.blocks.size());
  json.member("can_go", summary.count(Verdict::can_go));
  json.member("refused", summary.count(Verdict::refused));
  json.member("refused_only_for_unknown", summary.nr_only_unknown);
  json.member("invalid", summary.count(Verdict::invalid));
  json.member("not_online", summary.count(Verdict::not_online));
  json.end();

  if (report.attempts) {
    write(json, *report.attempts);
    write(json, counts_of(*report.attempts));
  }

  auto notes = report.snapshot.notes;
  notes.insert(notes.end(), report.judgement.notes.begin(), report.judgement.notes.end());
  write_strings(json, "notes", notes);
  write_strings(json, "not_in_these_files", unknowns(report));
  if (report.reading && report.judging) {
    json.member("reading_ms", static_cast<std::uint64_t>(*report.reading * 1000));
    json.member("judging_ms", static_cast<std::uint64_t>(*report.judging * 1000));
  }
  return json.end().finish();
}

}  // namespace example
