// SPDX-License-Identifier: MIT
// Predicts each page that a running kernel handed out.
//
// A recording holds a kernel's exact free lists at T0, a trace of all that happened, and its exact
// lists at T1. The program starts in T0, is given the same requests, and compares every answer.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "common/command_line.hpp"
#include "common/read_file.hpp"
#include "replay/report.hpp"
#include "replay/run.hpp"

namespace {

constexpr std::string_view usage =
    R"(Usage: replay DIR [--json] [--until LINE]
       replay --memory SIZE TRACE [--json] [--until LINE]
       replay --help

Replays what a kernel v6.1 was recorded to do, and predicts each page that it
handed out.

DIR is a recording: meta.json, T0.state, T0.pages, T1.state and trace, and where
present dmesg and before/memory_blocks. Texts may end in .txt, and every file may
be compressed with xz.

  --memory SIZE  replay the requests and frees of a trace (its mm_page_alloc and
                 mm_page_free events) in memory of this size that is free at
                 first; 512M, 4G, or in bytes. Page numbers are other ones then.
  --until LINE   stop behind this line of the trace
  --json         one JSON document instead of text

Exit status: 0 if all that is predicted came true, 1 if not, or if a file is
missing, damaged or contradicts another, 2 if the arguments are wrong.
)";

struct Options {
  std::optional<std::string> path;
  std::optional<std::uint64_t> memory_pages;
  std::optional<std::size_t> until;
  bool json = false;
  bool help = false;
};

/// Reads a number that fills the text, up to a unit if there may be one.
std::uint64_t number_in(std::string_view text, std::string_view option, std::string_view units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  std::uint64_t factor = 1;
  if (rest.size() == 1 && units.find(rest[0]) != std::string_view::npos) {
    factor = std::uint64_t{1} << (10 * (units.find(rest[0]) + 1));
    rest = {};
  }
  if (error != std::errc{} || !rest.empty() || number == 0 ||
      number > std::numeric_limits<std::uint64_t>::max() / factor) {
    throw example::UsageError{fmt::format("{} needs a {}, not '{}'", option,
                                          units.empty() ? "line number" : "size such as 512M",
                                          text)};
  }
  return number * factor;
}

Options parse(example::Arguments arguments) {
  Options options;
  while (arguments.next()) {
    if (arguments.is("--help") || arguments.is("-h")) {
      options.help = true;
    } else if (arguments.is("--json")) {
      options.json = true;
    } else if (const auto size = arguments.value_of("--memory")) {
      constexpr std::uint64_t page_size = 4096;
      constexpr std::uint64_t most_pages = std::uint64_t{1} << 32;  // of one zone
      options.memory_pages = number_in(*size, "--memory", "KMGT") / page_size;
      if (*options.memory_pages == 0 || *options.memory_pages > most_pages) {
        throw example::UsageError{fmt::format("--memory is from 4K to 16384G, not '{}'", *size)};
      }
    } else if (const auto line = arguments.value_of("--until")) {
      options.until = number_in(*line, "--until", "");
    } else if (const std::string_view path = arguments.operand(); options.path) {
      throw example::UsageError{fmt::format("one recording at a time, not '{}' as well", path)};
    } else {
      options.path = path;
    }
  }
  if (!options.help && !options.path) {
    throw example::UsageError{options.memory_pages ? "a trace is needed" : "a recording is needed"};
  }
  return options;
}

/// Returns whether all that is predicted came true.
bool replay(const Options& options) {
  const pageblock::ReplayOptions how{.until = options.until};
  const pageblock::ReplayReport report =
      options.memory_pages
          ? example::replay_trace(example::read_file(*options.path), *options.memory_pages, how)
          : example::replay_recording(*options.path, how);
  const std::string text = options.json ? example::as_json(report) : example::as_text(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return report.agrees();
}

}  // namespace

int main(int argc, char** argv) {
  return example::run_program("replay", usage, [&] {
    const Options options = parse({argc, argv});
    if (options.help) {
      fmt::print("{}", usage);
      return 0;
    }
    return replay(options) ? 0 : 1;
  });
}
