// SPDX-License-Identifier: MIT
/// What the kernel's log says about pages that stood in the way.
///
/// Layer:  io.
/// Kernel: dump_page() (mm/debug.c).
#pragma once

#include <string_view>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// A page that the log shows, since it stood in the way.
struct DumpedPage {
  Pfn pfn;  ///< The page that was dumped.
  /// Found by the search for unmovable pages; otherwise it could not be migrated.
  bool is_unmovable = false;
};

/// Reads a log (dmesg), from the first page to the last: "page:... pfn:0x11000", and some lines below
/// "page dumped because: unmovable page". Throws ParseError.
[[nodiscard]] inline std::vector<DumpedPage> parse_dumped_pages(const InputFile& log) {
  constexpr std::string_view pfn_key = " pfn:0x";
  constexpr std::string_view reason_key = "page dumped because: ";
  std::vector<DumpedPage> pages;
  LineReader reader{log};
  Pfn last{};
  while (reader.next_line()) {
    const std::string_view line = reader.line();
    if (const auto at = line.find(pfn_key); at != std::string_view::npos) {
      const std::string_view digits = line.substr(at + pfn_key.size());
      last = Pfn{reader.to_number(digits.substr(0, digits.find(' ')), "pfn", 16)};
    } else if (const auto why = line.find(reason_key); why != std::string_view::npos) {
      const std::string_view reason = line.substr(why + reason_key.size());
      if (reason == "unmovable page") pages.push_back({last, true});
      if (reason == "migration failure") pages.push_back({last, false});
    }
  }
  return pages;
}

}  // namespace pageblock
