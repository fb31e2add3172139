// SPDX-License-Identifier: MIT
/// Reading kpageflags and kpagecount, which need not be in memory as a whole.
#pragma once

#include <filesystem>

#include "pageblock/io/text/kpageflags.hpp"

#include "common/read_file.hpp"

namespace example {

/// Reads a file of words piece by piece. Only what differs from its neighbours counts towards the
/// reader's limit: a machine may have little memory at high addresses. Throws ParseError.
[[nodiscard]] pageblock::PageWords read_page_words(const FileReader& reader,
                                                   const std::filesystem::path& path);

}  // namespace example
