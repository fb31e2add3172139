// SPDX-License-Identifier: MIT
// Holds the Markdown pages to what they show: a block that nothing checks is soon wrong.
//
//   check_pages ROOT BUILD PAGE...
//
// The comment above a fenced block says what it is:
//   <!-- is: PATH -->   lines of that file, in this order; a line "..." stands for any others
//   <!-- in: PATH -->   lines of that file, in any order and with comments of their own
//   <!-- run -->        commands that succeed, run in ROOT one by one; "build/quickstart" is BUILD
//   <!-- output -->     what the commands above print, again with "..."
// Relative links must lead to a file, and to a heading where they name one.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>

#include <fmt/format.h>

namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

std::string read_text(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error{fmt::format("{}: cannot be read", path.string())};
  return text.str();
}

Lines lines_of(const std::string& text) {
  Lines lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return std::string{text.substr(first, text.find_last_not_of(" \t\r") - first + 1)};
}

bool is_gap(const std::string& line) { return trimmed(line) == "..."; }

// Returns the first line of a block that does not stand where it must. Lines that follow one
// another on the page do so in the text, but for indentation; what a gap leaves out is any lines.
std::optional<std::string> first_missing(const Lines& block, const Lines& text) {
  std::size_t next = 0;
  for (std::size_t begin = 0; begin < block.size();) {
    if (is_gap(block[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < block.size() && !is_gap(block[end])) ++end;
    const auto same = [](const std::string& a, const std::string& b) {
      return trimmed(a) == trimmed(b);
    };
    const auto found = std::search(text.begin() + static_cast<std::ptrdiff_t>(next), text.end(),
                                   block.begin() + static_cast<std::ptrdiff_t>(begin),
                                   block.begin() + static_cast<std::ptrdiff_t>(end), same);
    if (found == text.end()) {
      // The longest beginning that stands there tells where it parts.
      for (std::size_t part = end; part-- > begin;) {
        if (std::search(text.begin() + static_cast<std::ptrdiff_t>(next), text.end(),
                        block.begin() + static_cast<std::ptrdiff_t>(begin),
                        block.begin() + static_cast<std::ptrdiff_t>(part), same) != text.end()) {
          return block[part];
        }
      }
      return block[begin];
    }
    next = static_cast<std::size_t>(found - text.begin()) + (end - begin);
    begin = end;
  }
  return std::nullopt;
}

// The name that a heading has in links to it.
std::string anchor_of(std::string_view heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || byte >= 0x80) {
      anchor += static_cast<char>(std::tolower(byte));
    } else if (c == ' ') {
      anchor += '-';
    }
  }
  return anchor;
}

std::set<std::string> anchors_in(const fs::path& page) {
  std::set<std::string> anchors;
  bool is_code = false;
  for (const std::string& line : lines_of(read_text(page))) {
    if (line.starts_with("```")) is_code = !is_code;
    if (is_code || !line.starts_with('#')) continue;
    const std::string anchor = anchor_of(trimmed(line.substr(line.find_first_not_of('#'))));
    std::string unique = anchor;
    for (int i = 1; !anchors.insert(unique).second; ++i) unique = fmt::format("{}-{}", anchor, i);
  }
  return anchors;
}

class Checker {
 public:
  Checker(fs::path root, std::string build) : root_{std::move(root)}, build_{std::move(build)} {}

  void check(const fs::path& page) {
    page_ = page;
    printed_.reset();
    const Lines lines = lines_of(read_text(root_ / page));
    std::string above;  // the last line that is not blank
    for (std::size_t i = 0; i < lines.size(); ++i) {
      number_ = i + 1;
      const std::string line = trimmed(lines[i]);
      if (line.starts_with("```")) {
        Lines block;
        while (++i < lines.size() && trimmed(lines[i]) != "```") block.push_back(lines[i]);
        if (i == lines.size()) offence("the block does not end");
        check_block(above, block);
        ++nr_blocks_;
      } else {
        check_links(line);
      }
      if (!line.empty()) above = line;
    }
  }

