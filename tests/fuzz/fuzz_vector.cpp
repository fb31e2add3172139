// SPDX-License-Identifier: MIT
// Any bytes as a file for the conformance program: they end in an Outcome, or in an error of the
// file.
#include <cstdint>
#include <optional>
#include <string>

#include "conformance/geometries.hpp"
#include "conformance/input.hpp"
#include "conformance/line.hpp"
#include "conformance/outcome.hpp"
#include "conformance/replay_file.hpp"
#include "fuzz/scratch_folder.hpp"
#include "fuzz/target.hpp"

namespace {

using conformance::Input;
using conformance::Line;
using conformance::Outcome;
using pageblock::test::require;

// Zones of millions of pages are allowed, and each costs as much time as a thousand small ones. Not
// so those beyond every limit, which must be refused.
bool has_large_zone(Input input) {
  constexpr std::uint64_t large = std::uint64_t{1} << 15;
  while (const auto text = input.next_line()) {
    if (!text->starts_with("zone ")) continue;
    try {
      const std::uint64_t pages = Line{*text}.number("pages");
      if (pages > large && pages <= conformance::most_pages) return true;
    } catch (const conformance::BadLine&) {
    }
  }
  return false;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pageblock::test::ScratchFolder folder;
  const std::string file = folder.write("vector", pageblock::test::as_text(data, size)).string();
  if (has_large_zone(Input{file})) return 0;

  Input input{file};
  const Outcome outcome = conformance::replay_file(input);
  require(outcome.operations <= input.line_number(), "more operations than lines");
  require(outcome.hashes <= outcome.operations, "more hashes than operations");
  require(outcome.difference.empty() || outcome.difference.starts_with("line ") ||
              outcome.difference == "the file has no geom line",
          "a difference without a line:", outcome.difference);
  return 0;
}
