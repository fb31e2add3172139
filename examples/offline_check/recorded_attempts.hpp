/// What a kernel answered when memory blocks were taken offline while it was recorded, beside what
/// was judged of them before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/json.hpp"

#include "offline_check/judge.hpp"

namespace example {

/// Returns the folder of the recording that a snapshot in @p folder belongs to, which has a
/// meta.json: this folder or the one around it.
[[nodiscard]] std::optional<std::filesystem::path> recording_of(
    const std::filesystem::path& folder);

/// Returns the same if the snapshot was taken before the recording began, as that in before/.
[[nodiscard]] std::optional<std::filesystem::path> recording_behind(
    const std::filesystem::path& folder);

/// How a judgement and the kernel's answer go together.
enum class Agreement {
  agrees,  ///< Both accept, or both refuse.
  differs,
  arose_later,  ///< The kernel refuses for a page that was free in the snapshot.
  not_judged,   ///< The block was not online in the snapshot.
};

/// One attempt of a recording.
struct RecordedAttempt {
  std::string block;
  /// 0 or a negative errno.
  std::int64_t result = 0;
  /// The page in the way, if the kernel's log names it.
  std::optional<pageblock::Pfn> page{};

  Verdict verdict = Verdict::not_online;
  /// The page in the way, as judged.
  std::optional<pageblock::Pfn> judged_page{};
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

  void add(const std::vector<RecordedAttempt>& attempts);
};
[[nodiscard]] AgreementCounts counts_of(const std::vector<RecordedAttempt>& attempts);

/// Reads the attempts of a recording, in their order, and compares them. Throws ParseError.
[[nodiscard]] std::vector<RecordedAttempt> compare_attempts(const std::filesystem::path& recording,
                                                            const pageblock::Snapshot& snapshot,
                                                            const Judgement& judgement);

/// Returns a line for each attempt.
[[nodiscard]] std::string as_text(const std::vector<RecordedAttempt>& attempts);
/// Returns, for example, "8 of 8 attempts (100.0 %) agree with the kernel."
[[nodiscard]] std::string as_text(const AgreementCounts& counts);

void write(pageblock::JsonWriter& json, const std::vector<RecordedAttempt>& attempts);
void write(pageblock::JsonWriter& json, const AgreementCounts& counts);

}  // namespace example
