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
  /// Seconds for reading and for judging, if they are wanted.
  std::optional<double> reading{};
  std::optional<double> judging{};
  /// Why these rules were followed; empty if they were asked for.
  std::string_view because{};
  /// What makes the answer doubtful, such as rules that are another kernel's.
  std::vector<std::string> warnings{};
  /// Of a recording: what the kernel answered.
  std::optional<std::vector<pageblock::OfflineAttempt>> attempts{};
  /// The blocks that are listed; all of them without it.
  std::optional<pageblock::Verdict> only{};

  [[nodiscard]] bool lists(const pageblock::BlockJudgement& block) const {
    return !only || block.verdict == *only;
  }
};

struct TextOptions {
  bool color = false;
  /// Only what is true of all blocks together.
  bool summary = false;
};

[[nodiscard]] std::string as_text(const OfflineReport& report, const TextOptions& options);
/// A document by examples/schemas/offline_check.json.
[[nodiscard]] std::string as_json(const OfflineReport& report);
/// The picture of the pageblocks.
[[nodiscard]] std::string as_svg(const OfflineReport& report);
/// A page for a browser: each page of the memory, and a step for each memory block that is listed.
[[nodiscard]] std::string as_html(const OfflineReport& report);

}  // namespace example
