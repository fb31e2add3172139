// SPDX-License-Identifier: MIT
/// What files with pictures need: texts as markup and JSON have them, and the file itself.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// Returns a text as it stands in SVG and HTML.
[[nodiscard]] inline std::string markup_text(std::string_view text) {
  std::string escaped;
  for (const char byte : text) {
    switch (byte) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      default:
        escaped += byte;
    }
  }
  return escaped;
}

/// Returns a JSON string, with its quotes, that may also stand in a script of a page.
[[nodiscard]] inline std::string json_string(std::string_view text) {
  std::string escaped = "\"";
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == '"' || byte == '\\') {
      escaped += '\\';
      escaped += byte;
    } else if (code < 0x20 || byte == '<') {
      escaped += fmt::format("\\u{:04x}", code);
    } else {
      escaped += byte;
    }
  }
  return escaped + '"';
}

/// Writes a file. Throws std::system_error that names it.
inline void write_file(const std::string& name, std::string_view bytes) {
  const auto fail = [&](int error) {
    throw std::system_error{error, std::generic_category(), name};
  };
  std::FILE* const file = std::fopen(name.c_str(), "wb");
  if (file == nullptr) fail(errno);
  const bool is_written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const int error = errno;
  if (std::fclose(file) != 0 || !is_written) fail(is_written ? errno : error);
}

}  // namespace pageblock::detail
