// SPDX-License-Identifier: MIT
// Runs an experiment over a grid of settings, one part of it in each task of a cluster.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/json.hpp"
#include "common/program.hpp"
#include "common/progress.hpp"
#include "sweep/experiment.hpp"
#include "sweep/grid.hpp"
#include "sweep/results.hpp"
#include "sweep/task.hpp"

namespace {

using namespace example;

constexpr int exit_interrupted = 75;  // EX_TEMPFAIL: run me again

volatile std::sig_atomic_t is_interrupted = 0;

void on_signal(int) { is_interrupted = 1; }

// A second signal of the kind ends the process at once.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGXCPU}) sigaction(signal, &action, nullptr);
}

std::optional<std::string> variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

Json json_of(const Parameter& parameter, std::uint64_t value) {
  if (parameter.words.empty()) return value;
  return parameter.words[value];
}

struct Sweep {
  const Experiment& experiment;
  Grid grid;
  std::uint64_t seed = 1;
  std::uint64_t replicas = 1;
  Task task{};

  [[nodiscard]] std::uint64_t nr_runs() const { return grid.nr_points() * replicas; }
  [[nodiscard]] std::uint64_t nr_runs_here() const {
    return nr_runs() / task.count + (task.index < nr_runs() % task.count ? 1 : 0);
  }
  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t most = 0;
    for (std::uint64_t run = task.index; run < nr_runs(); run += task.count) {
      most = std::max(most, experiment.bytes(grid.point(run / replicas)));
    }
    return most;
  }

  // The same in every task.
  [[nodiscard]] std::string header() const {
    Json document = json_document("sweep", 1);
    document["experiment"] = experiment.name;
    document["seed"] = seed;
    document["replicas"] = replicas;
    document["runs"] = nr_runs();
    document["parameters"] = Json::object();
    for (std::size_t i = 0; i < grid.parameters().size(); ++i) {
      const Parameter& parameter = grid.parameters()[i];
      Json values = Json::array();
      for (const std::uint64_t value : grid.values(i)) values.push_back(json_of(parameter, value));
      document["parameters"][parameter.name] = values;
    }
    return header_line(document);
  }

  [[nodiscard]] std::string line(std::uint64_t run, const Experiment::Pause& pause) const {
    const std::uint64_t number = run / replicas;
    const Values values = grid.point(number);
    const pageblock::RandomKey key{.seed = seed,
                                   .point = static_cast<std::uint32_t>(number),
                                   .replica = static_cast<std::uint32_t>(run % replicas)};
    Json json{{"run", run}, {"point", key.point}, {"replica", key.replica}};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Parameter& parameter = grid.parameters()[i];
      json[parameter.name] = json_of(parameter, values[i]);
    }
    json.update(experiment.run(values, key, pause));
    return json.dump();
  }
};

std::string estimate_of(const Sweep& sweep) {
  const Task& task = sweep.task;
  return fmt::format("{}: {} runs, {} of them in task {} of {}; {} MiB of memory at most\n",
                     sweep.experiment.name, sweep.nr_runs(), sweep.nr_runs_here(), task.index,
                     task.count, (sweep.bytes() >> 20) + 1);
}

int run(const Sweep& sweep, const std::string& folder, std::optional<std::uint64_t> most) {
  catch_signals();
  fmt::print(stderr, "{}", estimate_of(sweep));
  std::unique_ptr<ResultFile> file;
  if (!folder.empty()) {
    std::filesystem::create_directories(folder);
    const auto path =
        std::filesystem::path{folder} /
        fmt::format("{}.{}-of-{}.jsonl", sweep.experiment.name, sweep.task.index, sweep.task.count);
    file = std::make_unique<ResultFile>(path, sweep.header());
  } else {
    print_text(sweep.header() + '\n');
  }
  Progress bar{sweep.experiment.name};
  const auto pause = [] {
    if (is_interrupted != 0) throw Interrupted{};
  };
  std::uint64_t nr_done = 0;
  std::uint64_t nr_new = 0;
  try {
    for (std::uint64_t run = sweep.task.index; run < sweep.nr_runs(); run += sweep.task.count) {
      if (!file || !file->has(run)) {
        pause();
        if (most && nr_new == *most) throw Interrupted{};
        const std::string line = sweep.line(run, pause);
        if (file) {
          file->add(run, line);
        } else {
          print_text(line + '\n');
        }
        ++nr_new;
      }
      bar.update(++nr_done, sweep.nr_runs_here());
    }
  } catch (const Interrupted&) {
    fmt::print(stderr, "sweep: interrupted; {} of {} runs are done{}\n", nr_done,
               sweep.nr_runs_here(), file ? ", the same command goes on" : "");
    return exit_interrupted;
  }
  return 0;
}

