// SPDX-License-Identifier: MIT
// What a program prints has to arrive: on a full disk, or where nobody listens, it ends with 1 instead
// of its own status. Whatever links this file is checked, without a word in its main().
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <system_error>

namespace {

struct OutputCheck {
  // Made before main(), so it is destroyed behind everything that main() has printed.
  ~OutputCheck() {
    std::cout.flush();
    errno = 0;
    const bool failed_before = std::ferror(stdout) != 0 || !std::cout;
    if (std::fflush(stdout) == 0 && !failed_before) return;
    const std::string why = errno == 0 ? "" : ": " + std::generic_category().message(errno);
    std::fprintf(stderr, "the output cannot be written%s\n", why.c_str());
    std::fflush(nullptr);
    std::_Exit(EXIT_FAILURE);
  }
} const output_check;

}  // namespace
