// SPDX-License-Identifier: MIT
/// Reading files that are plain, or compressed with gzip, xz or zstd.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <utility>

#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// Reads files. What is compressed is known by its first bytes, whatever the name.
class FileReader {
 public:
  /// What a file may become in memory. A machine of 256 GiB has this much in /proc/kpageflags.
  static constexpr std::uint64_t default_limit = std::uint64_t{512} << 20;

  FileReader() = default;
  explicit FileReader(std::uint64_t limit) : limit_{limit} {}

  [[nodiscard]] std::uint64_t limit() const { return limit_; }

  /// Returns the error that a file becomes more than the limit.
  [[nodiscard]] pageblock::ParseError beyond_limit(const pageblock::InputFile& file) const;

  /// Is told how many bytes of how many of a file have been read.
  using Progress = std::function<void(std::string_view name, std::uint64_t, std::uint64_t)>;
  void set_progress(Progress progress) { progress_ = std::move(progress); }

  /// Returns the content of a file, or of standard input for "-". Throws ParseError with the name
  /// and, for a damaged file, the offset in it; also for one that becomes more than the limit. What
  /// the kernel makes up in /proc and /sys has none.
  [[nodiscard]] pageblock::InputFile operator()(const std::filesystem::path& path) const;

  /// Gives the content to @p take, piece by piece; nothing of it is kept here, so there is no limit.
  void stream(const std::filesystem::path& path,
              const std::function<void(std::string_view)>& take) const;

 private:
  std::uint64_t limit_ = default_limit;
  Progress progress_;
};

/// Returns the content of a file, with the usual limit.
[[nodiscard]] inline pageblock::InputFile read_file(const std::filesystem::path& path) {
  return FileReader{}(path);
}

}  // namespace example
