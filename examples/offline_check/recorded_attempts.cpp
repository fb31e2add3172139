#include "offline_check/recorded_attempts.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/text/kpageflags.hpp"

#include "common/kernel_log.hpp"
#include "common/read_file.hpp"

namespace example {
namespace {

namespace fs = std::filesystem;
using namespace pageblock;

// "offline memory33 (1 s alarm)"
std::vector<RecordedAttempt> read_attempts(const fs::path& recording) {
  constexpr std::string_view key = "offline ";
  std::vector<RecordedAttempt> attempts;
  for (const RecordingStep& step : parse_recording_meta(read_file(recording / "meta.json")).steps) {
    const std::string_view what = step.what;
    if (!what.starts_with("offline memory")) continue;
    const std::string_view block = what.substr(key.size());
    attempts.push_back({std::string{block.substr(0, block.find(' '))}, step.result});
  }
  return attempts;
}

// The log may begin before the recording, so the last attempt is looked for first.
void name_pages(std::vector<RecordedAttempt>& attempts, const std::vector<DumpedPage>& pages,
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

Agreement agreement_of(const RecordedAttempt& attempt, const Snapshot& snapshot) {
  if (attempt.verdict == Verdict::not_online) return Agreement::not_judged;
  const bool judged_to_go = attempt.verdict == Verdict::can_go;
  if (judged_to_go == (attempt.result == 0)) return Agreement::agrees;
  const bool was_free =
      judged_to_go && attempt.page && movability(snapshot.kind(*attempt.page)) == Movability::free;
  return was_free ? Agreement::arose_later : Agreement::differs;
}

std::string verdict_text(const RecordedAttempt& attempt) {
  switch (attempt.verdict) {
    case Verdict::can_go:
      return "can go";
    case Verdict::refused:
      return fmt::format("refused for {:x}", *attempt.judged_page);
    case Verdict::invalid:
      return "invalid";
    default:
      return "-";
  }
}

std::string answer_text(const RecordedAttempt& attempt) {
  if (attempt.result == 0) return "accepted";
  const std::string page = attempt.page ? fmt::format(" for {:x}", *attempt.page) : std::string{};
  switch (-attempt.result) {
    case EBUSY:
      return "EBUSY" + page;
    case EINVAL:
      return "EINVAL" + page;
    case EINTR:
      return "EINTR" + page;
    default:
      return fmt::format("error {}{}", -attempt.result, page);
  }
}

constexpr std::array<std::string_view, 4> agreement_texts{
    "agrees", "DIFFERS", "arose later: the page was free", "not online in the snapshot"};
constexpr std::array<std::string_view, 4> agreement_words{"agrees", "differs", "arose_later",
                                                          "not_judged"};

}  // namespace

std::optional<fs::path> recording_of(const fs::path& folder) {
  // Of "before/" and of "." the folder around is not what is left without the last name.
  std::error_code error;
  const fs::path absolute = fs::canonical(folder, error);
  if (error) return std::nullopt;
  for (const fs::path& candidate : {absolute, absolute.parent_path()}) {
    if (fs::is_regular_file(candidate / "meta.json", error)) return candidate;
  }
  return std::nullopt;
}

void AgreementCounts::add(const std::vector<RecordedAttempt>& attempts) {
  for (const RecordedAttempt& attempt : attempts) {
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

AgreementCounts counts_of(const std::vector<RecordedAttempt>& attempts) {
  AgreementCounts counts;
  counts.add(attempts);
  return counts;
}

std::optional<fs::path> recording_behind(const fs::path& folder) {
  const auto recording = recording_of(folder);
  std::error_code error;
  const bool is_before = recording && (fs::equivalent(folder, *recording, error) ||
                                       fs::equivalent(folder, *recording / "before", error));
  return is_before ? recording : std::nullopt;
}

std::vector<RecordedAttempt> compare_attempts(const fs::path& recording, const Snapshot& snapshot,
                                              const Judgement& judgement) {
  std::vector<RecordedAttempt> attempts = read_attempts(recording);
  name_pages(attempts, read_dumped_pages(recording), snapshot);
  for (RecordedAttempt& attempt : attempts) {
    for (const BlockJudgement& block : judgement.blocks) {
      if (block.block.name != attempt.block) continue;
      attempt.verdict = block.verdict;
      if (block.refusal) attempt.judged_page = block.refusal->pfn;
    }
    attempt.agreement = agreement_of(attempt, snapshot);
  }
  return attempts;
}

std::string as_text(const std::vector<RecordedAttempt>& attempts) {
  std::string text;
  for (const RecordedAttempt& attempt : attempts) {
    text += fmt::format("{:8} {:18} {:18} {}\n", attempt.block, verdict_text(attempt),
                        answer_text(attempt),
                        agreement_texts[static_cast<std::size_t>(attempt.agreement)]);
  }
  return text;
}

std::string as_text(const AgreementCounts& counts) {
  if (counts.nr_attempts == 0) return "no attempts.";
  const auto percent = [](std::size_t part, std::size_t whole) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  std::string text =
      fmt::format("{} of {} attempts ({:.1f} %) agree with the kernel.", counts.nr_agree,
                  counts.nr_attempts, percent(counts.nr_agree, counts.nr_attempts));
  if (counts.nr_arose_later != 0) {
    text += fmt::format(" Of {} the cause arose later.", counts.nr_arose_later);
  }
  if (counts.nr_pages != 0) {
    text += fmt::format(" Of {} refusals the log names the page: {} times the one judged.",
                        counts.nr_pages, counts.nr_same_page);
  }
  return text;
}

void write(JsonWriter& json, const std::vector<RecordedAttempt>& attempts) {
  const auto write_page = [&](std::string_view key, const std::optional<Pfn>& page) {
    json.key(key);
    if (page) {
      json.value(page->value());
    } else {
      json.null();
    }
  };
  json.key("attempts").begin_array();
  for (const RecordedAttempt& attempt : attempts) {
    json.begin_object().member("block", attempt.block);
    json.member("verdict", to_string(attempt.verdict));
    write_page("pfn", attempt.judged_page);
    json.member("kernel_result", attempt.result);
    write_page("kernel_pfn", attempt.page);
    json.member("agreement", agreement_words[static_cast<std::size_t>(attempt.agreement)]);
    json.end();
  }
  json.end();
}

void write(JsonWriter& json, const AgreementCounts& counts) {
  json.key("agreement").begin_object();
  json.member("attempts", counts.nr_attempts).member("agree", counts.nr_agree);
  json.member("differ", counts.nr_differ).member("arose_later", counts.nr_arose_later);
  json.member("kernel_names_page", counts.nr_pages).member("same_page", counts.nr_same_page);
  json.end();
}

}  // namespace example
