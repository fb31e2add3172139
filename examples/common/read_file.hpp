// SPDX-License-Identifier: MIT
/// Reading files that are plain or compressed with xz.
#pragma once

#include <filesystem>

#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// Returns the content of a file, decompressed if its name ends in ".xz". Throws ParseError with
/// the name and, for a damaged file, the offset in it.
[[nodiscard]] pageblock::InputFile read_file(const std::filesystem::path& path);

}  // namespace example
