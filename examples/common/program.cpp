// SPDX-License-Identifier: MIT
#include "common/program.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <limits>
#include <new>
#include <numeric>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/base/version.hpp"

namespace example {
namespace {

// How many letters have to be changed, left out or put in to make one word of the other.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// Breaks a text at blanks, so that no line is longer than the page. Line breaks in it stay.
std::string wrapped(std::string_view text, std::size_t indent) {
  constexpr std::size_t columns = 80;
  const std::string margin(indent, ' ');
  std::string result;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    if (column != indent && column + 1 + end > columns) {
      result += '\n' + margin;
      column = indent;
    } else if (column != indent) {
      result += ' ';
      ++column;
    }
    result += text.substr(0, end);
    column += end;
    if (end < text.size() && text[end] == '\n') {
      result += '\n';
      if (end + 1 < text.size() && text[end + 1] != '\n') result += margin;
      column = indent;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::array<std::string_view, 6> units{"", "k", "m", "g", "t", "p"};
  const char* const end = text.data() + text.size();
  double number = 0;
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (parsed.ec != std::errc{} || !(number >= 0)) return std::nullopt;
  std::string unit{parsed.ptr, end};
  std::ranges::transform(unit, unit.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  if (unit.ends_with('b')) unit.pop_back();
  if (unit.size() == 2 && unit.ends_with('i')) unit.pop_back();
  const auto* const found = std::ranges::find(units, unit);
  if (found == units.end()) return std::nullopt;
  const double bytes = std::ldexp(number, static_cast<int>(10 * (found - units.begin())));
  if (bytes >= std::ldexp(1.0, 64)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

struct Program::Parser {
  explicit Parser(Texts given) : texts{std::move(given)} {}

  Texts texts;
  CLI::App app{};
  std::vector<std::string> operands{};
  std::vector<std::string>* wanted = nullptr;
  bool are_paths = false;

  CLI::Option& add(const std::string& name, const std::string& placeholder,
                   std::function<void(const std::string&)> take, const std::string& help) {
    return *app.add_option_function<std::string>(name, std::move(take), help)
                ->type_name(placeholder)
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }

  // "unknown option '--jsn': did you mean '--json'?"
  [[nodiscard]] std::string unknown(const std::string& argument) const {
    const std::string name = argument.substr(0, argument.find('='));
    std::string best;
    std::size_t least = std::max<std::size_t>(3, name.size() / 3 + 1);
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& known : option->get_lnames()) {
        const std::string candidate = "--" + known;
        const std::size_t away =
            name.size() > 3 && candidate.starts_with(name) ? 1 : distance(name, candidate);
        if (away >= least) continue;
        least = away;
        best = candidate;
      }
    }
    return fmt::format("unknown option '{}'{}", argument,
                       best.empty() ? "" : fmt::format(": did you mean '{}'?", best));
  }
};

Program::Program(Texts texts) : parser_{std::make_unique<Parser>(std::move(texts))} {
  CLI::App& app = parser_->app;
  app.allow_extras();
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag(
      "--version",
      fmt::format("{} {}.{}.{} (pageblock)", parser_->texts.name, PAGEBLOCK_VERSION_MAJOR,
                  PAGEBLOCK_VERSION_MINOR, PAGEBLOCK_VERSION_PATCH),
      "show the version");
}
Program::~Program() = default;

void Program::flag(const std::string& name, bool& value, const std::string& help) {
  parser_->app.add_flag(name, value, help)->disable_flag_override();
}

void Program::option(const std::string& name, const std::string& placeholder, std::string& value,
                     const std::string& help) {
  const auto take = [name, &value](const std::string& text) {
    if (text.empty()) throw UsageError{name + " needs a value"};  // not as if it were not there
    value = text;
  };
  parser_->add(name, placeholder, take, help);
}

void Program::options(const std::string& name, const std::string& placeholder,
                      std::vector<std::string>& values, const std::string& help) {
  const auto take = [&values](const std::vector<std::string>& texts) { values = texts; };
  parser_->app.add_option_function<std::vector<std::string>>(name, take, help)
      ->type_name(placeholder)
      ->allow_extra_args(false);
}

void Program::choice(const std::string& name, const std::vector<std::string>& choices,
                     std::string& value, const std::string& help) {
  const auto take = [=, &value](const std::string& text) {
    if (std::ranges::find(choices, text) == choices.end()) {
      throw UsageError{fmt::format("{} is {}, not '{}'", name, fmt::join(choices, " or "), text)};
    }
    value = text;
  };
  parser_->add(name, fmt::format("{}", fmt::join(choices, "|")), take, help);
}

void Program::number(const std::string& name, const std::string& placeholder,
                     std::optional<std::uint64_t>& value, std::uint64_t least, std::uint64_t most,
                     const std::string& help) {
  const auto take = [=, &value](const std::string& text) {
    std::uint64_t parsed = 0;
    const char* const end = text.data() + text.size();
    const auto [behind, error] = std::from_chars(text.data(), end, parsed);
    if (error != std::errc{} || behind != end || parsed < least || parsed > most) {
      const bool is_bounded = most != std::numeric_limits<std::uint64_t>::max() ||
                              error == std::errc::result_out_of_range;
      const std::string range =
          is_bounded ? fmt::format("{} to {}", least, most) : fmt::format("{} or more", least);
      throw UsageError{fmt::format("{} is a whole number, {}, not '{}'", name, range, text)};
    }
    value = parsed;
  };
  parser_->add(name, placeholder, take, help);
}

void Program::size(const std::string& name, std::optional<std::uint64_t>& bytes,
                   const std::string& help) {
  const auto take = [=, &bytes](const std::string& text) {
    bytes = parse_size(text);
    if (!bytes) {
      throw UsageError{fmt::format("{} is a size such as 512M or 1.5GiB, not '{}'", name, text)};
    }
  };
  parser_->add(name, "SIZE", take, help);
}

void Program::operands(std::vector<std::string>& values) {
  parser_->wanted = &values;
  parser_->app.add_option("operands", parser_->operands)->group("");
}

void Program::paths(std::vector<std::string>& values) {
  operands(values);
  parser_->are_paths = true;
}

std::string Program::help() const {
  const Texts& texts = parser_->texts;
  std::string text;
  for (const std::string& line : texts.usage) {
    text += fmt::format("{:6} {} {}\n", text.empty() ? "Usage:" : "", texts.name, line);
  }
  text += fmt::format("\n{}\n\nOptions:\n", wrapped(texts.about, 0));
  struct Row {
    std::string name;
    std::string help;
  };
  std::vector<Row> rows;
  std::vector<Row> last;  // what every program has
  for (const CLI::Option* option : parser_->app.get_options()) {
    if (option->get_positional()) continue;
    std::string name;
    for (const std::string& letter : option->get_snames()) name += fmt::format("-{}, ", letter);
    for (const std::string& word : option->get_lnames()) name += fmt::format("--{}", word);
    const bool takes_value = option->get_items_expected_max() != 0;
    if (takes_value) name += " " + option->get_type_name();
    const bool is_common = name == "-h, --help" || name == "--version";
    (is_common ? last : rows).push_back({name, option->get_description()});
  }
  rows.insert(rows.end(), last.begin(), last.end());
  constexpr std::size_t indent = 26;
  for (const Row& row : rows) {
    const std::string help = wrapped(row.help, indent);
    if (row.name.size() + 4 > indent) {
      text += fmt::format("  {}\n{:{}}{}\n", row.name, "", indent, help);
    } else {
      text += fmt::format("  {:{}}{}\n", row.name, indent - 2, help);
    }
  }
  if (!texts.more.empty()) text += fmt::format("\n{}\n", wrapped(texts.more, 0));
  return text;
}

int Program::run(int argc, const char* const* argv, const std::function<int()>& body) {
  const std::string& name = parser_->texts.name;
  const auto complain = [&](std::string_view what, int status) {
    fmt::print(stderr, "{}: {}\n", name, what);
    return status;
  };
  try {
    parser_->app.parse(argc, argv);
    bool are_operands = false;
    for (const std::string& extra : parser_->app.remaining()) {
      if (std::exchange(are_operands, are_operands || extra == "--") != are_operands) continue;
      const bool is_option = !are_operands && extra.size() > 1 && extra.starts_with('-');
      throw UsageError{is_option ? parser_->unknown(extra)
                                 : fmt::format("nothing is known of '{}'", extra)};
    }
    if (std::ranges::find(parser_->operands, "") != parser_->operands.end()) {
      throw UsageError{"an argument is empty"};
    }
    for (const std::string& path : parser_->operands) {
      if (!parser_->are_paths || path == "-" || access(path.c_str(), R_OK) == 0) continue;
      throw UsageError{fmt::format("{}: {}", path, std::generic_category().message(errno))};
    }
    if (parser_->wanted != nullptr) *parser_->wanted = parser_->operands;
    return body();
  } catch (const CLI::CallForHelp&) {
    print_text(help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    print_text(parser_->app.version() + "\n");
    return 0;
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string_view text = error.what();
    const bool is_flag = text.find("flag override") != std::string_view::npos;
    const std::string_view option = text.substr(0, text.find_first_of(": "));
    return complain(fmt::format("--{} {}", option.substr(option.find_first_not_of('-')),
                                is_flag ? "takes no value" : "needs a value"),
                    2);
  } catch (const CLI::ParseError& error) {
    return complain(error.what(), 2);
  } catch (const UsageError& error) {
    return complain(error.text, 2);
  } catch (const std::bad_alloc&) {
    return complain("there is not enough memory", 1);
  } catch (const std::exception& error) {  // a reader's, or of a folder that changes meanwhile
    return complain(error.what(), 1);
  }
}

bool wants_color(std::string_view when) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         term != nullptr && std::string_view{term} != "dumb";
}

void print_text(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void write_file(const std::string& name, std::string_view text) {
  std::ofstream stream{name, std::ios::binary};
  stream << text;
  stream.close();
  if (!stream) {
    throw std::runtime_error{fmt::format("{}: {}", name, std::generic_category().message(errno))};
  }
}

}  // namespace example
