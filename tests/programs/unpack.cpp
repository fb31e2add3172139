// SPDX-License-Identifier: MIT
// unpack FILE: prints what a file is when it is decompressed.
#include <exception>

#include <fmt/format.h>

#include "common/program.hpp"
#include "common/read_file.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    example::print_text(example::read_file(argv[1]).content);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "unpack: {}\n", error.what());
    return 1;
  }
}
