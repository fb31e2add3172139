// SPDX-License-Identifier: MIT
// Which memory blocks of a machine could be taken offline, and what stands in the way of the
// others.
//
// The program reads what a machine reports about its memory, rebuilds its zones, and tries to
// isolate and empty every memory block on a copy of them.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <pageblock/io/recording/offline_attempts.hpp>

#include "common/json.hpp"
#include "common/program.hpp"
#include "common/progress.hpp"
#include "common/read_file.hpp"
#include "offline_check/attempts_report.hpp"
#include "offline_check/check.hpp"
#include "offline_check/report.hpp"

namespace {

using pageblock::Verdict;

constexpr std::array verdicts{Verdict::can_go, Verdict::refused, Verdict::invalid,
                              Verdict::not_online, Verdict::unknown};

struct Options {
  std::vector<std::string> folders{};
  bool live = false;
  bool compare = false;
  bool json = false;
  bool summary = false;
  bool times = false;
  std::string only{};
  std::string color = "auto";
  std::string kernel{};
  std::string svg{};
  std::string html{};
  std::optional<std::uint64_t> input_limit{};
};

void declare(example::Program& program, Options& options) {
  std::vector<std::string> kernels;
  for (const auto& rules : example::known_kernels()) kernels.emplace_back(rules.name);
  std::vector<std::string> words;
  for (const Verdict verdict : verdicts) words.emplace_back(to_string(verdict));

  program.paths(options.folders);
  program.flag("--live", options.live, "look at this machine, in /proc and /sys; needs root");
  program.flag("--compare", options.compare,
               "only what the kernel answered, for each recording and in all");
  program.flag("--summary", options.summary, "only what is true of all blocks together");
  program.choice("--only", words, options.only, "list only these blocks");
  program.choice("--kernel", kernels, options.kernel,
                 "judge by the rules of this kernel. Without it, by those nearest to the files' "
                 "own: by \"version\" (of /proc) in DIR, meta.json, the kernel that runs, or the "
                 "look of pagetypeinfo");
  program.option("--svg", "FILE", options.svg, "draw the pageblocks, too");
  program.option("--html", "FILE", options.html,
                 "write a page for a browser, too: each page of memory, and each block's verdict");
  program.flag("--json", options.json, "one JSON document instead of text");
  program.flag("--times", options.times, "say how long it took");
  program.choice("--color", {"auto", "always", "never"}, options.color,
                 "auto is: on a terminal, unless NO_COLOR is set");
  program.size("--input-limit", options.input_limit,
               "what a file may become when it is decompressed; 512M without it, which is "
               "/proc/kpageflags of 256 GiB");
}

void check_arguments(const Options& options) {
  using example::UsageError;
  if (options.compare) {
    if (options.live) throw UsageError{"--compare needs recordings, not --live"};
    if (!options.svg.empty() || !options.html.empty()) {
      throw UsageError{fmt::format("{} draws one folder, and --compare no pageblocks",
                                   options.svg.empty() ? "--html" : "--svg")};
    }
    if (!options.only.empty() || options.summary) {
      throw UsageError{fmt::format("--compare shows attempts, not blocks, so {} says nothing",
                                   options.summary ? "--summary" : "--only")};
    }
    if (options.folders.empty()) {
      throw UsageError{
          "--compare needs recordings: folders with meta.json and before/, one or more"};
    }
    return;
  }
  if (options.folders.empty() && !options.live) {
    throw UsageError{"a folder or --live is needed"};
  }
  if (!options.folders.empty() && options.live) throw UsageError{"either a folder or --live"};
  if (options.folders.size() > 1) {
    throw UsageError{fmt::format("one folder at a time, not '{}' as well", options.folders[1])};
  }
}

const example::KernelRules* rules_for(const std::string& kernel) {
  if (kernel.empty()) return nullptr;
  return &*std::ranges::find(example::known_kernels(), kernel, &example::KernelRules::name);
}

std::string check(const Options& options, const example::CheckOptions& how) {
  const example::Check check{options.live ? std::nullopt : std::optional{options.folders.front()},
                             how};
  example::OfflineReport report{check.source, check.rules->name, check.files, check.snapshot,
                                check.judgement};
  report.because = check.because;
  report.warnings = check.warnings;
  report.attempts = check.attempts;
  if (!options.only.empty()) {
    report.only = *std::ranges::find(verdicts, options.only,
                                     [](Verdict verdict) { return to_string(verdict); });
  }
  if (options.times) {
    report.reading = check.reading;
    report.judging = check.judging;
  }
  if (!options.svg.empty()) example::write_file(options.svg, example::as_svg(report));
  if (!options.html.empty()) example::write_file(options.html, example::as_html(report));
  return options.json ? example::as_json(report)
                      : example::as_text(report, {.color = example::wants_color(options.color),
                                                  .summary = options.summary});
}

std::string compare(const Options& options, const example::CheckOptions& how) {
  std::string text;
  example::Json json = example::json_document("offline_comparison", 1);
  json["recordings"] = example::Json::array();
  pageblock::AgreementCounts counts;
  for (const std::string& folder : options.folders) {
    const example::Check check{folder, how};
    const std::string because = check.because.empty() ? "" : fmt::format(" ({})", check.because);
    text +=
        fmt::format("{}: judged by the rules of Linux {}{}\n", folder, check.rules->name, because);
    for (const std::string& warning : check.warnings) text += "Warning: " + warning + '\n';
    text += example::as_text(*check.attempts);
    text += example::as_text(counts_of(*check.attempts)) + "\n\n";
    json["recordings"].push_back({{"source", folder},
                                  {"kernel", check.rules->name},
                                  {"warnings", check.warnings},
                                  {"attempts", example::attempts_json(*check.attempts)}});
    counts.add(*check.attempts);
  }
  json["agreement"] = example::agreement_json(counts);
  if (options.json) return example::to_text(json);
  return text + fmt::format("All {} recordings: ", options.folders.size()) +
         example::as_text(counts) + '\n';
}

int run(const Options& options) {
  check_arguments(options);
  example::FileReader reader{options.input_limit.value_or(example::FileReader::default_limit)};
  std::string text;
  {
    example::Progress progress{"reading"};
    reader.set_progress([&](std::string_view name, std::uint64_t done, std::uint64_t total) {
      progress.set_what(fmt::format("reading {}", name.substr(name.rfind('/') + 1)));
      progress.update(done, total);
    });
    const example::CheckOptions how{reader, rules_for(options.kernel), options.compare};
    text = options.compare ? compare(options, how) : check(options, how);
  }
  example::print_text(text);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  example::Program program{
      {.name = "offline_check",
       .usage = {"DIR [OPTION]...", "--live [OPTION]...", "--compare RECORDING... [OPTION]..."},
       .about =
           "Says for each memory block of a machine whether it could be taken offline, and if not "
           "which page is in the way, what it is, and whether waiting could help.\n\n"
           "DIR holds what the machine reports: kpageflags, kpagecount, zoneinfo, and where "
           "present buddyinfo, pagetypeinfo, iomem, version (or uname: what uname -a prints) and "
           "memory_blocks (or lsmem: what lsmem or grep . /sys/devices/system/memory/*/* prints); "
           "collect.sh makes such a folder. Prompts in texts do not matter. Texts may end in .txt, "
           "and every file may be compressed with gzip, xz "
           "or zstd (kpageflags.xz, zoneinfo.txt.gz). Of a recording (a folder with meta.json and "
           "before/) it is before/, and what the kernel answered to attempts to take blocks "
           "offline is shown beside.",
       .more =
           "Exit status: 0 if the check ran, 1 if a folder lacks a file, or a file is damaged or "
           "contradicts another, 2 if the arguments are wrong or name what cannot be read."}};
  Options options;
  declare(program, options);
  return program.run(argc, argv, [&] { return run(options); });
}
