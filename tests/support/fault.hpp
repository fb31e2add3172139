// SPDX-License-Identifier: MIT
/// What a reader complains about.
#pragma once

#include <concepts>
#include <string>

#include "pageblock/io/text/parse_error.hpp"

namespace pageblock::test {

/// Returns the text of the ParseError that @p read throws, or nothing if it throws none.
[[nodiscard]] std::string fault_in(std::invocable auto read) {
  try {
    static_cast<void>(read());
    return "";
  } catch (const ParseError& error) {
    return error.what();
  }
}

}  // namespace pageblock::test
