// SPDX-License-Identifier: MIT
#include "offline_check/check.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "pageblock/io/log/kernel_log.hpp"
#include "pageblock/io/recording/recording_files.hpp"
#include "pageblock/io/snapshot/snapshot_folder.hpp"
#include "pageblock/io/snapshot/snapshot_reader.hpp"
#include "pageblock/io/text/input_folder.hpp"

#include "common/kernel_release.hpp"
#include "common/live_snapshot.hpp"
#include "common/read_page_words.hpp"
#include "common/recording_meta.hpp"
#include "offline_check/judges.hpp"

namespace example {

using namespace pageblock;

namespace {

// A further version is a further line. Since v4.15 isolation looks at every page, as it does in v6.1.
constexpr std::array kernels{
    KernelRules{"v3.6", {3, 6}, {0, 0}, &judge_v3_6},
    KernelRules{"v6.1", {6, 1}, {4, 15}, &judge_v6_1},
    KernelRules{"v6.12", {6, 12}, {6, 12}, &judge_v6_12},
};
// Those of a kernel that nothing tells of.
constexpr const KernelRules& usual = kernels[1];

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>{std::chrono::steady_clock::now() - start}.count();
}

void choose_rules(Check& check, const std::optional<KernelRelease>& release,
                  const KernelRules* asked) {
  std::optional<KernelRelease> known = release;
  if (!known) known = guess_release(check.snapshot);
  const KernelRules* own = known ? &kernels.back() : &usual;
  while (known && known->version < own->since) --own;
  check.rules = asked != nullptr ? asked : own;
  check.asked = asked == nullptr && known ? known->version : check.rules->exact;
  if (asked == nullptr) {
    check.because = known ? known->evidence : "nothing says which kernel it was";
  }
  if (release && release->version != check.rules->exact) {
    check.warnings.push_back(
        fmt::format("the kernel is Linux {}.{}, but the rules are those of {}{}.",
                    release->version.major, release->version.minor, check.rules->name,
                    asked == nullptr ? ", the nearest that are known" : ""));
  }
}

std::optional<std::vector<OfflineAttempt>> find_attempts(const Check& check,
                                                         const std::string& folder,
                                                         const InputReader& read) {
  const auto recording = recording_behind(folder);
  if (!recording) return std::nullopt;
  const InputFolder recorded{*recording, read};
  const auto log = recorded.find("dmesg");
  return compare_attempts(parse_recording_meta(recorded.demand("meta.json")),
                          log ? parse_dumped_pages(*log) : std::vector<DumpedPage>{},
                          check.snapshot, check.judgement);
}

}  // namespace

std::span<const KernelRules> known_kernels() { return kernels; }

Check::Check(const std::optional<std::string>& folder, const CheckOptions& options)
    : source{folder.value_or("this machine")} {
  auto start = std::chrono::steady_clock::now();
  std::optional<KernelRelease> release;
  if (folder) {
    const InputFolder input = snapshot_folder_in(InputFolder{*folder, options.read});
    files = read_snapshot_files(
        input, [&](const auto& path) { return read_page_words(options.read, path); });
    release = find_release(input, files);
  } else {
    files = read_live();
    release = live_release();
  }
  snapshot = read_snapshot(files);
  choose_rules(*this, release, options.kernel);
  reading = seconds_since(std::exchange(start, std::chrono::steady_clock::now()));
  judgement = rules->judge(snapshot, files, asked);
  judging = seconds_since(start);
  if (!folder) return;
  // The kernel's answers say something about its own rules only.
  const bool are_own = !release || release->version >= rules->since;
  const KernelRules* const next = rules + 1;
  const bool are_newer = release && next != kernels.end() && release->version >= next->since;
  if (options.demands_recording || (are_own && !are_newer)) {
    attempts = find_attempts(*this, *folder, options.read);
  }
  if (options.demands_recording && !attempts) {
    throw ParseError{fmt::format("{}: this is no recording, or was taken behind it", *folder)};
  }
}

}  // namespace example
