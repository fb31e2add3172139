// SPDX-License-Identifier: MIT
#include "pageblock/io/text/input_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::input_folder_cases {

namespace {

namespace fs = std::filesystem;

/// A folder that is removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "pageblock-folder-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void write(std::string_view name, std::string_view content) const {
    std::ofstream stream{path / name, std::ios::binary};
    stream << content;
    REQUIRE(stream.flush().good());
  }

  fs::path path;
};

}  // namespace

TEST_CASE("InputFolder finds a file whatever its ending, the plain one first", "[input_folder]") {
  const Scratch scratch;
  scratch.write("zoneinfo.txt.xz", "third");
  CHECK(InputFolder{scratch.path}.demand("zoneinfo").content == "third");
  scratch.write("zoneinfo.gz", "second");
  CHECK(InputFolder{scratch.path}.demand("zoneinfo").content == "second");
  scratch.write("zoneinfo", "first");
  const InputFile file = InputFolder{scratch.path}.demand("zoneinfo");
  CHECK(file.content == "first");
  CHECK(file.base_name() == "zoneinfo");
  CHECK_FALSE(InputFolder{scratch.path}.find("buddyinfo"));
}

TEST_CASE("InputFolder reads through the function that it is given", "[input_folder]") {
  const Scratch scratch;
  scratch.write("trace.zst", "compressed");
  const InputFolder folder{scratch.path, [](const fs::path& path) {
                             return InputFile{path.string(), "plain"};
                           }};
  CHECK(folder.demand("trace").content == "plain");
  fs::create_directory(scratch.path / "before");
  fs::rename(scratch.path / "trace.zst", scratch.path / "before" / "iomem.zst");
  CHECK_FALSE(folder.folder("after"));
  REQUIRE(folder.folder("before"));
  CHECK(folder.folder("before")->demand("iomem").content == "plain");
}

TEST_CASE("InputFolder says what is missing", "[input_folder]") {
  const Scratch scratch;
  const std::string name = scratch.path.string();
  CHECK(fault_in([&] { return InputFolder{scratch.path}.demand("zoneinfo"); }) ==
        name + ": there is no zoneinfo (nor zoneinfo.txt; each may end in .gz, .xz or .zst)");
  CHECK(fault_in([&] { return InputFolder{scratch.path / "none"}; }) ==
        name + "/none: No such file or directory");
  scratch.write("file", "");
  CHECK(fault_in([&] { return InputFolder{scratch.path / "file"}; }) ==
        name + "/file: this is no folder");
  CHECK(fault_in([&] { return read_plain_file(scratch.path / "none"); }) ==
        name + "/none: No such file or directory");
}

}  // namespace pageblock::test::input_folder_cases
