// SPDX-License-Identifier: MIT
#include "offline_check/attempts_report.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>

#include <fmt/format.h>

namespace example {
namespace {

using namespace pageblock;

std::string verdict_text(const OfflineAttempt& attempt) {
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

std::string answer_text(const OfflineAttempt& attempt) {
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

std::string as_text(const std::vector<OfflineAttempt>& attempts) {
  std::string text;
  for (const OfflineAttempt& attempt : attempts) {
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

Json attempts_json(const std::vector<OfflineAttempt>& attempts) {
  const auto pfn = [](const std::optional<Pfn>& page) {
    return page ? Json(page->value()) : Json(nullptr);
  };
  Json array = Json::array();
  for (const OfflineAttempt& attempt : attempts) {
    array.push_back({{"block", attempt.block},
                     {"verdict", to_string(attempt.verdict)},
                     {"pfn", pfn(attempt.judged_page)},
                     {"kernel_result", attempt.result},
                     {"kernel_pfn", pfn(attempt.page)},
                     {"agreement", agreement_words[static_cast<std::size_t>(attempt.agreement)]}});
  }
  return array;
}

Json agreement_json(const AgreementCounts& counts) {
  return {{"attempts", counts.nr_attempts},       {"agree", counts.nr_agree},
          {"differ", counts.nr_differ},           {"arose_later", counts.nr_arose_later},
          {"kernel_names_page", counts.nr_pages}, {"same_page", counts.nr_same_page}};
}

}  // namespace example
