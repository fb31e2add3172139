/// Reading files that are plain or compressed with xz.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// Returns the content of a file, decompressed if its name ends in ".xz". Throws ParseError with
/// the name and, for a damaged file, the offset in it.
[[nodiscard]] pageblock::InputFile read_file(const std::filesystem::path& path);

/// Returns the first that there is of "stem", "stem.xz", "stem.txt" and "stem.txt.xz" in a folder;
/// nothing, or a ParseError, if there is none.
[[nodiscard]] std::optional<pageblock::InputFile> read_one_of(const std::filesystem::path& folder,
                                                              std::string_view stem);
[[nodiscard]] pageblock::InputFile demand_one_of(const std::filesystem::path& folder,
                                                 std::string_view stem);

/// Throws ParseError if there is no such folder.
void demand_folder(const std::filesystem::path& folder);

}  // namespace example
