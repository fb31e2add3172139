// SPDX-License-Identifier: MIT
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
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <pageblock/io/recording/offline_attempts.hpp>
#include <pageblock/io/recording/recording.hpp>
#include <pageblock/io/recording/recording_files.hpp>
#include <pageblock/io/snapshot/kernel_release.hpp>
#include <pageblock/io/snapshot/offline_judge.hpp>
#include <pageblock/io/snapshot/snapshot_folder.hpp>
#include <pageblock/io/snapshot/snapshot_reader.hpp>
#include <pageblock/io/text/input_folder.hpp>
#include <pageblock/io/text/json.hpp>
#include <pageblock/io/text/kernel_log.hpp>
#include <pageblock/pageblock.hpp>

#include "common/command_line.hpp"
#include "common/live_snapshot.hpp"
#include "common/read_file.hpp"
#include "offline_check/attempts_report.hpp"
#include "offline_check/kernel_release.hpp"
#include "offline_check/report.hpp"

namespace {

using namespace pageblock;

constexpr std::string_view usage =
    R"(Usage: offline_check DIR [--json] [--kernel VERSION] [--color WHEN]
       offline_check --live [--json] [--kernel VERSION] [--color WHEN]
       offline_check --compare RECORDING... [--json] [--kernel VERSION]
       offline_check --help

Says for each memory block of a machine whether it could be taken offline, and
if not which page is in the way, what it is, and whether waiting could help.

DIR holds what the machine reports: kpageflags, kpagecount, zoneinfo, and where
present buddyinfo, pagetypeinfo, memory_blocks and iomem. Texts may end in .txt,
and every file may be compressed with xz (kpageflags.xz, zoneinfo.txt.xz). Of a
recording (a folder with meta.json and before/) it is before/, and what the
kernel answered to attempts to take blocks offline is shown beside.

  --live            look at this machine, in /proc and /sys; needs root
  --json            one JSON document instead of text
  --kernel VERSION  judge by the rules of this kernel: v3.6 or v6.1. Without it,
                    v6.1 from Linux 4.15 on: by "version" (of /proc) in DIR,
                    meta.json, the kernel that runs, or the look of pagetypeinfo
  --compare         only what the kernel answered, for each recording and in all
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

/// The kernels whose rules can be asked for, oldest first. A further version is a further line.
struct KernelRules {
  std::string_view name;
  /// The first version that is judged by these rules if no others are asked for.
  KernelVersion since;
  Judgement (*judge)(Snapshot&, const SnapshotFiles&);
};
// Since v4.15 isolation looks at every page, as it does in v6.1.
constexpr std::array kernels{
    KernelRules{"v3.6", {0, 0}, &pageblock::judge<Judge<kernel::v3_6>>},
    KernelRules{"v6.1", {4, 15}, &pageblock::judge<Judge<kernel::v6_1>>},
};

struct Options {
  std::vector<std::string> folders;
  bool live = false;
  bool compare = false;
  bool json = false;
  bool help = false;
  std::string_view color = "auto";
  const KernelRules* kernel = nullptr;  // that of the files
};

Options parse(example::Arguments arguments) {
  Options options;
  while (arguments.next()) {
    if (arguments.is("--help") || arguments.is("-h")) {
      options.help = true;
    } else if (arguments.is("--live")) {
      options.live = true;
    } else if (arguments.is("--json")) {
      options.json = true;
    } else if (arguments.is("--compare")) {
      options.compare = true;
    } else if (const auto version = arguments.value_of("--kernel")) {
      const auto* found = std::ranges::find(kernels, *version, &KernelRules::name);
      if (found == kernels.end()) {
        std::string known;
        for (const KernelRules& rules : kernels) known += fmt::format(" {}", rules.name);
        throw example::UsageError{fmt::format("unknown kernel '{}'; known:{}", *version, known)};
      }
      options.kernel = found;
    } else if (const auto when = arguments.value_of("--color")) {
      if (*when != "auto" && *when != "always" && *when != "never") {
        throw example::UsageError{fmt::format("--color is auto, always or never, not '{}'", *when)};
      }
      options.color = *when;
    } else {
      options.folders.emplace_back(arguments.operand());
    }
  }
  if (options.help) return options;
  if (options.folders.empty() != options.live) {
    throw example::UsageError{options.live ? "either a folder or --live"
                                           : "a folder or --live is needed"};
  }
  if (options.folders.size() > 1 && !options.compare) {
    throw example::UsageError{
        fmt::format("one folder at a time, not '{}' as well", options.folders[1])};
  }
  if (options.live && options.compare) throw example::UsageError{"--compare needs recordings"};
  return options;
}

bool wants_color(std::string_view when) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         term != nullptr && std::string_view{term} != "dumb";
}

