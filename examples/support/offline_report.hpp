/// What offline_check says, as text for people and as JSON for programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pageblock/io/snapshot.hpp"

#include "support/offline_judge.hpp"

namespace example {

/// All that there is to say.
struct OfflineReport {
  /// The folder, or "this machine".
  std::string_view source;
  std::string_view kernel;
  const pageblock::SnapshotFiles& files;
  const pageblock::Snapshot& snapshot;
  const Judgement& judgement;
  /// Seconds for reading and for judging, where the program says how long it took.
  std::optional<double> reading{};
  std::optional<double> judging{};
};

[[nodiscard]] std::string as_text(const OfflineReport& report, bool color);
[[nodiscard]] std::string as_json(const OfflineReport& report);

}  // namespace example
