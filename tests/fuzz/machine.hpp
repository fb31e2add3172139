// SPDX-License-Identifier: MIT
/// A machine's files as one short text, from which a fuzz target makes the files.
///
///     === zoneinfo
///     Node 0, zone DMA32
///     ...
///     === kpageflags         a line for each run of equal words: the word, hexadecimal, and how
///     400 512                many pages have it
///     20 1
///     === kpagecount
///     0 513
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "pageblock/io/snapshot/snapshot.hpp"

namespace pageblock::test {

/// Takes the first line of @p text, without its end.
inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// Writes runs out into words, for at most 2^14 pages. What is no number counts as 0.
[[nodiscard]] inline std::string words_of(std::string_view runs) {
  constexpr std::uint64_t most_words = std::uint64_t{1} << 14;
  std::string words;
  while (!runs.empty()) {
    const std::string_view line = take_line(runs);
    const char* const end = line.data() + line.size();
    std::uint64_t word = 0;
    std::uint64_t length = 0;
    const char* stop = std::from_chars(line.data(), end, word, 16).ptr;
    while (stop != end && *stop == ' ') ++stop;
    std::from_chars(stop, end, length);
    const std::uint64_t room = most_words - words.size() / sizeof(word);
    for (length = std::min(length, room); length != 0; --length) {
      words.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
  }
  return words;
}

/// Makes the files. One that is not mentioned is empty, or not there if it may be missing.
[[nodiscard]] inline SnapshotFiles files_of(std::string_view text) {
  constexpr std::string_view mark = "=== ";
  SnapshotFiles files;
  files.kpageflags = PageWords{"kpageflags"};
  files.kpagecount = PageWords{"kpagecount"};
  files.zoneinfo.name = "zoneinfo";
  while (!text.empty()) {
    const std::string_view title = take_line(text);
    if (!title.starts_with(mark)) continue;
    std::size_t end = text.starts_with(mark) ? 0 : text.find("\n=== ");
    end = end == std::string_view::npos ? text.size() : end == 0 ? 0 : end + 1;
    const std::string_view content = text.substr(0, end);
    text.remove_prefix(end);
    const std::string name{title.substr(mark.size())};
    if (name == "zoneinfo") files.zoneinfo.content = content;
    if (name == "kpageflags") files.kpageflags.append(words_of(content));
    if (name == "kpagecount") files.kpagecount.append(words_of(content));
    if (name == "buddyinfo") files.buddyinfo = {name, std::string{content}};
    if (name == "pagetypeinfo") files.pagetypeinfo = {name, std::string{content}};
    if (name == "memory_blocks") files.memory_blocks = {name, std::string{content}};
    if (name == "iomem") files.iomem = {name, std::string{content}};
    if (name == "version") files.version = {name, std::string{content}};
  }
  return files;
}

}  // namespace pageblock::test