  [[nodiscard]] int finish() const {
    fmt::print("{} blocks, {} links, {} offences\n", nr_blocks_, nr_links_, nr_offences_);
    return nr_offences_ == 0 && nr_blocks_ != 0 && nr_links_ != 0 ? 0 : 1;
  }

 private:
  void offence(const std::string& text) {
    fmt::print("{}:{}: {}\n", page_.string(), number_, text);
    ++nr_offences_;
  }

  void check_block(const std::string& above, const Lines& block) {
    constexpr std::string_view is = "<!-- is: ";
    constexpr std::string_view in = "<!-- in: ";
    constexpr std::string_view end = " -->";
    if ((above.starts_with(is) || above.starts_with(in)) && above.ends_with(end)) {
      const std::string name = above.substr(is.size(), above.size() - is.size() - end.size());
      if (!fs::is_regular_file(root_ / name)) return offence(fmt::format("there is no {}", name));
      const Lines text = lines_of(read_text(root_ / name));
      if (above.starts_with(in)) {
        for (const std::string& line : block) {
          const std::string command = trimmed(line.substr(0, line.find(" # ")));
          if (first_missing({command}, text)) offence(fmt::format("not in {}: {}", name, command));
        }
      } else if (const auto line = first_missing(block, text)) {
        offence(fmt::format("not in {}, or not there: {}", name, *line));
      }
    } else if (above == "<!-- run -->") {
      printed_.emplace();
      for (const std::string& line : block) run(line);
    } else if (above == "<!-- output -->") {
      if (!printed_) return offence("nothing was run above");
      if (const auto line = first_missing(block, *printed_)) {
        offence(fmt::format("the command above does not print: {}", *line));
      }
    } else {
      offence(
          "the block does not say what it is (<!-- is: PATH -->, <!-- in: PATH -->, <!-- run -->, "
          "<!-- output -->)");
    }
  }

  void run(std::string line) {
    constexpr std::string_view quickstart = "build/quickstart";
    for (auto at = line.find(quickstart); at != line.npos; at = line.find(quickstart, at)) {
      line.replace(at, quickstart.size(), build_);
      at += build_.size();
    }
    const std::string command = fmt::format("cd '{}' && {{ {}\n}}", root_.string(), line);
    std::FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return offence("cannot run commands");
    std::string printed;
    std::array<char, 4096> buffer{};
    while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      printed.append(buffer.data(), n);
    }
    const int status = pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) offence(fmt::format("failed: {}", line));
    const Lines lines = lines_of(printed);
    printed_->insert(printed_->end(), lines.begin(), lines.end());
  }

  void check_links(std::string_view line) {
    for (auto at = line.find("]("); at != line.npos; at = line.find("](", at + 1)) {
      if (at != 0 && line[at - 1] == '[') continue;  // a lambda
      const auto end = line.find(')', at);
      if (end == line.npos) return offence("a link does not end");
      check_link(std::string{line.substr(at + 2, end - at - 2)});
    }
  }

  void check_link(const std::string& target) {
    if (target.starts_with("https://") || target.starts_with("mailto:")) return;
    ++nr_links_;
    const auto hash = target.find('#');
    const std::string name = target.substr(0, hash);
    const fs::path path = name.empty() ? root_ / page_ : root_ / page_.parent_path() / name;
    if (!fs::exists(path)) return offence(fmt::format("there is no {}", target));
    if (hash == target.npos) return;
    if (!anchors_in(path).contains(target.substr(hash + 1))) {
      offence(fmt::format("no heading for {}", target));
    }
  }

  fs::path root_;
  std::string build_;
  fs::path page_;
  std::size_t number_ = 0;
  std::optional<Lines> printed_;
  std::size_t nr_blocks_ = 0;
  std::size_t nr_links_ = 0;
  std::size_t nr_offences_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "Usage: check_pages ROOT BUILD PAGE...\n");
    return 2;
  }
  try {
    Checker checker{argv[1], argv[2]};
    for (int i = 3; i < argc; ++i) checker.check(argv[i]);
    return checker.finish();
  } catch (const std::exception& error) {
    fmt::print(stderr, "check_pages: {}\n", error.what());
    return 2;
  }
}
