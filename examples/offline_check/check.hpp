// SPDX-License-Identifier: MIT
/// One folder or machine, read and judged.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/recording/offline_attempts.hpp"
#include "pageblock/io/snapshot/kernel_release.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kernel_version.hpp"

#include "common/read_file.hpp"

namespace example {

/// A kernel whose rules can be asked for.
struct KernelRules {
  std::string_view name;
  /// The release that the rules are of, and the first that is judged by them if nothing else is asked.
  pageblock::KernelVersion exact;
  pageblock::KernelVersion since;
  pageblock::Judgement (*judge)(pageblock::Snapshot&, const pageblock::SnapshotFiles&,
                                pageblock::KernelVersion);
};
/// Oldest first.
[[nodiscard]] std::span<const KernelRules> known_kernels();

/// How a check is done.
struct CheckOptions {
  const FileReader& read;
  /// The rules that were asked for; null: those nearest to the files' own.
  const KernelRules* kernel = nullptr;
  /// Only a recording will do.
  bool demands_recording = false;
};

struct Check {
  /// Checks a folder, or for nothing the machine that the program runs on. Throws ParseError.
  Check(const std::optional<std::string>& folder, const CheckOptions& options);

  std::string source;
  pageblock::SnapshotFiles files;
  pageblock::Snapshot snapshot;
  const KernelRules* rules = nullptr;
  pageblock::KernelVersion asked{};  ///< the kernel that says what pages are
  std::string because{};             ///< why these rules were followed, if they were not asked for
  std::vector<std::string> warnings{};
  pageblock::Judgement judgement;
  std::optional<std::vector<pageblock::OfflineAttempt>> attempts{};
  double reading = 0;  ///< seconds
  double judging = 0;
};

}  // namespace example
