// SPDX-License-Identifier: MIT
/// What happened when somebody tried to empty memory: one record for all who do.
///
/// Layer:  clients.
/// Kernel: none; it says -EBUSY, and in some versions a line of the log more.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/format.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/isolation/refusal.hpp"

namespace pageblock {

/// The step at which an attempt, or a place that it tried, came to its end.
enum class AttemptStage : std::uint8_t {
  arguments,  ///< What was asked for makes no sense.
  place,      ///< No place was left to try.
  look,       ///< A look at its pages ruled the place out.
  isolate,    ///< A pageblock could not be isolated.
  notifier,   ///< A notifier objected.
  migrate,    ///< Pages did not move.
  test,       ///< Not all was free behind that.
  grab,       ///< The free chunks could not be taken.
  done,       ///< It succeeded.
};

/// Returns the words for a stage: "refused in the test".
[[nodiscard]] constexpr std::string_view to_string(AttemptStage stage) {
  constexpr std::array<std::string_view, 9> names{
      "by its arguments", "for want of a place", "by a look at its pages",
      "in isolation",     "by a notifier",       "in migration",
      "in the test",      "when it was taken",   "done"};
  return names[static_cast<std::size_t>(stage)];
}

/// A page in the way.
struct Blocker {
  Pfn pfn;        ///< The page, the first one of its chunk.
  Reason reason;  ///< What it is.
  /// How often it was tried to move it.
  std::uint32_t tries = 0;

  /// Returns whether waiting may help.
  [[nodiscard]] bool is_transient() const { return pageblock::is_transient(reason); }
  friend bool operator==(const Blocker&, const Blocker&) = default;
};

/// A range that was tried.
struct Candidate {
  PfnRange range{};                         ///< Where it was tried.
  Status status{};                          ///< What came of it.
  AttemptStage stage = AttemptStage::done;  ///< How far it came.
  std::vector<Blocker> blockers{};          ///< The pages in the way.
  std::uint64_t nr_migrated = 0;            ///< pages that moved
  std::uint64_t nr_reclaimed = 0;           ///< pages that were dropped
  std::uint64_t nr_copies = 0;              ///< allocations of memory for copies, those in vain too
  /// How often migration was called.
  std::uint64_t nr_rounds = 0;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// An attempt to get a contiguous range, or to take memory offline.
struct Attempt {
  /// Who tried: "offline", "contiguous range", the name of a CMA area.
  std::string what{};
  /// What was asked for; where any place would do, where it was looked for.
  PfnRange range{};
  Status status{};                          ///< What came of all of it.
  AttemptStage stage = AttemptStage::done;  ///< How far the last candidate came.
  /// The kernel's word for why not, where it has one: "unmovable page".
  std::string_view reason{};
  /// The places that were tried, in turn; the last one served if the status is ok.
  std::vector<Candidate> candidates{};
  /// Of a pageblock.
  Order pageblock_order{};

  /// Returns how many pages were moved, in all candidates.
  [[nodiscard]] std::uint64_t nr_migrated() const { return sum(&Candidate::nr_migrated); }
  /// Returns how many pages were given up, in all candidates.
  [[nodiscard]] std::uint64_t nr_reclaimed() const { return sum(&Candidate::nr_reclaimed); }
  /// Returns how many copies were made, those in vain too.
  [[nodiscard]] std::uint64_t nr_copies() const { return sum(&Candidate::nr_copies); }
  /// Returns how many rounds of moving it took.
  [[nodiscard]] std::uint64_t nr_rounds() const { return sum(&Candidate::nr_rounds); }
  friend bool operator==(const Attempt&, const Attempt&) = default;

