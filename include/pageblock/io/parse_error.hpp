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

namespace pageblock {

/// The one exception of the readers: what() names the file, the place and the fault, for example
/// "zoneinfo:12: no number behind 'spanned'" or "kpageflags: byte 4096: the file ends here".
class ParseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file as it was read, uncompressed. Readers take the whole of it, so they need no system calls
/// and tests need no files.
struct InputFile {
  /// How the user knows it; it stands in front of every complaint.
  std::string name;
  std::string content;

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
