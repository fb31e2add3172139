// SPDX-License-Identifier: MIT
/// Prints a failing program as a test to be pasted into a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "model/program.hpp"
#include "support/operation.hpp"

namespace pageblock::test {

/// Returns the statement that checks that the call returns what it should.
template <ZoneConfig Config = DefaultConfig>
[[nodiscard]] std::string to_check(const Operation& op, const Result& expected) {
  const std::string code = to_code_for<Config>(op);
  if (expected.is_bug) return fmt::format("CHECK_VIOLATION({}, \"\");", code);
  const auto check = [&code](const std::string& value) {
    return fmt::format("CHECK({} == {});", code, value);
  };
  switch (op.call) {
    case Call::alloc_pages:
      return check(expected.value < 0 ? "std::nullopt" : fmt::format("Pfn{{{}}}", expected.value));
    case Call::free_pages:
    case Call::put_page:
      return check(expected.value < 0 ? "FreeResult{Freed::held, 0}"
                   : expected.value == 0
                       ? "FreeResult{Freed::freed, 0}"
                       : fmt::format("FreeResult{{Freed::bad, {}}}", expected.value));
    case Call::set_migratetype_isolate:
    case Call::start_isolate_page_range:
    case Call::undo_isolate_page_range:
    case Call::test_pages_isolated:
    case Call::alloc_contig_range:
    case Call::offline_pages:
    case Call::online_pages:
      if (expected.value == -22) return check("-Err::inval");
      if (expected.value == -4) return check("-Err::intr");
      return check(expected.value == 0 ? "ok" : "-Err::busy");
    case Call::has_unmovable_pages:
      if constexpr (is_later<Config>) {
        return check(expected.value < 0 ? "std::nullopt"
                                        : fmt::format("Pfn{{{}}}", expected.value));
      }
      [[fallthrough]];
    case Call::reserve_highatomic_pageblock:
    case Call::unreserve_highatomic_pageblock:
    case Call::is_pageblock_removable_nolock:
    case Call::zone_watermark_ok:
    case Call::zone_watermark_ok_safe:
      return check(expected.value != 0 ? "true" : "false");
    case Call::split_free_page:
    case Call::move_freepages_block:
      return check(fmt::format("{}", expected.value));
    default:
      return code + ";";
  }
}

/// Returns the statements that make the layout.
[[nodiscard]] inline std::string to_code(const ZoneLayout& layout) {
  const auto range = [](const PfnRange& pfns) {
    return fmt::format("{{Pfn{{{}}}, Pfn{{{}}}}}", pfns.start, pfns.end);
  };
  std::string text = "  ZoneLayout layout;\n";
  const ZoneLayout plain;
  const auto set = [&text](const char* member, const std::string& value) {
    text += fmt::format("  layout.{} = {};\n", member, value);
  };
  const auto add = [&text](const char* member, const std::string& value) {
    text += fmt::format("  layout.{}.push_back({});\n", member, value);
  };
  if (layout.type == ZoneType::movable) set("type", "ZoneType::movable");
  if (layout.start_pfn != Pfn{}) set("start_pfn", fmt::format("Pfn{{{}}}", layout.start_pfn));
  set("spanned_pages", fmt::format("{}", layout.spanned_pages));
  for (const PfnRange& hole : layout.holes) add("holes", range(hole));
  for (const PfnRange& pfns : layout.reserved) add("reserved", range(pfns));
  for (const auto& [pfns, count, lru] : layout.in_use) {
    add("in_use", fmt::format("{{{}, {}, {}}}", range(pfns), count, lru));
  }
  for (const auto& [pfns, type] : layout.block_types) {
    add("block_types", fmt::format("{{{}, {}}}", range(pfns), to_code(type)));
  }
  if (!layout.mobility_grouping) set("mobility_grouping", "false");
  if (layout.populate_order != plain.populate_order) {
    set("populate_order", fmt::format("Order{{{}}}", layout.populate_order));
  }
  if (layout.nr_cpus != plain.nr_cpus) set("nr_cpus", fmt::format("{}", layout.nr_cpus));
  return text;
}

/// Returns a file with one test that does the operations of @p program until it fails as @p failure
/// says. What it expects is what the model does.
template <ZoneConfig Config>
[[nodiscard]] std::string to_ready_test(const Program& program, const Failure& failure,
                                        const std::string& title) {
  std::string text = fmt::format(
      "// SPDX-License-Identifier: MIT\n"
      "#include \"model/program.hpp\"\n"
      "#include \"support/catch.hpp\"\n"
      "#include \"support/violation.hpp\"\n\n"
      "namespace pageblock::test {{\n\n"
      "TEST_CASE(\"{}\", \"[model]\") {{\n",
      title);
  text += to_code(program.layout);
  text += fmt::format("  Zone<ModelConfig{}<{}, {}>> zone{{layout}};\n",
                      is_tuned<Config>   ? "V6_12"
                      : is_later<Config> ? "V6"
                                         : "",
                      Config::max_order, Config::pageblock_order);
  for (std::size_t i = 0; i < program.owners.size(); ++i) {
    const auto& [pages, answer] = program.owners[i];
    text += fmt::format(
        "  PageOwner owner{0}{{{{Pfn{{{1}}}, Pfn{{{2}}}}}, {3:#x}}};\n"
        "  register_memory_isolate_notifier(zone, owner{0}.notifier());\n",
        i, pages.start, pages.end, answer);
  }
  NaiveOf<Config> naive{geometry_of<Config>(), program.layout};
  if constexpr (!is_later<Config>) naive.owners = program.owners;
  for (std::size_t i = 0; i <= failure.nr_operations; ++i) {
    if (i != 0) {
      const Operation& op = program.operations[i - 1];
      text += fmt::format("  {}\n", to_check<Config>(op, perform(naive, op)));
    }
    if (failure.equality && failure.equality->copied_after == i) {
      text += "  const auto copy = zone;\n";
    }
  }
  for (const Difference& difference : failure.differences) {
    text += fmt::format("  CHECK({} == {});\n", difference.question, difference.expected);
  }
  if (failure.equality && failure.equality->expected) {
    text += "  CHECK((zone == copy));\n  CHECK(zone.hash() == copy.hash());\n";
  } else if (failure.equality) {
    text += "  CHECK(!(zone == copy));\n";
  }
  if (!failure.violations.empty()) text += "  CHECK(verify(zone).empty());\n";
  return text + "}\n\n}  // namespace pageblock::test\n";
}

}  // namespace pageblock::test
