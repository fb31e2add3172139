// SPDX-License-Identifier: MIT
/// A program: its arguments, its help, and what its exit status says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace example {

/// Why the arguments make no sense.
struct UsageError {
  std::string text;
};

/// Returns the bytes of a size: "4096", "512k", "1g", "1GiB", "1.5G". Units are powers of 1024.
/// Nothing if it is none, or larger than 64 bits can say.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// Declares what a program takes, and runs it. Every program takes --help and --version as well.
///
///     example::Program program{{.name = "replay", .usage = {"FILE [OPTION]..."}, .about = "..."}};
///     program.flag("--json", json, "one JSON document instead of text");
///     return program.run(argc, argv, [&] { return replay(file, json) ? 0 : 1; });
class Program {
 public:
  struct Texts {
    std::string name;
    std::vector<std::string> usage;  ///< what may follow the name, a line each
    std::string about;               ///< what it does, in paragraphs
    std::string more{};              ///< behind the options, such as what the exit status says
  };

  explicit Program(Texts texts);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// What is true if the option is given.
  void flag(const std::string& name, bool& value, const std::string& help);
  /// An option with a value, which is not empty; @p placeholder stands for it in the help.
  void option(const std::string& name, const std::string& placeholder, std::string& value,
              const std::string& help);
  /// An option that may be given several times, each time with a value.
  void options(const std::string& name, const std::string& placeholder,
               std::vector<std::string>& values, const std::string& help);
  /// One of several words.
  void choice(const std::string& name, const std::vector<std::string>& choices, std::string& value,
              const std::string& help);
  /// A whole number from @p least to @p most.
  void number(const std::string& name, const std::string& placeholder,
              std::optional<std::uint64_t>& value, std::uint64_t least, std::uint64_t most,
              const std::string& help);
  /// A size: parse_size().
  void size(const std::string& name, std::optional<std::uint64_t>& bytes, const std::string& help);
  /// Further arguments. The usage says what they are.
  void operands(std::vector<std::string>& values);
  /// The same, of files and folders: one that cannot be read is a wrong argument. "-" is none.
  void paths(std::vector<std::string>& values);

  /// Reads the arguments and runs @p body. Returns the exit status: that of @p body; 1 if it throws,
  /// after its message; 2 if the arguments are wrong or it throws UsageError, after one line.
  /// Output that cannot be written makes any program end with 1: output_check.cpp.
  [[nodiscard]] int run(int argc, const char* const* argv, const std::function<int()>& body);

  [[nodiscard]] std::string help() const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// Returns whether the output wants colours: "always", "never", or "auto", which asks the terminal
/// and NO_COLOR.
[[nodiscard]] bool wants_color(std::string_view when);

/// Writes to standard output.
void print_text(std::string_view text);

/// Writes a file. Throws std::runtime_error if it cannot be written.
void write_file(const std::string& name, std::string_view text);

}  // namespace example
