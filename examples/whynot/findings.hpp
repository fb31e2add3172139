// SPDX-License-Identifier: MIT
/// What whynot finds in its input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pageblock/io/log/allocation_reports.hpp"
#include "pageblock/io/log/cma_log.hpp"
#include "pageblock/io/log/page_dump.hpp"
#include "pageblock/io/text/buddyinfo_reader.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/page_owner.hpp"
#include "pageblock/io/text/pagetypeinfo_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"
#include "pageblock/io/text/zoneinfo.hpp"

namespace example {

/// "PFNs busy".
struct BusyRange {
  pageblock::PfnRange range;
};

/// The owners of pages, of one dump.
struct PageOwners {
  std::vector<pageblock::PageOwnerGroup> groups;
};

/// One table of a series.
using BuddyInfo = std::vector<pageblock::BuddyInfoRow>;
using ZoneTable = std::vector<pageblock::ZoneInfo>;

/// Something that was found, and where.
struct Finding {
  std::string file;
  std::size_t line = 0;
  /// The time in front of it, or the date above it; empty if the text has none.
  std::string time;
  std::variant<pageblock::AllocationReport, pageblock::CmaReport, BusyRange, pageblock::PageDump,
               pageblock::OfflineFailure, PageOwners, BuddyInfo, pageblock::PageTypeInfo, ZoneTable>
      what;
};

/// A file that was looked through.
struct SearchedFile {
  std::string name;
  std::size_t nr_lines = 0;
  /// Lines that belong to nothing that was found.
  pageblock::SkippedLines skipped{};
};

struct Findings {
  /// In the order of the files and their lines.
  std::vector<Finding> found;
  std::vector<SearchedFile> files;
  /// The last kernel that a text names, such as "5.13.0-rc5".
  std::string release;
  /// What cannot be meant, with file and line.
  std::vector<std::string> errors;
};

/// Looks through a text and adds what it finds.
void search(const pageblock::InputFile& file, Findings& findings);

}  // namespace example
