// SPDX-License-Identifier: MIT
/// What is wrong with an input, and where in it.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// The one exception of the readers: what() names the file, the place and the fault, for example
/// "zoneinfo:12: no number behind 'spanned'" or "kpageflags: byte 4096: the file ends here".
class ParseError : public std::runtime_error {
 public:
  /// Bytes of the input that would not show, or would move a terminal's cursor, are written as
  /// `\\xNN`. Of a long text, as when a binary file is taken for a table, the middle is left out.
  explicit ParseError(std::string_view what) : std::runtime_error{printable(shortened(what))} {}

 private:
  // The place is at the start, the fault at the end.
  [[nodiscard]] static std::string shortened(std::string_view what) {
    constexpr std::size_t half = 240;
    if (what.size() <= 2 * half) return std::string{what};
    return fmt::format("{} ... {}", what.substr(0, half), what.substr(what.size() - half));
  }
  [[nodiscard]] static std::string printable(std::string_view what) {
    std::string text;
    for (const char byte : what) {
      const auto code = static_cast<unsigned char>(byte);
      if (code < 0x20 || code == 0x7f) {
        text += fmt::format("\\x{:02x}", code);
      } else {
        text += byte;
      }
    }
    return text;
  }
};

/// A file as it was read, uncompressed. Readers take the whole of it, so they need no system calls
/// and tests need no files.
struct InputFile {
  /// How the user knows it; it stands in front of every complaint.
  std::string name;
  std::string content;  ///< What is in it.
  /// The number of the first line, where this is only a part of a file.
  std::size_t first_line = 1;

  /// Returns the name without the folders.
  [[nodiscard]] std::string base_name() const { return name.substr(name.find_last_of('/') + 1); }

  /// Returns the error that @p fault lies in line @p line, counted from 1.
  [[nodiscard]] ParseError error_at_line(std::size_t line, std::string_view fault) const {
    return ParseError{fmt::format("{}:{}: {}", name, line, fault)};
  }

  /// Returns the error that @p fault lies at the offset @p byte of the uncompressed file.
  [[nodiscard]] ParseError error_at_byte(std::size_t byte, std::string_view fault) const {
    return ParseError{fmt::format("{}: byte {}: {}", name, byte, fault)};
  }

  /// Returns the error that @p fault concerns the file as a whole.
  [[nodiscard]] ParseError error(std::string_view fault) const {
    return ParseError{fmt::format("{}: {}", name, fault)};
  }
};

}  // namespace pageblock
