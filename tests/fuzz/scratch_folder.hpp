// SPDX-License-Identifier: MIT
/// A folder for inputs that have to be files.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "fuzz/target.hpp"

namespace pageblock::test {

/// A new folder in the system's folder for such things ($TMPDIR), removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pageblock-fuzz-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "cannot make", name);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Writes a file and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    const std::filesystem::path file = path_ / name;
    std::ofstream stream{file, std::ios::binary};
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    require(stream.flush().good(), "cannot write", file.string());
    return file;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace pageblock::test
