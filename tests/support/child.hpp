// SPDX-License-Identifier: MIT
/// Calls that end the program.
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace pageblock::test {

/// How a process ended, and what it wrote to standard error.
struct ChildEnd {
  int exit_code;
  std::string errors;
};

/// The exit code of a program that std::terminate() ended.
inline constexpr int terminated = 42;

/// Runs @p call in a process of its own.
template <typename Call>
[[nodiscard]] ChildEnd run_in_child(Call call) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    std::set_terminate([] { _exit(terminated); });
    call();
    _exit(0);
  }
  close(ends[1]);
  ChildEnd end{};
  std::array<char, 256> buffer{};
  for (ssize_t n = 0; (n = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    end.errors.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return end;
}

}  // namespace pageblock::test
