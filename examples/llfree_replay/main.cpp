// SPDX-License-Identifier: MIT
// What Linux's allocator makes of a trace of LLFree's evaluation: the map of huge frames, and its score.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/json.hpp"
#include "common/program.hpp"
#include "common/read_file.hpp"
#include "llfree_replay/replay.hpp"

namespace {

using namespace pageblock;
using namespace example;

std::string as_text(const std::string& kernel, const Replayed& replayed, std::size_t columns) {
  std::string text = fmt::format(
      "{}: {} events on {} cores, {} pages\n"
      "requests refused {}, frees of what was there before {}, frees missing {}\n"
      "free: {} pages, {} huge frames; {} page moves to compact\n",
      kernel, replayed.nr_events, replayed.cores, replayed.nr_pages, replayed.nr_refused,
      replayed.nr_unknown, replayed.nr_lost_frees, replayed.nr_free,
      replayed.frames.nr_free_frames(), replayed.frames.moves_to_compact());
  const std::string digits = replayed.frames.digits();
  for (std::size_t at = 0; at < digits.size(); at += columns) {
    text += fmt::format("{}\n", std::string_view{digits}.substr(at, columns));
  }
  return text;
}

std::string as_json(const std::string& kernel, const Replayed& replayed) {
  Json json = json_document("llfree_replay", 1);
  json["kernel"] = kernel;
  json["events"] = replayed.nr_events;
  json["cores"] = replayed.cores;
  json["pages"] = replayed.nr_pages;
  json["refused"] = replayed.nr_refused;
  json["unknown_frees"] = replayed.nr_unknown;
  json["missing_frees"] = replayed.nr_lost_frees;
  json["free_pages"] = replayed.nr_free;
  json["free_huge_frames"] = replayed.frames.nr_free_frames();
  json["moves_to_compact"] = replayed.frames.moves_to_compact();
  json["map"] = replayed.frames.digits();
  return to_text(json);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files;
  std::string kernel = "v6.1";
  bool json = false;
  Program program{
      {.name = "llfree_replay",
       .usage = {"FILE [OPTION]..."},
       .about =
           "Makes the requests of a trace that LLFree's evaluation recorded, in a zone of that "
           "machine's size, and shows what is free at the end: a digit for each huge frame (0 "
           "nothing "
           "is free, 9 all is, 1 to 8 the eighths), and how many pages must move until as many "
           "huge "
           "frames are free as can be.\n\n"
           "FILE may be compressed; - is standard input.",
       .more = "Exit status: 0 if the trace was replayed, 1 if FILE is no such trace, 2 if the "
               "arguments are wrong or FILE cannot be read.\n"}};
  program.choice("--kernel", {"v3.6", "v6.1", "v6.12", "v6.18", "v7.2"}, kernel,
                 "whose rules (default v6.1)");
  program.flag("--json", json, "one JSON document instead of text");
  program.paths(files);
  return program.run(argc, argv, [&] {
    if (files.size() != 1) throw UsageError{"one FILE is wanted"};
    const LlfreeTrace trace = read_llfree_trace(FileReader{}(files.front()));
    if (trace.cores > most_cores) {
      throw ParseError{fmt::format("{}: {} cores; at most {} can be replayed", files.front(),
                                   trace.cores, most_cores)};
    }
    const Replayed replayed = replay_trace(trace, kernel);
    print_text(json ? as_json(kernel, replayed) : as_text(kernel, replayed, 64));
    return 0;
  });
}
