// SPDX-License-Identifier: MIT
/// Finds the files of a folder by what they are, whatever their endings.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// Reads a file, and decompresses it where it has to. Throws ParseError.
using InputReader = std::function<InputFile(const std::filesystem::path&)>;

/// Reads a file as it is. Throws ParseError.
[[nodiscard]] inline InputFile read_plain_file(const std::filesystem::path& path) {
  InputFile file{path.string(), {}};
  std::ifstream stream{path, std::ios::binary};
  if (!stream) throw file.error(std::generic_category().message(errno));
  file.content.assign(std::istreambuf_iterator<char>{stream}, {});
  if (stream.bad()) throw file.error("it cannot be read");
  return file;
}

/// A folder in which "zoneinfo" may as well be zoneinfo.txt, zoneinfo.xz or zoneinfo.txt.gz.
class InputFolder {
 public:
  /// Throws ParseError if there is no such folder. @p read decompresses what is found; without it,
  /// files have to be plain.
  explicit InputFolder(std::filesystem::path path, InputReader read = read_plain_file)
      : path_{std::move(path)}, read_{std::move(read)} {
    std::error_code error;
    if (!std::filesystem::is_directory(path_, error)) {
      throw ParseError{
          fmt::format("{}: {}", path_.string(), error ? error.message() : "this is no folder")};
    }
  }

  /// Returns the folder.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Returns where the first is that there is of the file's names; nothing if there is none.
  [[nodiscard]] std::optional<std::filesystem::path> find_path(std::string_view stem) const {
    constexpr std::array<std::string_view, 8> endings{"",     ".gz",     ".xz",     ".zst",
                                                      ".txt", ".txt.gz", ".txt.xz", ".txt.zst"};
    for (const std::string_view ending : endings) {
      const std::filesystem::path file = path_ / fmt::format("{}{}", stem, ending);
      std::error_code error;
      if (std::filesystem::exists(file, error) || error) return file;
    }
    return std::nullopt;
  }
  /// Returns the path of the file @p stem; throws ParseError if there is none.
  [[nodiscard]] std::filesystem::path demand_path(std::string_view stem) const {
    if (auto path = find_path(stem)) return std::move(*path);
    throw ParseError{
        fmt::format("{}: there is no {} (nor {}.txt; each may end in .gz, .xz or .zst)",
                    path_.string(), stem, stem)};
  }

  /// Returns the file itself; nothing, or a ParseError, if there is none.
  [[nodiscard]] std::optional<InputFile> find(std::string_view stem) const {
    if (const auto path = find_path(stem)) return read_(*path);
    return std::nullopt;
  }
  /// Reads the file @p stem; throws ParseError if there is none.
  [[nodiscard]] InputFile demand(std::string_view stem) const { return read_(demand_path(stem)); }

  /// Returns a folder in this one; nothing if there is none.
  [[nodiscard]] std::optional<InputFolder> folder(std::string_view name) const {
    std::error_code error;
    if (!std::filesystem::is_directory(path_ / name, error)) return std::nullopt;
    return InputFolder{path_ / name, read_};
  }

 private:
  std::filesystem::path path_;
  InputReader read_;
};

}  // namespace pageblock
