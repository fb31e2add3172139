// SPDX-License-Identifier: MIT
/// What offline_check says, as text for people and as JSON for programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/recording/offline_attempts.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"

namespace example {

/// All that there is to say.
struct OfflineReport {
  /// The folder, or "this machine".
  std::string_view source;
  std::string_view kernel;
  const pageblock::SnapshotFiles& files;
  const pageblock::Snapshot& snapshot;
  const pageblock::Judgement& judgement;
  /// Seconds for reading and for judging, where the program says how long it took.
  std::optional<double> reading{};
  std::optional<double> judging{};
  /// Why these rules were followed; empty if they were asked for.
  std::string_view because{};
  /// Of a recording: what the kernel answered.
  std::optional<std::vector<pageblock::OfflineAttempt>> attempts{};
};

[[nodiscard]] std::string as_text(const OfflineReport& report, bool color);
[[nodiscard]] std::string as_json(const OfflineReport& report);

}  // namespace example
