// SPDX-License-Identifier: MIT
#include "pageblock/io/text/kpageflags.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::kpageflags_cases {

namespace {

constexpr std::uint64_t uptodate = kpf::bit(3);
constexpr std::uint64_t thp = kpf::bit(22);
constexpr std::uint64_t private_bit = kpf::bit(35);

PageKind kind_of(std::uint64_t flags) { return PageClassifier{}(flags); }

std::vector<PageKind> kinds_of(const std::vector<std::uint64_t>& words) {
  PageClassifier classify;
  std::vector<PageKind> kinds;
  for (const std::uint64_t flags : words) kinds.push_back(classify(flags));
  return kinds;
}

}  // namespace

TEST_CASE("kpageflags_names lists names from the lowest bit up", "[kpageflags]") {
  CHECK(kpageflags_names(0) == "none");
  CHECK(kpageflags_names(kpf::bit(0) | kpf::buddy | kpf::pgtable) == "LOCKED|BUDDY|PGTABLE");
  CHECK(kpageflags_names(kpf::reserved | kpf::bit(42)) == "RESERVED|ARCH_3");
  CHECK(kpageflags_names(kpf::bit(27) | kpf::bit(63)) == "bit 27|bit 63");
}

TEST_CASE("PageClassifier takes the flag that says most", "[kpageflags]") {
  CHECK(kind_of(0) == PageKind::unknown);
  CHECK(kind_of(kpf::idle) == PageKind::unknown);
  CHECK(kind_of(kpf::nopage) == PageKind::hole);
  CHECK(kind_of(kpf::buddy | uptodate) == PageKind::free);
  CHECK(kind_of(kpf::lru | uptodate | private_bit) == PageKind::page_cache);
  CHECK(kind_of(kpf::lru | kpf::anon | kpf::mmap) == PageKind::anonymous);
  CHECK(kind_of(kpf::anon) == PageKind::anonymous);
  CHECK(kind_of(kpf::swapcache) == PageKind::anonymous);
  CHECK(kind_of(kpf::mmap) == PageKind::mapped);
  CHECK(kind_of(kpf::reserved | kpf::mmap) == PageKind::reserved);
  CHECK(kind_of(kpf::reserved | kpf::zero_page) == PageKind::reserved);
  CHECK(kind_of(kpf::zero_page | thp) == PageKind::zero_page);
  CHECK(kind_of(kpf::slab | kpf::anon | kpf::ksm) == PageKind::slab);
  CHECK(kind_of(kpf::pgtable | kpf::bit(2)) == PageKind::page_table);
  CHECK(kind_of(kpf::huge | kpf::compound_head) == PageKind::hugetlb);
  CHECK(kind_of(kpf::hwpoison | kpf::lru) == PageKind::poisoned);
  CHECK(kind_of(kpf::hwpoison | kpf::offline) == PageKind::poisoned);
  CHECK(kind_of(kpf::hwpoison | kpf::reserved) == PageKind::reserved);
  CHECK(kind_of(kpf::offline | kpf::reserved) == PageKind::reserved);
  CHECK(kind_of(kpf::offline | kpf::slab) == PageKind::offline);
  CHECK(kind_of(kpf::slab | kpf::pgtable) == PageKind::slab);
  CHECK(kind_of(kpf::pgtable | kpf::huge) == PageKind::page_table);
  CHECK(kind_of(kpf::huge | kpf::buddy) == PageKind::hugetlb);
  CHECK(kind_of(kpf::buddy | kpf::lru) == PageKind::free);
  CHECK(kind_of(kpf::nopage | kpf::reserved) == PageKind::hole);
  CHECK(kind_of(kpf::offline) == PageKind::offline);
  CHECK(kind_of(kpf::compound_head) == PageKind::compound);
  CHECK(kind_of(uptodate | private_bit) == PageKind::off_lru);
  CHECK(kind_of(private_bit) == PageKind::kernel);
}

