// SPDX-License-Identifier: MIT
// What happens when memory is to become empty: for a contiguous range, or to go offline.
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/picture/time_line_html.hpp"

#include "common/json.hpp"
#include "common/program.hpp"
#include "empty_memory/request.hpp"

namespace {

using namespace pageblock;
using namespace example;

std::string as_text(const Request& request, const Answer& answer, bool times) {
  std::string text = fmt::format("{}: {}\n", request.kernel, answer.attempt);
  for (const Candidate& place : answer.attempt.candidates) {
    const bool is_done = place.status == ok;
    text += fmt::format("  {:#x}: {}{}\n", place.range, is_done ? "done" : "refused ",
                        is_done ? std::string_view{} : to_string(place.stage));
    if (place.nr_copies + place.nr_reclaimed + place.nr_rounds != 0) {
      text += fmt::format(
          "    pages moved {}, dropped {}; calls of migration {}, allocations for copies {}\n",
          place.nr_migrated, place.nr_reclaimed, place.nr_rounds, place.nr_copies);
    }
    for (const Blocker& blocker : place.blockers) text += fmt::format("    {}\n", blocker);
  }
  if (!answer.log.empty()) text += fmt::format("The kernel's log: {}\n", answer.log);
  text += fmt::format("{} pages are free.\n", answer.nr_free);
  if (times) text += fmt::format("It took {:.3f} s.\n", answer.seconds);
  return text;
}

std::string as_json(const Request& request, const Answer& answer) {
  Json json = json_document("empty_memory", 1);
  json["kernel"] = request.kernel;
  json["attempt"] = Json::parse(to_json(answer.attempt));
  json["log"] = answer.log.empty() ? Json(nullptr) : Json(answer.log);
  json["free_pages"] = answer.nr_free;
  return to_text(json);
}

}  // namespace

int main(int argc, char** argv) {
  Request request;
  std::string want = "contig";
  std::string range = "0x2000+512";
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> movable;
  std::optional<std::uint64_t> in_use;
  std::optional<std::uint64_t> rounds;
  std::vector<std::string> pages;
  std::string html;
  bool times = false;
  bool json = false;
  Program program{
      {.name = "empty_memory",
       .usage = {"[OPTION]... [PFN=WHAT[:TIMES]]..."},
       .about =
           "Makes memory empty on a machine that you describe, as a kernel does it, and says what "
           "stood in the way: each place that was tried, each page, and how often.\n\n"
           "PFN=WHAT puts a page there. It is in use, and: kernel (it cannot move), reserved, "
           "driver "
           "(a driver has taken it), pinned (page cache that somebody holds), pinned-anon (memory "
           "of "
           "a program), locked, stuck (locked for ever), writeback, off-lru (taken off its list), "
           "refuses, clean (page cache that need not be written), mlocked, ksm, balloon. TIMES: it "
           "is over "
           "after so many tries; of off-lru, looks.",
       .more =
           "Exit status: 0 whether the memory was had or not, 2 if the arguments are wrong.\n"}};
  program.choice("--kernel", {"v3.6", "v6.1", "v6.12", "v7.2"}, request.kernel,
                 "whose rules (default v6.1)");
  program.choice("--want", {"contig", "offline", "contig-pages"}, want,
                 "a contiguous range (the default), memory offline, or a contiguous range anywhere "
                 "with the size of --range");
  program.option("--range", "START+PAGES", range, "which pages (default 0x2000+512)");
  program.size("--memory", memory, "size of the zone Normal, from page 0 (default 64M)");
  program.size("--movable", movable, "size of the zone Movable behind it (default 0)");
  program.size(
      "--in-use", in_use,
      "memory on LRU lists from the range's start on; with contig-pages from 0 (default 0)");
  program.number("--rounds", "N", rounds, 1, 1000000,
                 "when a signal comes, or the time of v3.6 is over (default 16)");
  program.flag("--objection", request.notifier_objects, "a driver objects to offlining");
  program.option("--html", "FILE", html,
                 "write a page for a browser that shows the memory at each event");
  program.flag("--times", times, "also how long it took");
  program.flag("--json", json, "one JSON document instead of text");
  program.operands(pages);
  return program.run(argc, argv, [&] {
    constexpr std::uint64_t page_size = 4096;
    constexpr std::uint64_t most = std::uint64_t{1} << 44;
    for (const auto& size : {memory, movable, in_use}) {
      if (size && (*size > most || *size % page_size != 0)) {
        throw UsageError{"sizes are whole pages of 4096 bytes, and at most 16T"};
      }
    }
    request.memory = memory.value_or(std::uint64_t{64} << 20) / page_size;
    request.movable = movable.value_or(0) / page_size;
    request.in_use = in_use.value_or(0) / page_size;
    request.rounds = rounds.value_or(request.rounds);
    if (request.memory == 0) throw UsageError{"--memory: there is no machine without memory"};
    request.range = parse_range(range);
    request.want = want == "offline"  ? Want::offline
                   : want == "contig" ? Want::contig
                                      : Want::contig_pages;
    if (request.want == Want::contig_pages && !std::has_single_bit(request.range.nr_pages())) {
      throw UsageError{"--want contig-pages: the number of pages must be a power of two"};
    }
    if (request.notifier_objects && request.want != Want::offline) {
      throw UsageError{"--objection: only offlining asks drivers (--want offline)"};
    }
    if (rounds && request.want != Want::offline) {
      throw UsageError{"--rounds: only offlining goes round (--want offline)"};
    }
    for (const std::string& page : pages) request.pages.push_back(parse_special_page(page));
    TimeLine line{fmt::format("empty_memory: {}, {} {:#x}", request.kernel, want, request.range)};
    const Answer answer = run(request, html.empty() ? nullptr : &line);
    if (!html.empty()) write_html(html, line);
    print_text(json ? as_json(request, answer) : as_text(request, answer, times));
    return 0;
  });
}
