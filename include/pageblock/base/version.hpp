// SPDX-License-Identifier: MIT
/// The version of the library, and what it asks of a compiler. The one header with macros and #if.
///
/// Layer:  base.
/// Kernel: none.
#pragma once

#include <string_view>

// A header that cannot be found ends the compilation, with one line; after #error it would go on.
#if __cplusplus < 202002L
#include <pageblock needs C++20 or later: compile with -std=c++20>
#elif !defined(__cpp_exceptions)
#include <pageblock needs exceptions: compile without -fno-exceptions>
#endif

// The version stands here and nowhere else: CMake reads these three lines. While it begins with 0,
// MINOR counts up when a program may have to change, and when a pfn, a result or a trace changes;
// the change log lists each such change. PATCH counts up for everything else.
#define PAGEBLOCK_VERSION_MAJOR 0
#define PAGEBLOCK_VERSION_MINOR 2
#define PAGEBLOCK_VERSION_PATCH 0

#define PAGEBLOCK_TEXT_OF(major, minor, patch) #major "." #minor "." #patch
#define PAGEBLOCK_TEXT(major, minor, patch) PAGEBLOCK_TEXT_OF(major, minor, patch)

namespace pageblock {

/// The version of the library as text, such as "1.2.3".
inline constexpr std::string_view library_version =
    PAGEBLOCK_TEXT(PAGEBLOCK_VERSION_MAJOR, PAGEBLOCK_VERSION_MINOR, PAGEBLOCK_VERSION_PATCH);

}  // namespace pageblock

#undef PAGEBLOCK_TEXT
#undef PAGEBLOCK_TEXT_OF
