// SPDX-License-Identifier: MIT
#include "model/zone_image.hpp"

#include <string>

#include "model/program.hpp"
#include "support/catch.hpp"

namespace pageblock::test {
namespace {

// What differs between two images is all of `questions`.
void check_differ(const ZoneImage& a, const ZoneImage& b,
                  const std::vector<std::string>& questions) {
  CHECK(a != b);
  std::vector<std::string> asked;
  for (const Difference& difference : differences(a, b)) asked.push_back(difference.question);
  CHECK(asked == questions);
}

}  // namespace

TEST_CASE("differences finds every member of an image", "[model]") {
  const Zone<ModelConfig<5, 3>> zone{{.start_pfn = Pfn{8}, .spanned_pages = 16, .nr_cpus = 2}};
  const ZoneImage image = image_of(zone);
  CHECK(differences(image, image).empty());
  const auto check = [&image](auto change, const char* question) {
    ZoneImage changed = image;
    change(changed);
    check_differ(changed, image, {question});
  };
  check([](ZoneImage& i) { i.start_pfn = 16; }, "zone.start_pfn().value()");
  check([](ZoneImage& i) { ++i.present_pages; }, "zone.present_pages()");
  check([](ZoneImage& i) { ++i.nr_free_pages; }, "zone.nr_free_pages()");
  check([](ZoneImage& i) { ++i.nr_pageblock_isolate; }, "zone.nr_pageblock_isolate()");
  check([](ZoneImage& i) { ++i.low_watermark; }, "zone.watermarks().low");
  check([](ZoneImage& i) { ++i.lowmem_reserve[3]; }, "zone.lowmem_reserve(3)");
  check([](ZoneImage& i) { i.block_types[1] = MigrateType::cma; }, "zone.pageblock_flags()[1]");
  check([](ZoneImage& i) { i.block_types.pop_back(); }, "zone.pageblock_flags().size()");
  check([](ZoneImage& i) { ++i.free_area[4].nr_free; }, "zone.nr_free(Order{4})");
  check([](ZoneImage& i) { i.free_area[0].lists[5].push_back(9); },
        "free_list(zone, 0, MigrateType::isolate)");
  check([](ZoneImage& i) { ++i.pcps[1].count; }, "zone.pcp(Cpu{1}).count");
  check([](ZoneImage& i) { ++i.pcps[1].batch; }, "zone.pcp(Cpu{1}).batch");
  check([](ZoneImage& i) { ++i.pcps[1].high; }, "zone.pcp(Cpu{1}).high");
  check([](ZoneImage& i) { i.pcps[1].lists[0].push_back(9); },
        "pcp_list(zone, Cpu{1}, MigrateType::unmovable)");
  check([](ZoneImage& i) { i.pages[15].is_valid = false; }, "zone.is_valid(Pfn{23})");
  check([](ZoneImage& i) { i.pages[15].is_buddy = true; }, "zone.page(Pfn{23}).is_buddy()");
  check([](ZoneImage& i) { i.pages[15].is_lru = true; }, "zone.page(Pfn{23}).is_lru()");
  check([](ZoneImage& i) { i.pages[15].is_reserved = true; }, "zone.page(Pfn{23}).is_reserved()");
  check([](ZoneImage& i) { i.pages[15].count = 1; }, "zone.page(Pfn{23}).count()");
  check([](ZoneImage& i) { i.pages[15].page_private = 5; }, "zone.page(Pfn{23}).page_private()");
}

TEST_CASE("differences finds what only v6.1 has", "[model]") {
  const Zone<ModelConfigV6<5, 4>> zone{{.start_pfn = Pfn{8}, .spanned_pages = 16}};
  const ZoneImage image = image_of(zone);
  CHECK(differences(image, image).empty());
  const auto check = [&image](auto change, const char* question) {
    ZoneImage changed = image;
    change(changed);
    check_differ(changed, image, {question});
  };
  check([](ZoneImage& i) { ++i.managed_pages; }, "zone.managed_pages()");
  check([](ZoneImage& i) { ++i.min_watermark; }, "zone.watermarks().min");
  check([](ZoneImage& i) { ++i.high_watermark; }, "zone.watermarks().high");
  check([](ZoneImage& i) { ++i.nr_free_cma; }, "nr_free_cma_pages(zone)");
  check([](ZoneImage& i) { ++i.nr_reserved_highatomic; }, "zone.pressure().nr_reserved_highatomic");
  check([](ZoneImage& i) { ++i.saved_batch; }, "zone.pageset().batch");
  check([](ZoneImage& i) { ++i.saved_high; }, "zone.pageset().high");
  check([](ZoneImage& i) { ++i.watermark_boost; }, "zone.pressure().watermark_boost");
  check([](ZoneImage& i) { i.boosted = true; }, "zone.pressure().boosted");
  check([](ZoneImage& i) { i.reclaim_active = true; }, "zone.pressure().reclaim_active");
  check([](ZoneImage& i) { ++i.pcps[0].free_factor; }, "zone.pcp(Cpu{0}).free_factor");
  check([](ZoneImage& i) { i.pcps[0].lists[7].push_back(9); },
        "pcp_list(zone, Cpu{0}, MigrateType::movable, Order{2})");
  check([](ZoneImage& i) { i.pcps[0].lists[13].push_back(9); },
        "pfns_of(zone.pcp(Cpu{0}).lists[13])");
  check([](ZoneImage& i) { i.pages[2].is_offline = true; },
        "zone.memmap().bits(Pfn{10}).has(PageBits::offline)");
  check([](ZoneImage& i) { i.pages[2].compound = 1; }, "compound order of 10");
}

TEST_CASE("differences says both answers as code", "[model]") {
  const Zone<ModelConfig<5, 3>> zone{{.spanned_pages = 16}};
  ZoneImage expected = image_of(zone);
  expected.free_area[4].lists[2] = {8, 0};
  expected.block_types[0] = MigrateType::reserve;
  const auto all = differences(image_of(zone), expected);
  REQUIRE(all.size() == 2);
  CHECK(all[0] ==
        Difference{"zone.pageblock_flags()[0]", "MigrateType::movable", "MigrateType::reserve"});
  CHECK(all[1] == Difference{"free_list(zone, 4, MigrateType::movable)", "Pfns{0}", "Pfns{8, 0}"});
}

TEST_CASE("run tells of a wrong result, a wrong state and a broken invariant", "[model]") {
  using Config = ModelConfig<5, 3>;
  const Program program{.layout = {.spanned_pages = 16},
                        .operations = {{.call = Call::drain_all_pages}}};
  CHECK_FALSE(run<Config>(program).has_value());
  const auto wrong = run<Config>(
      program, [](Zone<Config>&, const Operation&) -> Result { return {.is_bug = true}; });
  REQUIRE(wrong.has_value());
  CHECK(to_string(*wrong) == "after operation 1:\n  it returned a broken contract, not 0\n");
  const auto state = run<Config>(program, [](Zone<Config>& zone, const Operation&) -> Result {
    zone.mod_nr_free_pages(1);
    return {};
  });
  REQUIRE(state.has_value());
  CHECK(state->nr_operations == 1);
  REQUIRE(state->differences.size() == 1);
  CHECK(state->differences[0] == Difference{"zone.nr_free_pages()", "17", "16"});
  CHECK(state->violations.size() == 1);
}

}  // namespace pageblock::test