/// Rules, and why they are followed; nothing if they were asked for.
struct ChosenRules {
  const KernelRules* rules = nullptr;
  std::string because{};
  /// Whether they are those of the kernel that the files are of.
  bool are_its_own = true;
};

ChosenRules choose_rules(const Options& options, std::optional<KernelRelease> release,
                         const Snapshot& snapshot) {
  if (!release) release = guess_release(snapshot);
  const KernelRules* own = &kernels.back();
  while (release && release->version < own->since) --own;
  if (options.kernel != nullptr) return {options.kernel, {}, options.kernel == own};
  return {own, release ? release->evidence : "nothing says which kernel it was"};
}

/// One folder or machine, read and judged.
struct Check {
  Check(const Options& options, const std::string& folder)
      : Check{options,
              options.live
                  ? std::nullopt
                  : std::optional{snapshot_folder_in(InputFolder{folder, example::read_file})}} {
    if (options.live) return;
    const auto recording = recording_behind(folder);
    if (options.compare && !recording) {
      throw ParseError{fmt::format("{}: this is no recording, or was taken behind it", folder)};
    }
    if (recording && (options.compare || rules.are_its_own)) {
      const InputFolder recorded{*recording, example::read_file};
      const auto log = recorded.find("dmesg");
      attempts = compare_attempts(parse_recording_meta(recorded.demand("meta.json")),
                                  log ? parse_dumped_pages(*log) : std::vector<DumpedPage>{},
                                  snapshot, judgement);
    }
  }
  Check(const Options& options, const std::optional<InputFolder>& folder)
      : files{folder ? read_snapshot_files(*folder) : example::read_live()},
        snapshot{read_snapshot(files)},
        rules{choose_rules(
            options, folder ? example::find_release(*folder) : example::live_release(), snapshot)},
        read_at{Clock::now()},
        judgement{rules.rules->judge(snapshot, files)} {}

  using Clock = std::chrono::steady_clock;
  Clock::time_point began_at = Clock::now();
  SnapshotFiles files;
  Snapshot snapshot;
  ChosenRules rules;
  Clock::time_point read_at;
  Judgement judgement;
  std::optional<std::vector<OfflineAttempt>> attempts{};
};

std::string check(const Options& options) {
  const std::string source = options.live ? "this machine" : options.folders.front();
  const Check check{options, source};
  const auto judged_at = Check::Clock::now();
  example::OfflineReport report{source, check.rules.rules->name, check.files, check.snapshot,
                                check.judgement};
  report.because = check.rules.because;
  report.attempts = check.attempts;
  if (options.live) {  // what comes from a folder is the same each time, so it says no times
    const auto seconds = [](Check::Clock::duration time) {
      return std::chrono::duration<double>{time}.count();
    };
    report.reading = seconds(check.read_at - check.began_at);
    report.judging = seconds(judged_at - check.read_at);
  }
  return options.json ? example::as_json(report)
                      : example::as_text(report, wants_color(options.color));
}

std::string compare(const Options& options) {
  std::string text;
  JsonWriter json;
  json.begin_object().key("recordings").begin_array();
  AgreementCounts counts;
  for (const std::string& folder : options.folders) {
    const Check check{options, folder};
    const std::string because =
        check.rules.because.empty() ? "" : fmt::format(" ({})", check.rules.because);
    text += fmt::format("{}: judged by the rules of Linux {}{}\n", folder, check.rules.rules->name,
                        because);
    text += example::as_text(*check.attempts);
    text += example::as_text(counts_of(*check.attempts)) + "\n\n";
    json.begin_object().member("source", folder).member("kernel", check.rules.rules->name);
    example::write(json, *check.attempts);
    json.end();
    counts.add(*check.attempts);
  }
  example::write(json.end(), counts);
  if (options.json) return json.end().finish();
  return text + fmt::format("All {} recordings: ", options.folders.size()) +
         example::as_text(counts) + '\n';
}

}  // namespace

int main(int argc, char** argv) {
  return example::run_program("offline_check", usage, [&] {
    const Options options = parse({argc, argv});
    if (options.help) {
      fmt::print("{}", usage);
    } else {
      const std::string text = options.compare ? compare(options) : check(options);
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
    return 0;
  });
}