std::string list() {
  std::string text;
  for (const Experiment& experiment : experiments()) {
    text += fmt::format("{}: {}\n", experiment.name, experiment.about);
    for (const Parameter& parameter : experiment.parameters) {
      const bool is_word = !parameter.words.empty();
      text += fmt::format(
          "    {:<11} {} ({}, else {})\n", parameter.name, parameter.help,
          is_word ? fmt::format("{}", fmt::join(parameter.words, ", "))
                  : fmt::format("{} to {}", parameter.least, parameter.most),
          is_word ? parameter.words[parameter.usual] : fmt::format("{}", parameter.usual));
    }
  }
  return text;
}

Task task_of(const std::string& text, std::optional<std::uint64_t> tasks) {
  if (text == "auto") return find_task(variable, tasks);
  if (text.empty() != !tasks) throw UsageError{"--task and --tasks belong together"};
  if (text.empty()) return {};
  // As if a scheduler that counts from 0 had said it.
  const auto environment = [&](const std::string& name) {
    return name == "JOB_COMPLETION_INDEX" ? std::optional{text} : std::nullopt;
  };
  try {
    return find_task(environment, tasks);
  } catch (const UsageError&) {
    throw UsageError{fmt::format("--task is auto or 0 to {}, not '{}'", *tasks - 1, text)};
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> operands;
  std::vector<std::string> sweeps;
  std::string task;
  std::string folder;
  std::string table;
  std::string svg;
  std::optional<std::uint64_t> tasks;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> replicas;
  std::optional<std::uint64_t> most;
  bool is_list = false;
  bool is_merge = false;
  bool is_estimate = false;
  Program program{
      {.name = "sweep",
       .usage = {"EXPERIMENT [--sweep NAME=LO:HI:N]... [--out FOLDER] [OPTION]...",
                 "--merge FOLDER... [--table Y:X:BY]", "--list"},
       .about = "Runs an experiment at every point of a grid of settings, or the part of it that "
                "is this "
                "task's. Results are JSON Lines, and the same bytes however the work is cut.\n\n"
                "With --out they go to a file of the task's own in a folder. The same command goes "
                "on where "
                "it was interrupted or killed; --merge puts the files together.",
       .more = "Exit status: 0 if all is done; 75 if interrupted (SIGTERM, SIGINT, SIGUSR1, "
               "SIGXCPU), to be "
               "run again; 1 if a file cannot be read or written, or results are missing; 2 if the "
               "arguments "
               "are wrong.\n"}};
  program.flag("--list", is_list, "the experiments and what they can be told");
  program.options("--sweep", "NAME=VALUES", sweeps,
                  "values of a parameter: lo:hi:n are n from lo to hi; or a,b,c; or one");
  program.option("--task", "I|auto", task, "which task this is, from 0; auto asks the scheduler");
  program.number("--tasks", "N", tasks, 1, 4294967295U, "how many tasks there are");
  program.option("--out", "FOLDER", folder, "where results go (default: standard output)");
  program.number("--replicas", "N", replicas, 1, 1000000, "runs of each point (default 1)");
  program.number("--seed", "N", seed, 0, 18446744073709551615U, "of random numbers (default 1)");
  program.number("--stop-after", "N", most, 0, 4294967295U,
                 "end with status 75 when N runs were made here, if more are left");
  program.flag("--estimate", is_estimate, "say how many runs and how much memory it is, and end");
  program.flag("--merge", is_merge, "print the results of all files, or of all files of folders");
  program.option("--table", "Y:X[:BY]", table,
                 "with --merge: means of Y by X, a column for each BY, instead");
  program.option("--svg", "FILE", svg, "draw the table's columns as curves, too");
  program.operands(operands);
  return program.run(argc, argv, [&] {
    if (is_list) {
      print_text(list());
      return 0;
    }
    if (!table.empty() && !is_merge) throw UsageError{"--table needs --merge"};
    if (!svg.empty() && table.empty()) throw UsageError{"--svg draws a --table"};
    if (is_merge) {
      if (operands.empty()) throw UsageError{"--merge needs files or folders"};
      const std::string merged = merge(operands);
      if (table.empty()) {
        print_text(merged);
        return 0;
      }
      const std::size_t first = table.find(':');
      if (first == std::string::npos) throw UsageError{"--table is Y:X or Y:X:BY"};
      const std::size_t second = std::min(table.find(':', first + 1), table.size());
      const Table means =
          table_of(merged, table.substr(0, first), table.substr(first + 1, second - first - 1),
                   second == table.size() ? "" : table.substr(second + 1));
      if (!svg.empty()) write_file(svg, to_svg(curves_of(means)));
      print_text(to_text(means));
      return 0;
    }
    if (operands.size() != 1) throw UsageError{"one experiment is needed; --list names them"};
    const Experiment& experiment = find_experiment(operands.front());
    Sweep sweep{experiment, Grid{experiment.parameters}, seed.value_or(1), replicas.value_or(1)};
    for (const std::string& text : sweeps) sweep.grid.sweep(text);
    sweep.task = task_of(task, tasks);
    if (is_estimate) {
      print_text(estimate_of(sweep));
      return 0;
    }
    return run(sweep, folder, most);
  });
}
