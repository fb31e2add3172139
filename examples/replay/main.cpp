// SPDX-License-Identifier: MIT
// Predicts each page that a running kernel handed out.
//
// A recording holds a kernel's exact free lists at T0, a trace of all that happened, and its exact
// lists at T1. The program starts in T0, is given the same requests, and compares every answer.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <pageblock/io/picture/time_line_html.hpp>
#include <pageblock/io/picture/time_line_perfetto.hpp>
#include <pageblock/io/recording/replay.hpp>
#include <pageblock/io/text/kernel_version.hpp>

#include "common/program.hpp"
#include "common/progress.hpp"
#include "common/read_file.hpp"
#include "replay/report.hpp"
#include "replay/run.hpp"

namespace {

constexpr std::uint64_t page_size = 4096;

struct Options {
  std::vector<std::string> paths{};
  std::optional<std::uint64_t> memory{};
  std::optional<std::uint64_t> until{};
  std::optional<std::uint64_t> input_limit{};
  std::string kernel{};
  std::string html{};
  std::string perfetto{};
  bool json = false;
  bool times = false;
};

void declare(example::Program& program, Options& options) {
  program.paths(options.paths);
  program.size("--memory", options.memory,
               "replay the requests and frees of a trace (its mm_page_alloc and mm_page_free "
               "events) in memory of this size that is free at first. Page numbers are other ones "
               "then. The trace is the kernel's, or what trace-cmd report or perf script print");
  program.option(
      "--kernel", "VERSION", options.kernel,
      "the kernel that wrote the trace, such as 3.10. Before 4.4 migratetypes have other "
      "numbers; most traces show which");
  program.number("--until", "LINE", options.until, 1, std::numeric_limits<std::size_t>::max(),
                 "stop behind this line of the trace");
  program.option("--html", "FILE", options.html,
                 "write a page for a browser that shows the memory at each operation");
  program.option(
      "--perfetto", "FILE", options.perfetto,
      "write counters, isolated pageblocks and refusals for ui.perfetto.dev; the time is "
      "the line of the trace");
  program.flag("--json", options.json, "one JSON document instead of text");
  program.flag("--times", options.times, "say how long it took");
  program.size("--input-limit", options.input_limit,
               "what a file may become when it is decompressed; 512M without it");
}

void check(const Options& options) {
  if (options.paths.empty()) {
    throw example::UsageError{options.memory ? "a trace is needed" : "a recording is needed"};
  }
  if (options.paths.size() > 1) {
    throw example::UsageError{
        fmt::format("one recording at a time, not '{}' as well", options.paths[1])};
  }
  constexpr std::uint64_t most_pages = std::uint64_t{1} << 32;  // of one zone
  if (options.memory && (*options.memory < page_size || *options.memory / page_size > most_pages)) {
    throw example::UsageError{
        fmt::format("--memory is from 4K to 16T, not {} bytes", *options.memory)};
  }
}

std::optional<pageblock::KernelVersion> traced_kernel(const Options& options) {
  if (options.kernel.empty()) return std::nullopt;
  if (!options.memory) {
    throw example::UsageError{"--kernel goes with --memory: a recording says which kernel it was"};
  }
  const bool has_v = options.kernel.front() == 'v';
  const auto known = pageblock::parse_kernel_version(options.kernel.substr(has_v ? 1 : 0));
  if (known) return known;
  throw example::UsageError{
      fmt::format("--kernel needs a version such as 3.10, not '{}'", options.kernel)};
}

int replay(const Options& options) {
  check(options);
  const std::string& path = options.paths.front();
  const example::FileReader read{options.input_limit.value_or(example::FileReader::default_limit)};
  example::Progress progress{"replaying"};
  pageblock::ReplayOptions how;
  if (options.until) how.until = *options.until;
  how.traced_kernel = traced_kernel(options);
  how.progress = [&](std::size_t done, std::size_t total) { progress.update(done, total); };
  pageblock::TimeLine line{fmt::format("replay: {}", path), "line"};
  const bool is_drawn = !options.html.empty() || !options.perfetto.empty();
  pageblock::TimeLine* const drawn = is_drawn ? &line : nullptr;
  const pageblock::ReplayReport report =
      options.memory ? example::replay_trace(read(path), *options.memory / page_size, how, drawn)
                     : example::replay_recording(path, read, how, drawn);
  if (!options.html.empty()) pageblock::write_html(options.html, line);
  if (!options.perfetto.empty()) pageblock::write_perfetto(options.perfetto, line);
  example::print_text(options.json ? example::as_json(report, options.times)
                                   : example::as_text(report, options.times));
  return report.agrees() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  example::Program program{
      {.name = "replay",
       .usage = {"DIR [OPTION]...", "--memory SIZE TRACE [OPTION]..."},
       .about =
           "Replays what a kernel v6.1, v6.12 or v7.2 was recorded to do, and predicts each page "
           "that it handed out.\n\n"
           "DIR is a recording: meta.json, T0.state, T0.pages, T1.state and trace, and where "
           "present dmesg and before/memory_blocks. Texts may end in .txt, and every file may "
           "be compressed with gzip, xz or zstd. TRACE may be - for standard input.",
       .more = "SIZE is in bytes, or has a unit: 512M, 1.5GiB, 2t.\n\n"
               "Exit status: 0 if all that is predicted came true, 1 if not, or if a folder "
               "lacks a file, or a file is damaged or contradicts another, 2 if the arguments are "
               "wrong or name what cannot be read."}};
  Options options;
  declare(program, options);
  return program.run(argc, argv, [&] { return replay(options); });
}
