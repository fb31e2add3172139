// SPDX-License-Identifier: MIT
// Measures the library beside a plain reference, and says which targets are met.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <malloc.h>

#include <fmt/format.h>

#include "benchmark/compare.hpp"
#include "benchmark/growth.hpp"
#include "benchmark/plot.hpp"
#include "benchmark/probe.hpp"
#include "benchmark/report.hpp"
#include "benchmark/suite.hpp"
#include "common/program.hpp"

namespace pageblock::benchmark {
namespace {

struct Options {
  std::optional<std::uint64_t> rounds{};
  std::string only{};
  std::vector<std::string> names{};
  bool quick = false;
  bool markdown = false;
  std::string json{};
  std::string against{};
  std::string svg{};

  [[nodiscard]] bool wants_growth() const {
    return names.empty() || std::ranges::find(names, "growth") != names.end();
  }
};

std::vector<std::string> to_names(std::string_view text) {
  std::vector<std::string> names;
  for (;;) {
    const auto comma = text.find(',');
    const std::string name{text.substr(0, comma)};
    if (name != "growth" && !is_workload(name)) {
      throw example::UsageError{fmt::format("there is no workload '{}'", name)};
    }
    names.push_back(name);
    if (comma == std::string_view::npos) return names;
    text.remove_prefix(comma + 1);
  }
}

void declare(example::Program& program, Options& options) {
  program.number("--rounds", "N", options.rounds, 1, 1000,
                 "measure everything N times, else 5 times, and print the best");
  program.option("--only", "NAME[,NAME]...", options.only,
                 "W1 to W5, I1 to I4, M1 to M3, C1, growth; all of them without this");
  program.flag("--quick", options.quick,
               "tiny zones, one round: shows that it runs, the figures say nothing");
  program.flag("--markdown", options.markdown, "print tables in Markdown");
  program.option("--json", "FILE", options.json,
                 "write the figures as JSON too, with the medians and all rounds");
  program.option("--against", "FILE", options.against,
                 "compare with the JSON of an earlier build: ratios, and whether chance explains "
                 "them");
  program.option("--svg", "FILE", options.svg, "draw the growth");
}

// A file that is opened before anything is measured, since that takes minutes.
class Output {
 public:
  explicit Output(const std::string& name) : name_{name} {
    if (name.empty()) return;
    file_.open(name);
    if (!file_) throw example::UsageError{name + " cannot be written"};
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

std::string read(const std::string& name) {
  std::ifstream file{name};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (!file) throw example::UsageError{name + " cannot be read"};
  return text;
}

void measure(const Options& options) {
  const std::string before = options.against.empty() ? "" : read(options.against);
  Output json{options.json};
  Output svg{options.svg};
  const unsigned rounds = static_cast<unsigned>(options.rounds.value_or(options.quick ? 1 : 5));
  Sizes sizes = options.quick ? Sizes::quick() : Sizes{};
  sizes.program = std::filesystem::read_symlink("/proc/self/exe").string();

  fmt::print("{}\n{}", machine(), legend(sizes));
  std::fflush(stdout);
  const std::vector<Workload> chosen = workloads(options.names);
  const Results results = run(chosen, sizes, rounds);
  if (!chosen.empty()) {
    const std::string text = options.markdown ? to_markdown(results) : to_table(results);
    fmt::print("{}{}", options.markdown ? "\n" : "", text);
    std::fflush(stdout);
  }
  if (!before.empty()) fmt::print("{}", to_comparison(results, before));
  std::vector<GrowthRow> growth;
  if (options.wants_growth()) {
    growth = grow(GrowthPlan::make(options.quick, std::min(rounds, 3U), sizes.program));
    const std::string text = options.markdown ? to_markdown(growth) : to_table(growth);
    fmt::print("{}{}", options.markdown ? "\n" : "", text);
  }
  if (json.is_wanted()) json.write(to_json(results, growth));
  if (svg.is_wanted()) svg.write(to_svg(to_panels(growth)));
}

int start(Options& options) {
  if (!options.only.empty()) options.names = to_names(options.only);
  if (!options.svg.empty() && !options.wants_growth()) {
    throw example::UsageError{"--svg draws the growth, which --only leaves out"};
  }
  measure(options);
  return 0;
}

}  // namespace
}  // namespace pageblock::benchmark

int main(int argc, char** argv) {
  using namespace pageblock::benchmark;
  // Large arrays always come fresh from the system, as in a program that makes one zone. Else they
  // come from what earlier zones left, or not, by chance.
  mallopt(M_MMAP_THRESHOLD, 1 << 17);
  const std::vector<std::string> args(argv + 1, argv + argc);
  Options options;
  example::Program program{
      {.name = "benchmark",
       .usage = {"[OPTION]..."},
       .about = "Measures the library beside a plain reference, and says which targets are met.",
       .more = "Exit status: 0 if it ran, whether targets are met or not; 1 if anything was not as "
               "it must be; 2 if the arguments are wrong."}};
  declare(program, options);
  // How it measures memory: it runs itself, as a program that makes one zone.
  const bool is_probe = !args.empty() && args[0] == "--probe";
  const int count = is_probe ? 1 : argc;
  return program.run(count, argv, [&] {
    return is_probe ? run_probe({args.begin() + 1, args.end()}) : start(options);
  });
}
