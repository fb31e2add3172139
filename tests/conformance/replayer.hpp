// SPDX-License-Identifier: MIT
/// Replays one vector on a machine, and compares what it says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/input.hpp"
#include "conformance/line.hpp"
#include "conformance/machine.hpp"
#include "conformance/outcome.hpp"
#include "conformance/text.hpp"

namespace conformance {

class Replayer {
 public:
  Replayer(Machine& machine, bool has_events) : machine_{machine}, has_events_{has_events} {}

  /// Replays @p input from the line after `geom` on, to its end or the first difference.
  Outcome run(Input& input) {
    const ThrowOnViolation guard;
    while (const auto text = input.next_line()) {
      if (text->empty() || text->starts_with('#')) continue;
      try {
        read(*text, input);
      } catch (const BadLine& bad) {
        differ(concat("line ", input.line_number(), ": unreadable: ", bad.what()));
        return std::move(outcome_);
      }
      if (is_over_) break;
    }
    if (!is_over_) compare_events();
    return std::move(outcome_);
  }

 private:
  // After the first difference the file is replayed on, unseen, to the next dump, which shows where
  // the states differ.
  void differ(std::string what) {
    if (outcome_.difference.empty()) outcome_.difference = std::move(what);
  }
  [[nodiscard]] bool has_differed() const { return !outcome_.difference.empty(); }

  void read(std::string_view text, Input& input) {
    if (has_events_ && text.starts_with("> ")) {
      if (line_.empty()) throw BadLine{"an event before the first operation"};
      expected_.push_back(to_event(text.substr(2)));
      return;
    }
    compare_events();
    if (text == "dump") {
      compare_dump(input);
    } else if (text.starts_with('|')) {
      throw BadLine{"a dump line outside a dump"};
    } else {
      line_ = text;
      line_number_ = input.line_number();
      replay(Line{line_});
    }
  }

  void replay(const Line& line) {
    if (line.result().empty()) throw BadLine{"there is no result (\" -> r=...\")"};
    std::string result;
    std::string bug;
    try {
      result = machine_.run(line);
    } catch (const Bug& caught) {
      result = "BUG";
      bug = caught.reason;
    }
    line.check_all_used();
    got_ = machine_.take_events();
    if (has_differed()) return;

    if (line.result().substr(2) != result) {
      if (!bug.empty()) result += concat(" (", bug, ")");
      differ(concat(where(), "\n  expected result ", line.result().substr(2),
                    "\n  got result      ", result));
      return;
    }
    if (line.hash()) {
      if (!machine_.is_populated()) throw BadLine{"a hash before populate"};
      if (const std::uint64_t hash = machine_.hash(); *line.hash() != hash) {
        differ(concat(where(), "\n  expected hash ", hex(*line.hash()), "\n  got hash      ",
                      hex(hash)));
        return;
      }
      ++outcome_.hashes;
    }
    if (machine_.is_populated()) ++outcome_.operations;
  }

  [[nodiscard]] std::string where() const { return concat("line ", line_number_, ": ", line_); }

  [[nodiscard]] static Event to_event(std::string_view text) {
    const Line line{text};
    std::vector<std::pair<std::string, std::uint64_t>> arguments;
    line.for_each_argument([&](std::string_view key, std::string_view value) {
      arguments.emplace_back(key, to_number<std::uint64_t>(value));
    });
    return {line.op(), std::move(arguments)};
  }

  // Compares the events of the last operation. A file has events of all its operations or of none,
  // which shows at the first one.
  void compare_events() {
    if (!has_events_) return;
    const auto expected = std::exchange(expected_, {});
    const auto got = std::exchange(got_, {});
    if (expected.empty() && outcome_.events == 0) {
      if (!got.empty() && unmatched_.empty()) unmatched_ = differing(expected, got);
      return;
    }
    if (!unmatched_.empty()) differ(unmatched_);
    if (expected != got) differ(differing(expected, got));
    if (!has_differed()) outcome_.events += expected.size();
  }

  [[nodiscard]] std::string differing(const std::vector<Event>& expected,
                                      const std::vector<Event>& got) const {
    const auto [mine, theirs] = std::ranges::mismatch(got, expected);
    const auto to_text = [](const auto& at, const std::vector<Event>& all) -> std::string {
      if (at == all.end()) return "none";
      std::string text = at->name;
      for (const auto& [key, value] : at->arguments) text += concat(" ", key, "=", value);
      return text;
    };
    return concat(where(), "\n  event ", mine - got.begin() + 1, " of ", expected.size(),
                  "\n  expected event ", to_text(theirs, expected), "\n  got event      ",
                  to_text(mine, got));
  }

  void compare_dump(Input& input) {
    if (!machine_.is_populated()) throw BadLine{"a dump before populate"};
    const std::uint64_t first_line = input.line_number();
    std::vector<std::string> theirs;
    while (theirs.empty() || !theirs.back().starts_with("end ")) {
      const auto line = input.next_line();
      if (!line || !line->starts_with("| ")) throw BadLine{"the dump has no end"};
      theirs.emplace_back(line->substr(2));
    }
    const auto ours = machine_.dump();
    if (ours == theirs && !has_differed()) {
      ++outcome_.dumps;
      return;
    }
    differ(concat("line ", first_line, ": the dump differs"));
    outcome_.difference += concat("\n  the states at the dump of line ", first_line, ":",
                                  lines_without(theirs, ours, "\n    expected "),
                                  lines_without(ours, theirs, "\n    got      "));
    if (ours == theirs) outcome_.difference += " equal again";
    is_over_ = true;
  }

  // The first few lines that the other dump lacks.
  [[nodiscard]] static std::string lines_without(const std::vector<std::string>& dump,
                                                 const std::vector<std::string>& other,
                                                 const std::string& mark) {
    std::string result;
    int left = 6;
    for (const std::string& line : dump) {
      if (std::ranges::find(other, line) != other.end()) continue;
      if (left-- == 0) return result + mark + "...";
      result += mark + line;
    }
    return result;
  }

  Machine& machine_;
  bool has_events_;
  Outcome outcome_;
  bool is_over_ = false;
  std::string line_;  // the last operation
  std::uint64_t line_number_ = 0;
  std::vector<Event> expected_;  // of the last operation
  std::vector<Event> got_;
  std::string unmatched_;  // the first that the file does not have, in case it has others
};

}  // namespace conformance