 private:
  [[nodiscard]] std::uint64_t sum(std::uint64_t Candidate::*member) const {
    std::uint64_t all = 0;
    for (const Candidate& candidate : candidates) all += candidate.*member;
    return all;
  }
};

/// Returns, for example, "page 0x2345: pinned, tried 50 times; waiting could help".
[[nodiscard]] inline std::string to_string(const Blocker& blocker);

/// Returns the answer in a line: "contiguous pages [0x0, 0x8000): 17 places tried, 16 refused (16 pages
/// pinned in blocks 0x600, 0x1200, ...), the last served: [0x4000, 0x4400); 3072 pages moved". Blocks are
/// named by their first page.
[[nodiscard]] inline std::string to_string(const Attempt& attempt);

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::AttemptStage> : pageblock::detail::ToStringFormatter {};

template <>
struct fmt::formatter<pageblock::Blocker> : pageblock::detail::ToStringFormatter {};

template <>
struct fmt::formatter<pageblock::Attempt> : pageblock::detail::ToStringFormatter {};

namespace pageblock {

inline std::string to_string(const Blocker& blocker) {
  const std::string tries =
      blocker.tries == 0 ? "" : fmt::format(", tried {} times", blocker.tries);
  return fmt::format("page {:#x}: {}{}; waiting {}", blocker.pfn, blocker.reason, tries,
                     blocker.is_transient() ? "could help" : "will not help");
}

namespace detail {

// "for 3 pages pinned in blocks 0x400, 0x600, ..." by reason, in the order in which they appear.
inline std::string causes_of(const Attempt& attempt) {
  struct Cause {
    Reason reason;
    std::uint64_t nr_pages;
    std::vector<Pfn> blocks;
  };
  std::vector<Cause> causes;
  for (const Candidate& candidate : attempt.candidates) {
    for (const Blocker& blocker : candidate.blockers) {
      auto cause = std::ranges::find(causes, blocker.reason, &Cause::reason);
      if (cause == causes.end()) cause = causes.insert(cause, {blocker.reason, 0, {}});
      ++cause->nr_pages;
      const Pfn block = blocker.pfn.align_down(attempt.pageblock_order);
      if (std::ranges::find(cause->blocks, block) == cause->blocks.end()) {
        cause->blocks.push_back(block);
      }
    }
  }
  std::string text;
  constexpr std::size_t most = 8;
  for (const Cause& cause : causes) {
    text += fmt::format("{}{} {} {} in block{}", text.empty() ? "" : ", ", cause.nr_pages,
                        cause.nr_pages == 1 ? "page" : "pages", cause.reason,
                        cause.blocks.size() == 1 ? "" : "s");
    for (std::size_t i = 0; i < std::min(most, cause.blocks.size()); ++i) {
      text += fmt::format("{} {:#x}", i == 0 ? "" : ",", cause.blocks[i]);
    }
    if (cause.blocks.size() > most) text += fmt::format(" and {} more", cause.blocks.size() - most);
  }
  return text;
}

}  // namespace detail

inline std::string to_string(const Attempt& attempt) {
  std::string text = fmt::format("{} {:#x}: ", attempt.what, attempt.range);
  const bool is_ok = attempt.status == ok;
  if (!is_ok) {
    text += fmt::format("{}, refused {}", attempt.status, attempt.stage);
    if (!attempt.reason.empty()) text += fmt::format(" ({})", attempt.reason);
  } else if (attempt.candidates.size() < 2) {
    text += "done";
  }
  if (attempt.candidates.size() > 1) {
    const std::size_t served = is_ok ? 1 : 0;
    text += fmt::format("{}{} places tried, {} refused", is_ok ? "" : "; ",
                        attempt.candidates.size(), attempt.candidates.size() - served);
  }
  const std::string causes = detail::causes_of(attempt);
  if (!causes.empty()) text += fmt::format(" ({})", causes);
  if (is_ok && attempt.candidates.size() > 1) {
    text += fmt::format(", the last served: {:#x}", attempt.candidates.back().range);
  }
  text += fmt::format("; {} page{} moved", attempt.nr_migrated(),
                      attempt.nr_migrated() == 1 ? "" : "s");
  if (attempt.nr_reclaimed() != 0) text += fmt::format(", {} dropped", attempt.nr_reclaimed());
  return text;
}

/// Returns the record as JSON: an object in one line. Page numbers are numbers.
[[nodiscard]] inline std::string to_json(const Attempt& attempt) {
  std::string text;
  const auto put = [&text]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
  };
  put(R"({{"what":"{}","start":{},"end":{},"ret":{},"stage":"{}")", attempt.what,
      attempt.range.start, attempt.range.end, attempt.status.to_errno(), attempt.stage);
  if (!attempt.reason.empty()) put(R"(,"reason":"{}")", attempt.reason);
  put(R"(,"places":[)");
  for (const Candidate& candidate : attempt.candidates) {
    put(R"({}{{"start":{},"end":{},"ret":{},"stage":"{}","migrated":{},"reclaimed":{},"copies":{},)",
        &candidate == attempt.candidates.data() ? "" : ",", candidate.range.start,
        candidate.range.end, candidate.status.to_errno(), candidate.stage, candidate.nr_migrated,
        candidate.nr_reclaimed, candidate.nr_copies);
    put(R"("rounds":{},"blockers":[)", candidate.nr_rounds);
    for (const Blocker& blocker : candidate.blockers) {
      put(R"({}{{"pfn":{},"is":"{}","transient":{},"tries":{}}})",
          &blocker == candidate.blockers.data() ? "" : ",", blocker.pfn, blocker.reason,
          blocker.is_transient(), blocker.tries);
    }
    put("]}}");
  }
  put("]}}");
  return text;
}

}  // namespace pageblock
