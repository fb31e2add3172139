// SPDX-License-Identifier: MIT
/// What a caller would expect of the answers to questions, which change nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "search/expectations.hpp"
#include "search/state.hpp"
#include "support/operation.hpp"

namespace pageblock::search {

/// The questions, which change nothing, held to what a caller would expect of the answers.
template <ZoneConfig Config>
class Questions {
 public:
  /// Puts all of them to a copy of @p state. Returns how many there were.
  std::uint64_t ask(const State<Config>& state, const Picture& picture) {
    findings_.clear();
    operation_ = {};
    Zone<Config> zone = state.zone;
    std::uint64_t asked = 0;
    for (std::size_t start = 0; start < picture.nr_pages; ++start) {
      for (std::size_t end = start + 1; end <= picture.nr_pages; ++end) {
        operation_ = {
            .call = Call::test_pages_isolated, .pfn = picture.pfn(start), .end = picture.pfn(end)};
        check_test(test::perform_handled(zone, operation_), zone, picture, start, end);
        ++asked;
      }
    }
    std::int64_t available = 0;
    for (std::size_t page = 0; page < picture.nr_pages; ++page) {
      const Where& where = picture.pages[page];
      if (where.kind == Where::chunk && can_be_had(where.list)) ++available;
    }
    for (std::uint64_t mark = 0; mark < picture.nr_pages; ++mark) {
      for (const bool is_safe : {false, true}) {
        if (is_safe && test::is_later<Config>) continue;  // the same question there
        bool before = true;
        for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
          operation_ = {.call = is_safe ? Call::zone_watermark_ok_safe : Call::zone_watermark_ok,
                        .order = order,
                        .number = mark};
          const bool passes = test::perform_handled(zone, operation_).value != 0;
          if (passes && !before) report(unexplained, "a larger order passes where a smaller fails");
          if (order == Order{0} && passes != (available > static_cast<std::int64_t>(mark))) {
            check_watermark(zone, picture, available, is_safe);
          }
          before = passes;
          ++asked;
        }
      }
    }
    if (!(zone == state.zone)) report(unexplained, "a question changed the zone");
    return asked;
  }

  struct Answer {
    Finding finding;
    Operation question;
  };
  [[nodiscard]] const std::vector<Answer>& findings() const { return findings_; }

 private:
  static constexpr std::uint64_t block_size = Geometry<Config>::pageblock_nr_pages;

  void report(Row row, const char* format, std::uint64_t number = 0) {
    findings_.push_back({{row_of<Config>(row), format, {number}}, operation_});
  }

  // v3.6 counts CMA blocks and the reserve for everyone. v6.1 takes out of the count what is for
  // urgent requests only where it was set aside for them; v6.12, what is free there.
  [[nodiscard]] static bool can_be_had(MigrateType list) {
    if (!test::is_later<Config>) return list != MigrateType::isolate;
    const bool counts = !Config::semantics.counts_free_highatomic;
    return (counts && list == MigrateType::highatomic) || is_available(list, false);
  }

  void check_test(const Result& result, const Zone<Config>& zone, const Picture& picture,
                  std::size_t start, std::size_t end) {
    const auto cuts_chunk = [&](std::size_t page) {
      return page < picture.nr_pages && picture.pages[page].kind == Where::chunk &&
             picture.pages[page].head != page;
    };
    if (cuts_chunk(start) || cuts_chunk(end)) return;
    bool all_isolated = true;
    std::size_t used = end;
    for (std::size_t page = start; page < end; ++page) {
      all_isolated = all_isolated && picture.is_isolated(page);
      const Where& where = picture.pages[page];
      const bool is_used = test::is_later<Config> ? where.kind != Where::chunk : where.is_held();
      if (is_used && used == end) used = page;
    }
    // A page on a CPU's list is free, and fails v6.1's test: it has to be drained.
    const bool expected = all_isolated && used == end;
    if ((result.value == 0) == expected) return;
    if (expected) {
      const bool is_beyond = picture.pfn(start).value() % block_size != 0;
      return report(is_beyond ? 21 : unexplained, "what is isolated and free fails the test");
    }
    if (!all_isolated) {
      // One page stands for each window of a block's size, counted from the start.
      return report(picture.pfn(start).value() % block_size != 0 ? 21 : unexplained,
                    "a page whose block is not isolated passes the test");
    }
    const Page<Config> page = zone.page(picture.pfn(used));
    const bool is_stale = page.count() == 0 &&
                          page.page_private() == Config::semantics.number_of(MigrateType::isolate);
    report(is_stale ? 15 : unexplained, "page {} is in use and passes the test",
           picture.pfn(used).value());
  }

  // The plain answer counts what is on the isolate lists; the safe one subtracts an estimate, a
  // whole block for each that is counted. v6.1's counter may have drifted.
  void check_watermark(const Zone<Config>& zone, const Picture& picture, std::int64_t available,
                       bool is_safe) {
    if constexpr (test::is_later<Config>) {
      return report(drift_of(zone, picture).any() ? 22 : unexplained,
                    "a watermark's answer differs from what can be had");
    }
    const bool is_estimate = is_safe && zone.nr_pageblock_isolate() != 0;
    report(is_estimate || zone.nr_free_pages() != available ? 1 : unexplained,
           is_safe ? "kswapd's answer differs from what can be had"
                   : "a watermark passes on pages that cannot be had");
  }

  Operation operation_;
  std::vector<Answer> findings_;
};

}  // namespace pageblock::search
