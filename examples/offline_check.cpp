// Which memory blocks of a machine could be taken offline, and what stands in the way of the
// others.
//
// The program reads what a machine reports about its memory, rebuilds its zones, and tries to
// isolate and empty every memory block on a copy of them.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <pageblock/io/snapshot_reader.hpp>
#include <pageblock/pageblock.hpp>

#include "support/offline_judge.hpp"
#include "support/offline_report.hpp"
#include "support/snapshot_files.hpp"

namespace {

using namespace pageblock;

constexpr std::string_view usage =
    R"(Usage: offline_check DIR [--json] [--kernel VERSION] [--color WHEN]
       offline_check --live [--json] [--kernel VERSION] [--color WHEN]
       offline_check --help

Says for each memory block of a machine whether it could be taken offline, and
if not which page is in the way, what it is, and whether waiting could help.

DIR holds what the machine reports: kpageflags, kpagecount, zoneinfo, and where
present buddyinfo, pagetypeinfo, memory_blocks and iomem. Texts may end in .txt,
and every file may be compressed with xz (kpageflags.xz, zoneinfo.txt.xz).

  --live            look at this machine, in /proc and /sys; needs root
  --json            one JSON document instead of text
  --kernel VERSION  judge by the rules of this kernel; known: v3.6 (the default)
  --color WHEN      auto (the default: on a terminal), always, never

Exit status: 0 if the check ran, 1 if a file is missing, damaged or contradicts
another, 2 if the arguments are wrong.
)";

/// A zone of one thread, with a kernel's rules.
template <const Semantics& rules>
struct Judge : DefaultConfig {
  static constexpr unsigned nr_cpus = 1;
  static constexpr Semantics semantics = rules;
  using Lock = NullLock;
};

/// The kernels whose rules can be asked for. A further version is a further line.
struct KernelRules {
  std::string_view name;
  example::Judgement (*judge)(const Snapshot&, const SnapshotFiles&);
};
constexpr std::array kernels{KernelRules{"v3.6", &example::judge<Judge<kernel::v3_6>>}};

struct Options {
  std::optional<std::string> folder;
  bool live = false;
  bool json = false;
  bool help = false;
  std::string_view color = "auto";
  const KernelRules* kernel = &kernels.front();
};

/// Why the arguments make no sense.
struct UsageError {
  std::string text;
};

Options parse(const std::vector<std::string_view>& args) {
  Options options;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    // "--name value" or "--name=value".
    const auto value_of = [&](std::string_view name) -> std::optional<std::string_view> {
      if (arg.starts_with(name) && arg.substr(name.size()).starts_with('=')) {
        return arg.substr(name.size() + 1);
      }
      if (arg != name) return std::nullopt;
      if (++i == args.size()) throw UsageError{fmt::format("{} needs a value", name)};
      return args[i];
    };
    if (arg == "--help" || arg == "-h") {
      options.help = true;
    } else if (arg == "--live") {
      options.live = true;
    } else if (arg == "--json") {
      options.json = true;
    } else if (const auto version = value_of("--kernel")) {
      const auto* found = std::ranges::find(kernels, *version, &KernelRules::name);
      if (found == kernels.end()) {
        std::string known;
        for (const KernelRules& rules : kernels) known += fmt::format(" {}", rules.name);
        throw UsageError{fmt::format("unknown kernel '{}'; known:{}", *version, known)};
      }
      options.kernel = found;
    } else if (const auto when = value_of("--color")) {
      if (*when != "auto" && *when != "always" && *when != "never") {
        throw UsageError{fmt::format("--color is auto, always or never, not '{}'", *when)};
      }
      options.color = *when;
    } else if (arg.starts_with('-') && arg.size() > 1) {
      throw UsageError{fmt::format("unknown option '{}'", arg)};
    } else if (options.folder) {
      throw UsageError{fmt::format("one folder at a time, not '{}' as well", arg)};
    } else {
      options.folder = arg;
    }
  }
  if (!options.help && options.folder.has_value() == options.live) {
    throw UsageError{options.live ? "either a folder or --live" : "a folder or --live is needed"};
  }
  return options;
}

bool wants_color(std::string_view when) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         term != nullptr && std::string_view{term} != "dumb";
}

void check(const Options& options) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::duration time) {
    return std::chrono::duration<double>{time}.count();
  };
  const auto start = Clock::now();
  const SnapshotFiles files =
      options.live ? example::read_live() : example::read_folder(*options.folder);
  const Snapshot snapshot = read_snapshot(files);
  const auto read = Clock::now();
  const example::Judgement judgement = options.kernel->judge(snapshot, files);
  const auto judged = Clock::now();

  example::OfflineReport report{options.live ? "this machine" : std::string_view{*options.folder},
                                options.kernel->name, files, snapshot, judgement};
  if (options.live) {  // what comes from a folder is the same each time, so it says no times
    report.reading = seconds(read - start);
    report.judging = seconds(judged - read);
  }
  const std::string text = options.json ? example::as_json(report)
                                        : example::as_text(report, wants_color(options.color));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse({argv + 1, argv + argc});
    if (options.help) {
      fmt::print("{}", usage);
    } else {
      check(options);
    }
    if (std::fflush(stdout) == 0) return 0;
    fmt::print(stderr, "offline_check: the output cannot be written\n");
  } catch (const UsageError& error) {
    fmt::print(stderr, "offline_check: {}\n{}", error.text, usage);
    return 2;
  } catch (const ParseError& error) {
    fmt::print(stderr, "offline_check: {}\n", error.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "offline_check: there is not enough memory\n");
  } catch (const std::exception& error) {  // a folder that changes while it is read, for example
    fmt::print(stderr, "offline_check: {}\n", error.what());
  }
  return 1;
}
