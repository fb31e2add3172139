// SPDX-License-Identifier: MIT
#include <string_view>
#include <variant>

#include <fmt/format.h>

#include "kswapd_loop/report.hpp"

namespace example {

using namespace pageblock;

namespace {

std::string_view what_it_does(std::string_view kernel) {
  if (kernel == "v3.5") return "kswapd takes isolated pages for free ones";
  if (kernel == "v3.5-direct")
    return "the same, but tasks judge by themselves whether reclaim is futile";
  if (kernel == "v3.6") return "kswapd does not count isolated blocks as free";
  return "isolated pages are not free for anybody; tasks count their rounds";
}

// "2048 - 4 x 512 = 0", as kswapd sees what is free.
std::string seen_free(const LoggedStep& logged, std::int64_t free) {
  if (logged.charged == 0) return fmt::format("{}", free);
  const auto blocks = static_cast<std::uint64_t>(logged.charged) / block_pages;
  return fmt::format("{} - {} x {} = {}", free, blocks, block_pages, free - logged.charged);
}

std::string compared(std::int64_t free, std::uint64_t mark) {
  return free > static_cast<std::int64_t>(mark) ? fmt::format("{} > {}", free, mark)
                                                : fmt::format("{} is not above {}", free, mark);
}

// "min watermark, 2048 > 256: no page that it may take"
std::string asked(const LoggedStep& logged, std::string_view name, std::uint64_t mark,
                  const Run& run, bool served) {
  const auto free = logged.free_before;
  if (served)
    return fmt::format("{} watermark, {}: gets page {}", name, compared(free, mark), *run.page);
  const bool passes = free > static_cast<std::int64_t>(mark);
  return fmt::format("{} watermark, {}: no{}", name, compared(free, mark),
                     passes ? ", since nothing free may be taken" : "");
}

std::string text_of(const TaskStep& step, const LoggedStep& logged, const Run& run) {
  const bool served = step.next == TaskPlace::served;
  switch (step.place) {
    case TaskPlace::fast:
      return fmt::format("asks at the {}", asked(logged, "low", marks.low, run, served));
    case TaskPlace::restart: {
      const std::string seen = seen_free(logged, logged.free_before);
      if (step.woke_kswapd) return fmt::format("wakes kswapd: {} is too little", seen);
      if (logged.kswapd_was_awake) return "kswapd is awake";
      return fmt::format("does not wake kswapd: {} is enough", seen);
    }
    case TaskPlace::rebalance:
      return fmt::format("asks at the {}", asked(logged, "min", marks.min, run, served));
    case TaskPlace::reclaim:
      return fmt::format(
          "reclaims: {} scanned, {} freed; reports {}{}", step.shrunk.scanned,
          step.shrunk.reclaimed, step.progress != 0 ? "progress" : "no progress",
          step.progress > step.shrunk.reclaimed ? ", since kswapd has not given up" : "");
    case TaskPlace::after:
      if (!step.drained) return fmt::format("asks again: gets page {}", *run.page);
      return served ? fmt::format("drains the per-CPU lists, asks again: gets page {}", *run.page)
                    : "asks again, drains the per-CPU lists, asks again: no";
    default:
      if (served)
        return fmt::format("asks at the {}", asked(logged, "high", marks.high, run, true));
      return step.killed ? fmt::format("OOM: somebody is killed, {} pages come back",
                                       logged.free_after - logged.free_before)
                         : "OOM: nobody is left to kill";
  }
}

std::string text_of(const KswapdPass& pass, const LoggedStep& logged, const Run&) {
  return fmt::format("priority {}: {} scanned, {} freed; {}{}", pass.priority, pass.shrunk.scanned,
                     pass.shrunk.reclaimed, pass.gave_up ? "gives up on the zone, " : "",
                     pass.fell_asleep
                         ? fmt::format("sleeps ({} free)", seen_free(logged, logged.free_after))
                         : fmt::format("{} is too little", seen_free(logged, logged.free_after)));
}

std::string ending_of(const Run& run) {
  const LoopResult& result = run.result;
  switch (result.ending) {
    case LoopEnding::served:
      return fmt::format("The task has its page after {} steps", result.steps);
    case LoopEnding::failed:
      return fmt::format("The task goes without after {} steps", result.steps);
    case LoopEnding::repeats:
      return fmt::format("Everything is as it was {} steps ago: so it goes on for ever",
                         result.period);
    default:
      return fmt::format("No end after {} steps", result.steps);
  }
}

std::string run_as_text(const Run& run) {
  std::string text = fmt::format("{}: {}\n", run.kernel, what_it_does(run.kernel));
  std::uint64_t expected = 1;
  for (const LoggedStep& logged : run.log) {
    if (logged.number != expected) text += "     ...\n";
    expected = logged.number + 1;
    const bool is_kswapd = std::holds_alternative<KswapdPass>(logged.step);
    text += fmt::format(
        "{:>6}  {:<6}  {}\n", logged.number, is_kswapd ? "kswapd" : "task",
        std::visit([&](const auto& step) { return text_of(step, logged, run); }, logged.step));
  }
  const ReclaimCounts& counts = run.counts;
  return text + fmt::format("{}. allocstall {}, drains {}, kswapd passes {}, OOM kills {}.\n",
                            ending_of(run), counts.allocstall, counts.drain_all_pages,
                            counts.kswapd_passes, counts.oom_kill);
}

std::string cell_of(const Run& run) {
  switch (run.result.ending) {
    case LoopEnding::served:
      return fmt::format("{}{}", run.result.steps, run.counts.oom_kill != 0 ? " K" : "");
    case LoopEnding::repeats:
      return "for ever";
    case LoopEnding::failed:
      return fmt::format("{} -", run.result.steps);
    default:
      return fmt::format("> {}", run.result.steps);
  }
}

}  // namespace

std::string story_as_text(const std::vector<Run>& runs) {
  const Run& first = runs.front();
  const Scene& scene = first.scene;
  std::string text = fmt::format(
      "A zone of {} pages, watermarks {}, {} and {}. {} blocks of {} pages are isolated to go "
      "offline;\n"
      "{} pages in them are free. All else is in use; {} pages are on LRU lists{}.\n",
      zone_pages, marks.min, marks.low, marks.high, first.isolated_blocks, block_pages,
      scene.isolated_free, scene.lru_pages,
      scene.lru_pages == 0 ? ""
      : scene.reclaims     ? " and can be reclaimed"
                           : ", and none can be reclaimed");
  if (scene.frees_every != 0) {
    text +=
        fmt::format("Every {} steps a page is freed in an isolated block.\n", scene.frees_every);
  }
  if (scene.kswapd_awake) text += "kswapd is awake at first.\n";
  text += "A task needs one page.\n";
  for (const Run& run : runs) text += fmt::format("\n{}", run_as_text(run));
  return text;
}

Table run_table(const std::vector<std::string>& kernels, const Scene& scene) {
  Table table{{0, 256, 320, 321, 384, 385, 512, 2048}, {0, 100, 1000, 4000}, kernels, {}};
  for (const std::string& kernel : kernels) {
    for (const std::uint64_t isolated : table.isolated_free) {
      for (const std::uint64_t lru : table.lru_pages) {
        Scene cell = scene;
        cell.isolated_free = isolated;
        cell.lru_pages = lru;
        table.runs.push_back(run_scene(kernel, cell, 0));
        table.runs.back().log.clear();
      }
    }
  }
  return table;
}

std::string table_as_text(const Table& table) {
  const Scene& scene = table.runs.front().scene;
  std::string text = fmt::format(
      "Steps until a task has its page. Rows: free pages in isolated blocks; nothing else is "
      "free.\n"
      "Columns: pages on LRU lists, which {} be reclaimed. K: after an OOM kill.\n"
      "Watermarks: min {}, low {}, high {}. kswapd is {} at first.\n",
      scene.reclaims ? "can" : "cannot", marks.min, marks.low, marks.high,
      scene.kswapd_awake ? "awake" : "asleep");
  auto run = table.runs.begin();
  for (const std::string& kernel : table.kernels) {
    text += fmt::format("\n{}: {}\n{:>8}", kernel, what_it_does(kernel), "");
    for (const std::uint64_t lru : table.lru_pages) text += fmt::format("{:>12}", lru);
    text += '\n';
    for (const std::uint64_t isolated : table.isolated_free) {
      text += fmt::format("{:>8}", isolated);
      for (std::size_t i = 0; i < table.lru_pages.size(); ++i) {
        text += fmt::format("{:>12}", cell_of(*run++));
      }
      text += '\n';
    }
  }
  return text;
}

std::string prices_as_text(const std::vector<Price>& prices) {
  std::string text =
      "A zone of 1 GiB, watermarks 1024, 1280 and 1536. 64 blocks are isolated, 100 pages in them "
      "are\n"
      "free; 20000 pages are free elsewhere. kswapd is awake, and all other pages can be "
      "reclaimed.\n\n"
      "          free before  free after  passes  reclaimed\n";
  for (const Price& price : prices) {
    text += fmt::format("{:<11} {:>9}  {:>10}  {:>6}  {:>9}\n", price.kernel, price.free_before,
                        price.free_after, price.passes, price.reclaimed);
  }
  return text;
}

}  // namespace example