TEST_CASE("PageClassifier makes a tail what its head is", "[kpageflags]") {
  const std::uint64_t head = kpf::compound_head;
  const std::uint64_t tail = kpf::compound_tail;
  CHECK(kinds_of({head | kpf::lru | kpf::anon, tail | thp, tail | thp | kpf::anon}) ==
        std::vector<PageKind>(3, PageKind::anonymous));
  CHECK(kinds_of({head | kpf::slab, tail}) == std::vector<PageKind>(2, PageKind::slab));
  CHECK(kinds_of({head, tail}) == std::vector<PageKind>(2, PageKind::compound));
  CHECK(kinds_of({head | kpf::huge, tail | kpf::huge}) ==
        std::vector<PageKind>(2, PageKind::hugetlb));
}

TEST_CASE("PageClassifier counts tails without a head as unknown", "[kpageflags]") {
  PageClassifier classify;
  CHECK(classify(kpf::compound_tail) == PageKind::unknown);
  CHECK(classify(kpf::compound_head | kpf::lru) == PageKind::page_cache);
  CHECK(classify(kpf::lru) == PageKind::page_cache);
  CHECK(classify(kpf::compound_tail) == PageKind::unknown);
  CHECK(classify.nr_lone_tails() == 2);
}

TEST_CASE("movability says of each kind whether memory without it can be had", "[kpageflags]") {
  CHECK(movability(PageKind::hole) == Movability::hole);
  CHECK(movability(PageKind::per_cpu) == Movability::free);
  CHECK(movability(PageKind::mapped) == Movability::movable);
  CHECK(movability(PageKind::hugetlb) == Movability::unmovable);
  CHECK(movability(PageKind::off_lru) == Movability::unknown);
  CHECK(movability(PageKind::huge_movable) == Movability::movable);
  CHECK(movability(PageKind::passed_over) == Movability::movable);
  CHECK(to_string(PageKind::unknown) == "unknown: kernel or per-CPU list");
  CHECK(to_string(PageKind::passed_over) == "offline or poisoned: passed over");
}

TEST_CASE("PageWords reads one word for each page", "[kpageflags]") {
  const std::vector<std::uint64_t> words{1, kpf::nopage, ~std::uint64_t{0}};
  InputFile file{"kpageflags", std::string(3 * sizeof(std::uint64_t), '\0')};
  std::memcpy(file.content.data(), words.data(), file.content.size());
  const PageWords read{file};
  REQUIRE(read.size() == 3);
  for (std::uint64_t pfn = 0; pfn < 3; ++pfn) CHECK(read[pfn] == words[pfn]);
}

TEST_CASE("PageWords keeps little of a file whose words are mostly alike", "[kpageflags]") {
  PageWords words{"kpageflags"};
  const std::string holes(std::size_t{1} << 20, '\0');
  for (int mebibyte = 0; mebibyte < 64; ++mebibyte) words.append(holes);
  const std::string one{"\1\0\0\0\0\0\0\0", 8};
  words.append(one.substr(0, 3));  // a word in two parts
  words.append(one.substr(3));
  words.append(holes);
  words.finish();
  constexpr std::uint64_t first = (std::uint64_t{64} << 20) / 8;
  REQUIRE(words.size() == first + 1 + (1 << 17));
  CHECK(words[first - 1] == 0);
  CHECK(words[first] == 1);
  CHECK(words[first + 1] == 0);
  CHECK(words.words().nr_kept() == 4096);
  words.append("x");
  CHECK_THROWS_AS(words.finish(), ParseError);
}

TEST_CASE("PageWords refuses a file that is empty or cut inside a word", "[kpageflags]") {
  CHECK_THROWS_AS(PageWords{(InputFile{"f", ""})}, ParseError);
  try {
    const InputFile file{"f", std::string(21, 'x')};
    static_cast<void>(PageWords{file});
    CHECK(false);
  } catch (const ParseError& error) {
    CHECK(std::string{error.what()} ==
          "f: byte 16: the file ends inside a 64-bit word, so it was cut off");
  }
}

}  // namespace pageblock::test::kpageflags_cases
