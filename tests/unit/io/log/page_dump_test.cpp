// SPDX-License-Identifier: MIT
#include "pageblock/io/log/page_dump.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::page_dump_cases {
namespace {

std::vector<PageDump> read(std::string text) {
  const InputFile file{"dmesg", std::move(text)};
  PageDumpReader reader;
  LogReader lines{file};
  std::vector<PageDump> dumps;
  while (lines.next_line()) {
    static_cast<void>(reader.take(lines.line()));
    if (auto dump = reader.finished()) dumps.push_back(std::move(*dump));
  }
  return dumps;
}

PageDump one(const std::string& head, const std::string& flags, const std::string& more = {}) {
  const auto dumps =
      read(head + "\nflags: 0x1(" + flags + ")\n" + more + "raw: 00\npage dumped because: x\n");
  REQUIRE(dumps.size() == 1);
  return dumps.front();
}
const std::string head = "page:0000000076a3e320 refcount:1 mapcount:0 mapping:0 index:0 pfn:0x100";

}  // namespace

TEST_CASE("PageDumpReader reads page, flags and reason of every kernel's form", "[page_dump]") {
  const auto dumps = read(
      "[   57.4] page:0000000076a3e320 refcount:1 mapcount:0 mapping:0000000000000000 index:0x0 "
      "pfn:0x13ff00\n"
      "[   57.4] flags: 0x1fffffc0001000(reserved|node=0|zone=3|lastcpupid=0x1fffff)\n"
      "[   57.4] page_type: 0xffffffff()\n"
      "[   57.4] raw: 001fffffc0001000 ffffdd6384ffc008 ffffdd6384ffc008 0000000000000000\n"
      "[   57.4] page dumped because: unmovable page\n"
      "[   91.0] page:ffffea0001200000 count:1 mapcount:0 mapping:0000000000000000 index:0x0\n"
      "[   91.0] flags: 0x3fffe000001000(reserved)\n"
      "[   91.0] page dumped because: unmovable page\n"
      "[   92.0] page: refcount:3 mapcount:1 mapping:ffff88800a index:0x55 pfn:0x1234\n"
      "[   92.0] anon flags: 0x17(locked|uptodate|dirty|lru|swapbacked|node=0|zone=2)\n"
      "[   92.0] page dumped because: migration failure\n"
      "[   93.0] migrating pfn 12346 failed ret:1\n"
      "[   93.0] page:ffffffffaaaa refcount:2 mapcount:0 mapping:ffff88800a index:0x55\n"
      "[   93.0] flags: 0x14(referenced|lru)\n"
      "[   93.0] page dumped because: migration failure\n");
  REQUIRE(dumps.size() == 4);
  CHECK(dumps[0].page.pfn == Pfn{0x13ff00});
  CHECK(dumps[0].page.is_pfn_printed);
  CHECK(dumps[0].zone == 3U);
  CHECK(dumps[0].kind() == PageKind::reserved);
  CHECK(dumps[1].page.pfn == Pfn{0x48000});
  CHECK(!dumps[1].page.is_pfn_printed);
  CHECK(dumps[2].kind() == PageKind::anonymous);
  CHECK(dumps[2].reason == "migration failure");
  CHECK(dumps[2].mapcount == 1);
  CHECK(dumps[3].page.pfn == Pfn{0x12346});
  CHECK(dumps[3].kind() == PageKind::page_cache);
}

TEST_CASE("PageDump::kind knows what a page is and how long it stays", "[page_dump]") {
  const auto kind = [](const std::string& flags, const std::string& more = {}) {
    return one(head, flags, more).kind();
  };
  CHECK(kind("slab|node=0") == PageKind::slab);
  CHECK(kind("workingset", "page_type: f5(slab)\n") == PageKind::slab);
  CHECK(kind("reserved|hwpoison") == PageKind::reserved);
  CHECK(kind("uptodate|hwpoison") == PageKind::poisoned);
  CHECK(kind("node=0", "page_type: 0xfffffeff(offline)\n") == PageKind::offline);
  CHECK(kind("node=0", "page_type: f2(table)\n") == PageKind::page_table);
  CHECK(kind("head|node=0", "aops:hugetlbfs_aops ino:1\n") == PageKind::hugetlb);
  CHECK(kind("uptodate|swapbacked") == PageKind::off_lru);
  CHECK(kind("node=0", "aops:balloon_aops [virtio_balloon] ino:0\n") == PageKind::offline);
  CHECK(one("page:0 refcount:0 mapcount:-127 mapping:0 index:0 pfn:0x1", "node=0").kind() ==
        PageKind::free);
  CHECK(one("page:0 refcount:0 mapcount:-128 mapping:0 index:0 pfn:0x1", "node=0").kind() ==
        PageKind::free);
  CHECK(kind("referenced|dirty", "aops:ext4_aops ino:1\n") == PageKind::off_lru);
  CHECK(kind("lru|uptodate") == PageKind::page_cache);
  CHECK(kind("private") == PageKind::kernel);
  CHECK(kind("node=0|zone=2") == PageKind::unknown);
  CHECK(stay_of(PageKind::reserved) == PageStay::until_reboot);
  CHECK(stay_of(PageKind::off_lru) == PageStay::for_a_moment);
  CHECK(stay_of(PageKind::anonymous) == PageStay::for_a_moment);
  CHECK(stay_of(PageKind::offline) == PageStay::until_given_back);
  CHECK(stay_of(PageKind::slab) == PageStay::while_in_use);
  CHECK(stay_of(PageKind::unknown) == PageStay::while_in_use);
}

TEST_CASE("PageDumpReader keeps the dumps of two writers apart", "[page_dump]") {
  const auto dumps = read(
      "[ 1.0][    C0] page:a refcount:1 mapcount:0 pfn:0x1\n"
      "[ 1.0][    C1] page:b refcount:1 mapcount:0 pfn:0x2\n"
      "[ 1.0][    C0] flags: 0x1(reserved)\n"
      "[ 1.0][    C1] flags: 0x1(slab)\n"
      "[ 1.0][    C1] page dumped because: unmovable page\n"
      "[ 1.0][    C0] page dumped because: unmovable page\n");
  REQUIRE(dumps.size() == 2);
  CHECK(dumps[0].kind() == PageKind::slab);
  CHECK(dumps[1].kind() == PageKind::reserved);
}

TEST_CASE("parse_offline_failure reads which range did not go", "[page_dump]") {
  const auto failure = parse_offline_failure(
      "memory offlining [mem 0x48000000-0x4fffffff] failed due to failure to isolate range");
  REQUIRE(failure);
  CHECK(failure->start == 0x48000000);
  CHECK(failure->end == 0x50000000);
  CHECK(failure->reason == "failure to isolate range");
  CHECK(!parse_offline_failure("memory offlining [mem 0x5-0x4] failed due to x"));
  CHECK(!parse_offline_failure("Offlined Pages 32768"));
}

}  // namespace pageblock::test::page_dump_cases
