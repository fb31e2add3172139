// SPDX-License-Identifier: MIT
#include "offline_check/findings.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pageblock/io/picture/block_fold.hpp"

namespace example {

using namespace pageblock;

namespace {

std::string block_types_of(const SnapshotZone& zone) {
  std::string text;
  for (const auto& [type, count] : zone.block_types->types) {
    if (count == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, type);
  }
  return text;
}

}  // namespace

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

std::vector<FileName> files_of(const SnapshotFiles& files) {
  std::vector<FileName> list{{files.zoneinfo.name, files.zoneinfo.base_name()},
                             {files.kpageflags.name(), files.kpageflags.base_name()},
                             {files.kpagecount.name(), files.kpagecount.base_name()}};
  for (const auto* file : {&files.buddyinfo, &files.pagetypeinfo, &files.memory_blocks,
                           &files.iomem, &files.version}) {
    if (*file) list.push_back({(*file)->name, (*file)->base_name()});
  }
  return list;
}

std::string size_text(std::uint64_t nr_pages, std::uint64_t page_size) {
  const std::uint64_t kib = nr_pages * (page_size / 1024);
  if (kib % (1 << 20) == 0 && kib != 0) return fmt::format("{} GiB", kib >> 20);
  if (kib % 1024 == 0) return fmt::format("{} MiB", kib >> 10);
  return fmt::format("{} KiB", kib);
}

std::vector<std::string_view> missing_files(const SnapshotFiles& files) {
  std::vector<std::string_view> list;
  if (!files.buddyinfo) list.emplace_back("buddyinfo");
  if (!files.pagetypeinfo) list.emplace_back("pagetypeinfo");
  if (!files.memory_blocks) list.emplace_back("memory_blocks");
  if (!files.iomem) list.emplace_back("iomem");
  return list;
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
      (scans(report.judgement)
           ? "the type of each pageblock. All are assumed Movable. v6.1 looks at the pages of all, "
             "but "
             "refuses one for CMA, and one that somebody has isolated already."
           : "the type of each pageblock. All are assumed Movable. Another type could only move a "
             "refusal to an earlier stage: the pages that stand in the way are the same.") +
      (types.empty() ? types : fmt::format(" pagetypeinfo has only numbers,{}.", types)));
  list.emplace_back(
      scans(report.judgement)
          ? "which pages without flags are the kernel's and which are free on a per-CPU list. They "
            "are taken for free in zone Movable, where the kernel has none, and in memory blocks "
            "where nothing else is in the way, as long as zoneinfo counts enough of them; "
            "elsewhere "
            "they stand in the way."
          : "which pages without flags are the kernel's and which are free on a per-CPU list. They "
            "stand in the way, except in zone Movable, where the kernel has none: there they are "
            "put on the list of CPU 0.");
  if (scans(report.judgement)) {
    list.emplace_back(
        snapshot.virtio_mem
            ? "whether a balloon's pages can be migrated, as virtio-balloon's often can: they are "
              "taken to stand in the way. Offline pages in memory that virtio-mem has brought are "
              "let go of when asked."
            : "whether the driver that holds offline pages lets go of them when asked, as "
              "virtio-mem does: it is taken to, since no iomem says whose they are.");
  }
  list.emplace_back("the order of the free lists and of the per-CPU lists. No verdict needs it.");
  list.emplace_back(
      "the orders of the free chunks. Runs of free pages are cut into the largest aligned ones; "
      "buddyinfo, where it differs, is quoted in the notes.");
  list.emplace_back(
      "reference counts and pins. A page counts one reference for each mapping, one at least, and "
      "a movable page is taken to move; a pinned one does not.");
  if (snapshot.page_size_evidence.empty()) {
    list.push_back(fmt::format("the size of a page: {} bytes are assumed.", snapshot.page_size));
  }
  if (snapshot.pageblock_order_evidence.empty()) {
    list.push_back(
        fmt::format("the size of a pageblock: {} pages are assumed, since there is no "
                    "pagetypeinfo. Which pages are in the way does not depend on it.",
                    Order{snapshot.pageblock_order}.nr_pages()));
  }
  if (snapshot.memory_is_assumed) {
    list.push_back(fmt::format("the memory blocks: {} each are assumed, all online.",
                               size_text(snapshot.memory.nr_pages, snapshot.page_size)));
  }
  if (!snapshot.knows_ram) {
    list.emplace_back(
        "which reserved pages and pages without flags are holes: there are no addresses of System "
        "RAM (iomem).");
  }
  return list;
}

Summary::Summary(const OfflineReport& report) {
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

std::vector<BlockLook> looks_of(const OfflineReport& report, const BlockJudgement& block) {
  const Snapshot& snapshot = report.snapshot;
  const std::uint64_t nr_pages = Order{snapshot.pageblock_order}.nr_pages();
  std::vector<PfnRange> memory = parts_within(snapshot.open, block.block.range);
  for (const std::size_t i : block.zones) {
    const auto own = parts_within(snapshot.zones[i].pages, block.block.range);
    memory.insert(memory.end(), own.begin(), own.end());
  }
  std::vector<BlockLook> looks;
  for (Pfn pfn = block.block.range.start; pfn < block.block.range.end; pfn += nr_pages) {
    const PfnRange pageblock{pfn, std::min(pfn + nr_pages, block.block.range.end)};
    looks.push_back(look_of(snapshot.count(parts_within(memory, pageblock))));
  }
  return looks;
}

BlockMap map_of(const OfflineReport& report) {
  BlockMap map;
  for (const BlockJudgement& block : report.judgement.blocks) {
    if (report.lists(block)) map.add_row(block.block.name, looks_of(report, block));
  }
  return fitted(folded(map));
}

}  // namespace example
