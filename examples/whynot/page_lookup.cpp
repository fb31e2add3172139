// SPDX-License-Identifier: MIT
#include "whynot/page_lookup.hpp"

#include <algorithm>
#include <cstdint>

namespace example {

using namespace pageblock;

PagesOfRange PageLookup::look_up(const PfnRange& range) const {
  constexpr std::uint64_t largest_page = std::uint64_t{1}
                                         << 18;  // a compound page begins that near
  constexpr std::size_t most_named = 8;
  const PageWords words{file_};
  PageClassifier classify;
  PagesOfRange pages;
  std::uint64_t pfn = range.start.value() - std::min(range.start.value(), largest_page);
  for (const std::uint64_t end = std::min(range.end.value(), words.size()); pfn < end; ++pfn) {
    const PageKind kind = classify(words[pfn]);
    if (Pfn{pfn} < range.start) continue;
    ++pages.counts[kind];
    const Movability moves = movability(kind);
    if (moves != Movability::unmovable && moves != Movability::unknown) continue;
    if (pages.stuck.size() < most_named) pages.stuck.push_back({Pfn{pfn}, kind});
  }
  return pages;
}

}  // namespace example
