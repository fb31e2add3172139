// SPDX-License-Identifier: MIT
// What offline_check draws.
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/io/picture/block_map_svg.hpp"
#include "pageblock/io/picture/snapshot_line.hpp"
#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/io/picture/time_line_html.hpp"

#include "offline_check/findings.hpp"
#include "offline_check/report.hpp"

namespace example {

using namespace pageblock;

namespace {

std::string detail_of(const OfflineReport& report, const BlockJudgement& block) {
  std::string text;
  if (block.verdict == Verdict::can_go) text = "can go offline";
  if (block.verdict == Verdict::refused) {
    const auto helps = waiting_helps(report.snapshot, block);
    const std::string_view waiting = !helps   ? "whether waiting could help, nobody knows"
                                     : *helps ? "waiting could help"
                                              : "waiting will not help";
    text = fmt::format("refused (EBUSY) for page {:#x}, {}; {}", block.refusal->pfn,
                       to_string(report.snapshot.kind(block.refusal->pfn)), waiting);
  }
  if (text.empty()) text = block.not_tried;
  return fmt::format("{}; free {}, movable {}, unmovable {}, unknown {}", text,
                     block.counts[Movability::free], block.counts[Movability::movable],
                     block.counts[Movability::unmovable], block.counts[Movability::unknown]);
}

}  // namespace

std::string as_svg(const OfflineReport& report) { return to_svg(map_of(report)); }

std::string as_html(const OfflineReport& report) {
  TimeLine line{
      fmt::format("offline_check: {}, by the rules of Linux {}", report.source, report.kernel)};
  watch(line, report.snapshot);
  for (const BlockJudgement& block : report.judgement.blocks) {
    if (!report.lists(block)) continue;
    line.step({.what = block.block.name,
               .detail = detail_of(report, block),
               .pages = block.block.range,
               .is_refusal = block.verdict == Verdict::refused});
  }
  return to_html(line);
}

}  // namespace example
