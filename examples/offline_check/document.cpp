// SPDX-License-Identifier: MIT
// What offline_check says to programs: examples/schemas/offline_check.json.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/snapshot/obstacles.hpp"

#include "common/json.hpp"
#include "offline_check/attempts_report.hpp"
#include "offline_check/findings.hpp"
#include "offline_check/report.hpp"

namespace example {
namespace {

using namespace pageblock;

void add_range(Json& json, PfnRange range) {
  json["start_pfn"] = range.start.value();
  json["end_pfn"] = range.end.value();
}

void add_counts(Json& json, const PageCounts& counts) {
  json["free"] = counts[Movability::free];
  json["movable"] = counts[Movability::movable];
  json["unmovable"] = counts[Movability::unmovable];
  json["unknown"] = counts[Movability::unknown];
}

Json block_types_json(const SnapshotZone& zone) {
  if (!zone.block_types) return nullptr;
  Json array = Json::array();
  for (const auto& [type, count] : zone.block_types->types) {
    array.push_back({{"type", type}, {"count", count}});
  }
  return array;
}

Json zone_json(const SnapshotZone& zone) {
  Json json{{"node", zone.info.name.node}, {"name", zone.info.name.zone}};
  add_range(json, zone.info.range());
  json["present"] = zone.counts.nr_present();
  add_counts(json, zone.counts);
  json["zoneinfo_present"] = zone.info.present;
  json["zoneinfo_free"] = zone.info.free;
  json["zoneinfo_per_cpu"] = Json::array();
  for (const PerCpuInfo& cpu : zone.info.per_cpu) {
    json["zoneinfo_per_cpu"].push_back(
        {{"cpu", cpu.cpu}, {"count", cpu.count}, {"high", cpu.high}, {"batch", cpu.batch}});
  }
  json["pagetypeinfo_blocks"] = block_types_json(zone);
  return json;
}

// Of a page that nobody knows the library's reason would say too much: it was asked about a page that
// is taken for the kernel's.
std::string reason_text(const Snapshot& snapshot, const Refusal& refusal) {
  if (movability(snapshot.kind(refusal.pfn)) == Movability::unknown) {
    return "its flags do not say what it is";
  }
  return std::string{to_string(refusal.reason)};
}

Json refusal_json(const OfflineReport& report, const BlockJudgement& block) {
  if (!block.refusal) return nullptr;
  const Refusal& refusal = *block.refusal;
  return {{"pfn", refusal.pfn.value()},
          {"what", to_string(report.snapshot.kind(refusal.pfn))},
          {"flags", kpageflags_names(report.files.kpageflags[refusal.pfn.value()])},
          {"stage", to_string(refusal.stage)},
          {"reason", reason_text(report.snapshot, refusal)},
          {"waiting_could_help", json_or_null(waiting_helps(report.snapshot, block))}};
}

Json block_json(const OfflineReport& report, const BlockJudgement& block) {
  Json json{{"name", block.block.name}, {"state", block.block.state}};
  add_range(json, block.block.range);
  json["zones"] = Json::array();
  for (const std::size_t i : block.zones) {
    json["zones"].push_back(fmt::format("{}", report.snapshot.zones[i].info.name));
  }
  add_counts(json, block.counts);
  json["without_memory"] = block.nr_holes;
  json["verdict"] = to_string(block.verdict);
  json["not_tried"] = block.not_tried.empty() ? Json(nullptr) : Json(block.not_tried);
  json["refusal"] = refusal_json(report, block);
  std::string picture;
  for (const BlockLook look : looks_of(report, block)) picture += style_of(look).symbol;
  json["pageblocks"] = picture;
  return json;
}

Json legend_json() {
  Json array = Json::array();
  for (std::size_t i = 0; i < nr_block_looks; ++i) {
    const BlockStyle style = style_of(static_cast<BlockLook>(i));
    array.push_back({{"symbol", std::string(1, style.symbol)}, {"meaning", style.meaning}});
  }
  return array;
}

Json obstacles_json(const OfflineReport& report) {
  Json array = Json::array();
  for (const Obstacle& of : obstacles_of(report.snapshot, report.judgement)) {
    array.push_back({{"what", to_string(of.kind)},
                     {"pages", of.nr_pages},
                     {"blocks", of.nr_blocks},
                     {"advice", advice_for(of.kind)}});
  }
  return array;
}

Json summary_json(const OfflineReport& report) {
  const Summary summary{report};
  return {{"blocks", report.judgement.blocks.size()},
          {"can_go", summary.count(Verdict::can_go)},
          {"refused", summary.count(Verdict::refused)},
          {"refused_only_for_unknown", summary.nr_only_unknown},
          {"invalid", summary.count(Verdict::invalid)},
          {"not_online", summary.count(Verdict::not_online)},
          {"unknown", summary.count(Verdict::unknown)}};
}

}  // namespace

std::string as_json(const OfflineReport& report) {
  Json json = json_document("offline_check", 2);
  json["source"] = report.source;
  json["kernel"] = report.kernel;
  json["kernel_because"] = report.because.empty() ? Json(nullptr) : Json(report.because);
  json["warnings"] = report.warnings;
  json["page_size"] = report.snapshot.page_size;
  json["pageblock_order"] = report.snapshot.pageblock_order;
  json["files"] = Json::array();
  for (const FileName& file : files_of(report.files)) json["files"].push_back(file.name);
  json["missing_files"] = missing_files(report.files);

  json["zones"] = Json::array();
  for (const SnapshotZone& zone : report.snapshot.zones) json["zones"].push_back(zone_json(zone));
  json["memory_block_pages"] = report.snapshot.memory.nr_pages;
  json["memory_blocks_assumed"] = report.snapshot.memory_is_assumed;
  json["blocks"] = Json::array();
  for (const BlockJudgement& block : report.judgement.blocks) {
    if (report.lists(block)) json["blocks"].push_back(block_json(report, block));
  }
  json["legend"] = legend_json();
  json["obstacles"] = obstacles_json(report);
  json["summary"] = summary_json(report);
  json["attempts"] = report.attempts ? attempts_json(*report.attempts) : Json(nullptr);
  json["agreement"] = report.attempts ? agreement_json(counts_of(*report.attempts)) : Json(nullptr);

  auto notes = report.snapshot.notes;
  notes.insert(notes.end(), report.judgement.notes.begin(), report.judgement.notes.end());
  json["notes"] = notes;
  json["not_in_these_files"] = unknowns(report);
  if (report.reading && report.judging) {
    json["times"] = {{"reading_ms", static_cast<std::uint64_t>(*report.reading * 1000)},
                     {"judging_ms", static_cast<std::uint64_t>(*report.judging * 1000)}};
  }
  return to_text(json);
}

}  // namespace example
