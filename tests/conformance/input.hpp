// SPDX-License-Identifier: MIT
/// Lines of a file that is plain, gzip or standard input.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct gzFile_s;

namespace conformance {

/// How much is read, so that a small archive of a huge file ends in a message. Memory is bounded by the
/// longest line.
struct InputLimits {
  std::uint64_t line = std::uint64_t{1} << 20;   ///< Bytes of a line.
  std::uint64_t total = std::uint64_t{1} << 30;  ///< Bytes of a file, decompressed.
};

/// Reads a file line by line. zlib passes plain files through.
class Input {
 public:
  /// Opens @p path, or standard input for "-". Check error() afterwards.
  explicit Input(const std::string& path, const InputLimits& limits = {});

  /// Returns the next line without its end, or nothing at the end or after an error. It is valid
  /// until the next call.
  std::optional<std::string_view> next_line();

  /// Returns why the file cannot be read; empty if it can.
  [[nodiscard]] const std::string& error() const { return error_; }

  /// Returns the number of the line that next_line() returned last, from 1.
  [[nodiscard]] std::uint64_t line_number() const { return line_number_; }

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };

  bool fill();
  void fail(std::string why);

  InputLimits limits_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t nr_read_ = 0;
  bool at_end_ = false;
  std::string error_;
  std::uint64_t line_number_ = 0;
};

}  // namespace conformance
