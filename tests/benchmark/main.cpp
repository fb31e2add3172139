// SPDX-License-Identifier: MIT
// Measures the library beside a plain reference, and says which targets are met.
#include <algorithm>
#include <charconv>
#include <exception>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <malloc.h>

#include <fmt/format.h>

#include "benchmark/growth.hpp"
#include "benchmark/plot.hpp"
#include "benchmark/probe.hpp"
#include "benchmark/report.hpp"
#include "benchmark/suite.hpp"

namespace pageblock::benchmark {
namespace {

constexpr std::string_view usage =
    R"(benchmark [--rounds N] [--only NAME[,NAME]...] [--quick] [--markdown] [--json FILE] [--svg FILE]

  --rounds N      measure everything N times (1 to 1000, else 5) and print medians
  --only NAME     W1 to W5, I1 to I4, M1 to M3, C1, growth; all of them without this
  --quick         tiny zones, one round: shows that it runs, the figures say nothing
  --markdown      print tables in Markdown
  --json FILE     write the figures as JSON too
  --svg FILE      draw the growth

Exit status: 0 if it ran, whether targets are met or not; 1 if anything was not as it must be; 2 if
the arguments are wrong.
)";

struct WrongArguments : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::optional<unsigned> rounds{};
  std::vector<std::string> names{};
  bool quick = false;
  bool markdown = false;
  std::string json{};
  std::string svg{};
  bool help = false;

  [[nodiscard]] bool wants_growth() const {
    return names.empty() || std::ranges::find(names, "growth") != names.end();
  }
};

unsigned to_rounds(const std::string& text) {
  unsigned rounds = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, rounds);
  if (error != std::errc{} || end != last || rounds == 0 || rounds > 1000) {
    throw WrongArguments{fmt::format("--rounds is 1 to 1000, not '{}'", text)};
  }
  return rounds;
}

std::vector<std::string> to_names(std::string_view text) {
  std::vector<std::string> names;
  for (;;) {
    const auto comma = text.find(',');
    const std::string name{text.substr(0, comma)};
    if (name != "growth" && !is_workload(name)) {
      throw WrongArguments{fmt::format("there is no workload '{}'", name)};
    }
    names.push_back(name);
    if (comma == std::string_view::npos) return names;
    text.remove_prefix(comma + 1);
  }
}

Options parse(const std::vector<std::string>& args) {
  Options options;
  for (auto arg = args.begin(); arg != args.end(); ++arg) {
    const auto value = [&] {
      if (arg + 1 == args.end()) throw WrongArguments{*arg + " needs a value"};
      return *++arg;
    };
    if (*arg == "--rounds") {
      options.rounds = to_rounds(value());
    } else if (*arg == "--only") {
      options.names = to_names(value());
    } else if (*arg == "--quick") {
      options.quick = true;
    } else if (*arg == "--markdown") {
      options.markdown = true;
    } else if (*arg == "--json") {
      options.json = value();
    } else if (*arg == "--svg") {
      options.svg = value();
    } else if (*arg == "--help") {
      options.help = true;
    } else {
      throw WrongArguments{fmt::format("unknown option '{}'", *arg)};
    }
  }
  if (!options.svg.empty() && !options.wants_growth()) {
    throw WrongArguments{"--svg draws the growth, which --only leaves out"};
  }
  return options;
}

// A file that is opened before anything is measured, since that takes minutes.
class Output {
 public:
  explicit Output(const std::string& name) : name_{name} {
    if (name.empty()) return;
    file_.open(name);
    if (!file_) throw WrongArguments{name + " cannot be written"};
  }
  [[nodiscard]] bool is_wanted() const { return !name_.empty(); }
  void write(const std::string& text) {
    file_ << text;
    file_.close();
    if (!file_) throw Failure{name_ + " could not be written"};
  }

 private:
  std::string name_;
  std::ofstream file_{};
};

void measure(const Options& options) {
  Output json{options.json};
  Output svg{options.svg};
  const unsigned rounds = options.rounds.value_or(options.quick ? 1 : 5);
  Sizes sizes = options.quick ? Sizes::quick() : Sizes{};
  sizes.program = std::filesystem::read_symlink("/proc/self/exe").string();

  fmt::print("{}\n{}", machine(), legend(sizes));
  std::fflush(stdout);
  const std::vector<Workload> chosen = workloads(options.names);
  const Results results = run(chosen, sizes, rounds);
  if (!chosen.empty()) {
    fmt::print("{}", options.markdown ? "\n" + to_markdown(results) : to_table(results));
    std::fflush(stdout);
  }
  std::vector<GrowthRow> growth;
  if (options.wants_growth()) {
    growth = grow(GrowthPlan::make(options.quick, std::min(rounds, 3U), sizes.program));
    fmt::print("{}", options.markdown ? "\n" + to_markdown(growth) : to_table(growth));
  }
  if (json.is_wanted()) json.write(to_json(results, growth));
  if (svg.is_wanted()) svg.write(to_svg(to_panels(growth)));
}

int start(const std::vector<std::string>& args) {
  // Large arrays always come fresh from the system, as in a program that makes one zone. Else they
  // come from what earlier zones left, or not, by chance.
  mallopt(M_MMAP_THRESHOLD, 1 << 17);
  if (!args.empty() && args[0] == "--probe") return run_probe({args.begin() + 1, args.end()});
  const Options options = parse(args);
  if (options.help) {
    fmt::print("{}", usage);
  } else {
    measure(options);
  }
  return 0;
}

}  // namespace
}  // namespace pageblock::benchmark

int main(int argc, char** argv) {
  using namespace pageblock::benchmark;
  try {
    return start({argv + 1, argv + argc});
  } catch (const WrongArguments& error) {
    fmt::print(stderr, "benchmark: {}\n{}", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "benchmark: {}\n", error.what());
    return 1;
  }
}
