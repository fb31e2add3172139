#include "common/kernel_log.hpp"

#include <string_view>

#include "pageblock/io/text/line_reader.hpp"

#include "common/read_file.hpp"

namespace example {

using namespace pageblock;

// "page:... pfn:0x11000", and some lines below "page dumped because: unmovable page".
std::vector<DumpedPage> read_dumped_pages(const std::filesystem::path& recording) {
  constexpr std::string_view pfn_key = " pfn:0x";
  constexpr std::string_view reason_key = "page dumped because: ";
  std::vector<DumpedPage> pages;
  const auto log = read_one_of(recording, "dmesg");
  if (!log) return pages;
  LineReader reader{*log};
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

}  // namespace example
