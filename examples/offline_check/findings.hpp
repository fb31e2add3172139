// SPDX-License-Identifier: MIT
/// What offline_check has found out, beside the verdicts: text and document say the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"

#include "offline_check/report.hpp"

namespace example {

/// Pages that cannot move, or of which nobody knows.
[[nodiscard]] std::uint64_t stuck(const pageblock::PageCounts& counts);

/// Whether waiting could help a refused block; nothing if nobody can say.
[[nodiscard]] std::optional<bool> waiting_helps(const pageblock::Snapshot& snapshot,
                                                const pageblock::BlockJudgement& block);

/// A file that was read: as the user knows it, and without folders.
struct FileName {
  std::string name;
  std::string base_name;
};
[[nodiscard]] std::vector<FileName> files_of(const pageblock::SnapshotFiles& files);
[[nodiscard]] std::vector<std::string_view> missing_files(const pageblock::SnapshotFiles& files);

/// "128 MiB"
[[nodiscard]] std::string size_text(std::uint64_t nr_pages, std::uint64_t page_size);

/// What is assumed or cannot be known, so that nobody takes it for read.
[[nodiscard]] std::vector<std::string> unknowns(const OfflineReport& report);

/// Whether the kernel looks at every page of a block, as since v4.15.
[[nodiscard]] inline bool scans(const pageblock::Judgement& judgement) {
  return judgement.search == pageblock::UnmovableSearch::every_page;
}

/// How the pageblocks of a memory block are drawn.
[[nodiscard]] std::vector<pageblock::BlockLook> looks_of(const OfflineReport& report,
                                                         const pageblock::BlockJudgement& block);

/// A row for each memory block that is listed; equal ones are folded, and in a large machine similar ones.
[[nodiscard]] pageblock::BlockMap map_of(const OfflineReport& report);

/// The blocks in numbers.
struct Summary {
  explicit Summary(const OfflineReport& report);
  [[nodiscard]] std::size_t count(pageblock::Verdict verdict) const {
    return nr_blocks[static_cast<std::size_t>(verdict)];
  }

  std::array<std::size_t, pageblock::nr_verdicts> nr_blocks{};
  std::size_t nr_only_unknown = 0;
  std::uint64_t nr_unknown_pages = 0;
  std::uint64_t nr_per_cpu = 0;
};

}  // namespace example
