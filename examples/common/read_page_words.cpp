// SPDX-License-Identifier: MIT
#include "common/read_page_words.hpp"

#include <string_view>

namespace example {

using pageblock::PageWords;

PageWords read_page_words(const FileReader& reader, const std::filesystem::path& path) {
  PageWords words{path.string()};
  reader.stream(path, [&](std::string_view piece) {
    words.append(piece);
    if (words.nr_bytes() <= reader.limit()) return;
    throw reader.beyond_limit({path.string(), {}});
  });
  words.finish();
  return words;
}

}  // namespace example
