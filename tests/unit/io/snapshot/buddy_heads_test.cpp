// SPDX-License-Identifier: MIT
#include "pageblock/io/snapshot/buddy_heads.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::buddy_heads_cases {

namespace {

constexpr std::uint64_t lru = kpf::lru;
constexpr std::uint64_t head = kpf::buddy;

PageWords words(const std::vector<std::uint64_t>& values) {
  InputFile file{"kpageflags", std::string(values.size() * sizeof(std::uint64_t), '\0')};
  std::memcpy(file.content.data(), values.data(), file.content.size());
  return PageWords{file};
}

// '.' for each page that is free then.
std::string free_pages_in(const std::vector<std::uint64_t>& values, PfnRange range,
                          std::uint64_t most_pages) {
  const PageWords flags = words(values);
  SparseArray<PageKind> kinds;
  PageClassifier classify;
  kinds.assign(flags.size(), PageKind::hole);
  for (std::uint64_t pfn = 0; pfn < flags.size(); ++pfn) kinds.set(pfn, classify(flags[pfn]));
  detail::fill_marked_chunks(kinds, flags, range, most_pages);
  std::string text;
  for (std::uint64_t pfn = 0; pfn < kinds.size(); ++pfn) {
    text += kinds[pfn] == PageKind::free ? '.' : 'x';
  }
  return text;
}
PfnRange pages(std::uint64_t start, std::uint64_t end) { return {Pfn{start}, Pfn{end}}; }

}  // namespace

TEST_CASE("fill_marked_chunks gives a head the largest chunk that its place and flags allow",
          "[buddy_heads]") {
  //                                     0     1  2  3  4     5  6    7
  CHECK(free_pages_in({head, 0, 0, 0, head, 0, lru, 0}, pages(0, 8), 1024) == "......xx");
  CHECK(free_pages_in({lru, head, 0, 0, 0, 0, 0, 0}, pages(0, 8), 1024) == "x.xxxxxx");
  CHECK(free_pages_in({lru, lru, head, 0, 0, 0, 0, 0}, pages(0, 8), 1024) == "xx..xxxx");
  CHECK(free_pages_in({head, 0, 0, lru, 0, 0, 0, 0}, pages(0, 8), 1024) == "..xxxxxx");
  CHECK(free_pages_in({head, 0, 0, 0, 0, 0, 0, 0}, pages(0, 8), 4) == "....xxxx");
  CHECK(free_pages_in({head, 0, 0, 0, 0, 0, 0, 0}, pages(0, 7), 1024) == "....xxxx");
  CHECK(free_pages_in({head, head, 0, 0}, pages(0, 4), 1024) == "..xx");
}

TEST_CASE("marks_heads_only asks whether the second page of a free pair is marked",
          "[buddy_heads]") {
  const auto marks = [](const std::vector<std::uint64_t>& values) {
    return detail::marks_heads_only(words(values), {pages(0, values.size())});
  };
  CHECK(marks({head, 0, 0, 0}));
  CHECK_FALSE(marks({head, head, head, head}));
  CHECK_FALSE(marks({lru, head, 0, lru}));    // a single page: its chunk could not be larger
  CHECK_FALSE(marks({head, lru, lru, lru}));  // nor here
  CHECK_FALSE(marks({head, head, head, 0}));  // a page was just taken
}

}  // namespace pageblock::test::buddy_heads_cases
