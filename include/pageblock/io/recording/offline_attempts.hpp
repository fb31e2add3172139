// SPDX-License-Identifier: MIT
/// What a kernel answered when memory blocks were taken offline while it was recorded, beside what
/// was judged of them before.
///
/// Layer:  io.
/// Kernel: offline_pages() and the page that its log names.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/log/kernel_log.hpp"
#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/memory_blocks.hpp"

namespace pageblock {

/// How a judgement and the kernel's answer go together.
enum class Agreement {
  agrees,  ///< Both accept, or both refuse.
  differs,
  arose_later,  ///< The kernel refuses for a page that was free in the snapshot.
  not_judged,   ///< The block was not online in the snapshot.
};

/// One attempt of a recording.
struct OfflineAttempt {
  std::string block;
  /// 0 or a negative errno.
  std::int64_t result = 0;
  /// The page in the way, if the kernel's log names it.
  std::optional<Pfn> page{};

  Verdict verdict = Verdict::not_online;
  /// The page in the way, as judged.
  std::optional<Pfn> judged_page{};
  Agreement agreement = Agreement::not_judged;
};

/// Attempts by agreement.
struct AgreementCounts {
  std::size_t nr_attempts = 0;
  std::size_t nr_agree = 0;
  std::size_t nr_differ = 0;
  std::size_t nr_arose_later = 0;
  /// Refusals of which the log names the page, and those where it is the one that was judged.
  std::size_t nr_pages = 0;
  std::size_t nr_same_page = 0;

  void add(const std::vector<OfflineAttempt>& attempts) {
    for (const OfflineAttempt& attempt : attempts) {
      if (attempt.agreement == Agreement::not_judged) continue;
      ++nr_attempts;
      if (attempt.agreement == Agreement::agrees) ++nr_agree;
      if (attempt.agreement == Agreement::differs) ++nr_differ;
      if (attempt.agreement == Agreement::arose_later) ++nr_arose_later;
      if (!attempt.page || !attempt.judged_page) continue;
      ++nr_pages;
      if (attempt.page == attempt.judged_page) ++nr_same_page;
    }
  }
};
/// Counts how many of the attempts were judged as the kernel answered.
[[nodiscard]] inline AgreementCounts counts_of(const std::vector<OfflineAttempt>& attempts) {
  AgreementCounts counts;
  counts.add(attempts);
  return counts;
}

namespace detail {

// "offline memory33 (1 s alarm)"
[[nodiscard]] inline std::vector<OfflineAttempt> offline_attempts_of(const RecordingMeta& meta) {
  constexpr std::string_view key = "offline ";
  std::vector<OfflineAttempt> attempts;
  for (const RecordingStep& step : meta.steps) {
    const std::string_view what = step.what;
    if (!what.starts_with("offline memory")) continue;
    const std::string_view block = what.substr(key.size());
    attempts.push_back({std::string{block.substr(0, block.find(' '))}, step.result});
  }
  return attempts;
}

// The log may begin before the recording, so the last attempt is looked for first.
inline void name_pages(std::vector<OfflineAttempt>& attempts, const std::vector<DumpedPage>& pages,
                       const Snapshot& snapshot) {
  auto next = pages.rbegin();
  for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
    const auto block =
        std::ranges::find(snapshot.memory.blocks, attempt->block, &MemoryBlock::name);
    const bool by_check = attempt->result == -EBUSY;
    if (block == snapshot.memory.blocks.end() || (!by_check && attempt->result != -EINTR)) continue;
    const auto found = std::find_if(next, pages.rend(), [&](const DumpedPage& page) {
      return page.is_unmovable == by_check && block->range.contains(page.pfn);
    });
    if (found == pages.rend()) continue;
    attempt->page = found->pfn;
    next = std::next(found);
  }
}

[[nodiscard]] inline Agreement agreement_of(const OfflineAttempt& attempt,
                                            const Snapshot& snapshot) {
  if (attempt.verdict == Verdict::not_online) return Agreement::not_judged;
  const bool judged_to_go = attempt.verdict == Verdict::can_go;
  if (judged_to_go == (attempt.result == 0)) return Agreement::agrees;
  const bool was_free =
      judged_to_go && attempt.page && movability(snapshot.kind(*attempt.page)) == Movability::free;
  return was_free ? Agreement::arose_later : Agreement::differs;
}

}  // namespace detail

/// Returns the attempts of a recording, in their order, beside what was judged of the snapshot that
/// was taken before. @p dumped are the pages that the kernel's log names.
[[nodiscard]] inline std::vector<OfflineAttempt> compare_attempts(
    const RecordingMeta& meta, const std::vector<DumpedPage>& dumped, const Snapshot& snapshot,
    const Judgement& judgement) {
  std::vector<OfflineAttempt> attempts = detail::offline_attempts_of(meta);
  detail::name_pages(attempts, dumped, snapshot);
  for (OfflineAttempt& attempt : attempts) {
    for (const BlockJudgement& block : judgement.blocks) {
      if (block.block.name != attempt.block) continue;
      attempt.verdict = block.verdict;
      if (block.refusal) attempt.judged_page = block.refusal->pfn;
    }
    attempt.agreement = detail::agreement_of(attempt, snapshot);
  }
  return attempts;
}

}  // namespace pageblock
