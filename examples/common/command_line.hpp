// SPDX-License-Identifier: MIT
/// The arguments of a program, and what its exit status says.
#pragma once

#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// Why the arguments make no sense.
struct UsageError {
  std::string text;
};

/// A program's arguments, looked at one after the other.
///
///     while (arguments.next()) {
///       if (arguments.is("--json")) {
///       } else if (const auto size = arguments.value_of("--memory")) {
///       } else {
///         path = arguments.operand();
class Arguments {
 public:
  Arguments(int argc, char** argv) : args_{argv + 1, argv + argc} {}

  /// Goes to the next one, and returns whether there is any.
  bool next() { return ++at_ <= args_.size(); }

  [[nodiscard]] bool is(std::string_view name) const { return current() == name; }

  /// Returns the value of "--name value" or "--name=value", or nothing if it is another argument.
  [[nodiscard]] std::optional<std::string_view> value_of(std::string_view name) {
    if (current().starts_with(name) && current().substr(name.size()).starts_with('=')) {
      return current().substr(name.size() + 1);
    }
    if (!is(name)) return std::nullopt;
    if (!next()) throw UsageError{fmt::format("{} needs a value", name)};
    return current();
  }

  /// Returns an argument that is no option.
  [[nodiscard]] std::string_view operand() const {
    if (current().starts_with('-') && current().size() > 1) {
      throw UsageError{fmt::format("unknown option '{}'", current())};
    }
    return current();
  }

 private:
  [[nodiscard]] std::string_view current() const { return args_[at_ - 1]; }

  std::vector<std::string_view> args_;
  std::size_t at_ = 0;
};

/// Returns the exit status: that of run(), 1 if it or its output failed, 2 if the arguments are wrong.
template <typename Run>
[[nodiscard]] int run_program(std::string_view name, std::string_view usage, Run run) {
  try {
    const int status = run();
    if (std::fflush(stdout) == 0) return status;
    fmt::print(stderr, "{}: the output cannot be written\n", name);
  } catch (const UsageError& error) {
    fmt::print(stderr, "{}: {}\n{}", name, error.text, usage);
    return 2;
  } catch (const pageblock::ParseError& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "{}: there is not enough memory\n", name);
  } catch (const std::exception& error) {  // a folder that changes while it is read, for example
    fmt::print(stderr, "{}: {}\n", name, error.what());
  }
  return 1;
}

}  // namespace example
