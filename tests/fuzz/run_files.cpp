// SPDX-License-Identifier: MIT
// Runs a fuzz target once on every file given, or in a folder given: the corpus as a test, for builds
// without libFuzzer.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz/target.hpp"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const char* name : std::vector<const char*>(argv + 1, argv + argc)) {
    if (!fs::is_directory(name)) {
      files.emplace_back(name);
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator{name}) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    // Before, because a finding ends the program: then this is the last line.
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    std::ifstream stream{file, std::ios::binary};
    const std::vector<char> bytes{std::istreambuf_iterator<char>{stream}, {}};
    if (stream.bad() || !fs::is_regular_file(file)) {
      std::fprintf(stderr, "%s cannot be read\n", file.c_str());
      return 1;
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
