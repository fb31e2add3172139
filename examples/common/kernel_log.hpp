/// What the kernel's log of a recording says about pages.
#pragma once

#include <filesystem>
#include <vector>

#include "pageblock/base/pfn.hpp"

namespace example {

/// A page that the log shows, since it stood in the way.
struct DumpedPage {
  pageblock::Pfn pfn;
  /// Found by the search for unmovable pages; otherwise it could not be migrated.
  bool is_unmovable = false;
};

/// Reads dmesg in the folder of a recording, from the first page to the last; the log may begin
/// before the recording. Nothing if there is no log. Throws ParseError.
[[nodiscard]] std::vector<DumpedPage> read_dumped_pages(const std::filesystem::path& recording);

}  // namespace example
