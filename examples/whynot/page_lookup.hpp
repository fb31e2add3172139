// SPDX-License-Identifier: MIT
/// What single pages are, by a snapshot beside the log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// The pages of a range, by what they are.
struct PagesOfRange {
  struct Stuck {
    pageblock::Pfn pfn;
    pageblock::PageKind kind;
  };
  std::map<pageblock::PageKind, std::uint64_t> counts;
  /// The first that cannot move, or of which nobody knows.
  std::vector<Stuck> stuck;
};

/// /proc/kpageflags of a snapshot.
class PageLookup {
 public:
  explicit PageLookup(pageblock::InputFile kpageflags) : file_{std::move(kpageflags)} {}

  [[nodiscard]] const std::string& name() const { return file_.name; }

  /// Returns the pages of a range; those behind the file's end are left out.
  [[nodiscard]] PagesOfRange look_up(const pageblock::PfnRange& range) const;

 private:
  pageblock::InputFile file_;
};

}  // namespace example
