// SPDX-License-Identifier: MIT
#include "empty_memory/request.hpp"

#include <array>
#include <charconv>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "common/program.hpp"

namespace example {
namespace {

using namespace pageblock;

// A number of the text, decimal or 0x.
std::uint64_t number_of(std::string_view text, std::string_view whole) {
  const bool is_hex = text.starts_with("0x");
  const std::string_view digits = is_hex ? text.substr(2) : text;
  std::uint64_t value = 0;
  const auto parsed =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 10);
  if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
    throw UsageError{fmt::format("'{}': '{}' is no number", whole, text)};
  }
  return value;
}

struct Word {
  std::string_view text;
  SpecialPage page;
};

using Is = SpecialPage::Is;
constexpr std::uint32_t for_ever = StubbornPages::for_ever;

SpecialPage of(Is is) { return {.is = is}; }
SpecialPage of(Hindrance hindrance, InUseKind kind = InUseKind::file) {
  return {.stubborn = {hindrance, for_ever, kind}};
}
SpecialPage of(InUseKind kind) { return {.stubborn = {Hindrance::none, 0, kind}}; }

const std::array<Word, 14>& words() {
  static const std::array<Word, 14> all{{{"kernel", of(Is::kernel)},
                                         {"reserved", of(Is::reserved)},
                                         {"driver", of(Is::driver)},
                                         {"pinned", of(Hindrance::pinned)},
                                         {"pinned-anon", of(Hindrance::pinned, InUseKind::anon)},
                                         {"locked", of(Hindrance::locked)},
                                         {"stuck", of(Hindrance::stuck)},
                                         {"writeback", of(Hindrance::writeback)},
                                         {"off-lru", of(Hindrance::off_lru)},
                                         {"refuses", of(Hindrance::refuses)},
                                         {"clean", of(InUseKind::file_clean)},
                                         {"mlocked", of(InUseKind::mlocked)},
                                         {"ksm", of(InUseKind::ksm)},
                                         {"balloon", of(InUseKind::driver)}}};
  return all;
}

}  // namespace

SpecialPage parse_special_page(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == text.npos) {
    throw UsageError{fmt::format("'{}': a page is PFN=WHAT, for example 0x2006=pinned", text)};
  }
  std::string_view what = text.substr(equals + 1);
  std::optional<std::uint64_t> times;
  if (const auto colon = what.find(':'); colon != what.npos) {
    times = number_of(what.substr(colon + 1), text);
    what = what.substr(0, colon);
  }
  std::string known;
  for (const Word& word : words()) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", word.text);
    if (word.text != what) continue;
    SpecialPage page = word.page;
    page.pfn = Pfn{number_of(text.substr(0, equals), text)};
    if (!times) return page;
    if (page.stubborn.hindrance == Hindrance::none || *times >= for_ever) {
      throw UsageError{fmt::format("'{}': {} does not last a number of tries", text, what)};
    }
    page.stubborn.times = static_cast<std::uint32_t>(*times);
    return page;
  }
  throw UsageError{fmt::format("'{}': a page is one of {}", text, known)};
}

PfnRange parse_range(std::string_view text) {
  const auto plus = text.find('+');
  if (plus == text.npos) {
    throw UsageError{fmt::format("'{}': a range is START+PAGES, for example 0x2000+512", text)};
  }
  const Pfn start{number_of(text.substr(0, plus), text)};
  const std::uint64_t nr_pages = number_of(text.substr(plus + 1), text);
  if (nr_pages == 0 || start + nr_pages <= start) {
    throw UsageError{fmt::format("'{}': there is no such range", text)};
  }
  return {start, start + nr_pages};
}

}  // namespace example
