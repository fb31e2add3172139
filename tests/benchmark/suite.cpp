// SPDX-License-Identifier: MIT
#include "benchmark/suite.hpp"

#include <algorithm>
#include <cstdio>

#include <unistd.h>

#include <fmt/format.h>

namespace pageblock::benchmark {
namespace {

// All values of the figures of one workload and subject.
using Samples = std::vector<std::vector<double>>;

struct State {
  std::array<Samples, nr_subjects> samples{};
  // By whose rules.
  std::array<std::vector<Measurement>, nr_subjects> firsts{};
};

// Whoever simulates the same zone must have given the same answers, in every round.
void require_agreement(const Workload& workload, const Measurement& now,
                       std::vector<Measurement>& before) {
  if (now.pages == 0) return;
  for (const Measurement& other : before) {
    if (other.pages == now.pages && other.digest != now.digest) {
      throw Failure{fmt::format("{}: the library and the reference, or two runs, do not agree",
                                workload.name)};
    }
  }
  before.push_back({.digest = now.digest, .pages = now.pages});
}

}  // namespace

double Row::judged() const { return best[static_cast<std::size_t>(workload->judged)].value(); }

std::optional<double> Row::ratio(bool locked) const {
  const auto of = [this](Subject subject) { return best[static_cast<std::size_t>(subject)]; };
  const auto library = of(locked ? Subject::library_locked : Subject::library);
  const auto reference = of(locked ? Subject::reference_locked : Subject::reference);
  if (!library || !reference || *library <= 0) return std::nullopt;
  return figure->at_least ? *library / *reference : *reference / *library;
}

std::optional<bool> Row::reaches(std::optional<double> limit) const {
  if (!limit) return std::nullopt;
  return figure->at_least ? judged() >= *limit : judged() <= *limit;
}
std::optional<bool> Row::meets_target() const { return reaches(figure->target); }
std::optional<bool> Row::beats_kernel() const { return reaches(figure->kernel); }

std::optional<double> Row::times(Subject earlier, Subject later) const {
  const auto& before = best[static_cast<std::size_t>(earlier)];
  const auto& behind = best[static_cast<std::size_t>(later)];
  if (!before || !behind || *before <= 0) return std::nullopt;
  return *behind / *before;
}

bool is_workload(std::string_view name) {
  const auto all = workloads({});
  return std::ranges::find(all, name, &Workload::name) != all.end();
}

std::vector<Workload> workloads(const std::vector<std::string>& names) {
  std::vector<Workload> all;
  for (const auto& part : {allocation_workloads(), churn_workloads(), isolation_workloads(),
                           memory_workloads(), compile_workloads()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  std::ranges::sort(all, {}, [](const Workload& workload) {
    // W, I, M, C, and by number
    return std::pair{std::string_view{"WIMC"}.find(workload.name[0]), workload.name};
  });
  std::erase_if(all, [&](const Workload& workload) {
    return !names.empty() && std::ranges::find(names, workload.name) == names.end();
  });
  return all;
}

Results run(const std::vector<Workload>& workloads, Sizes sizes, unsigned rounds) {
  const bool shows_progress = isatty(STDERR_FILENO) != 0;
  Results results;
  std::vector<State> states(workloads.size());
  for (unsigned round = 0; round <= rounds; ++round) {
    sizes.checks = round == 0;
    for (std::size_t w = 0; w < workloads.size(); ++w) {
      const Workload& workload = workloads[w];
      for (std::size_t subject = 0; subject < nr_subjects; ++subject) {
        if (workload.run[subject] == nullptr) continue;
        if (round == 0 && workload.needs_program) continue;  // a new process is never warm
        if (shows_progress) {
          fmt::print(stderr, "\rround {} of {}: {}   ", round, rounds, workload.name);
          std::fflush(stderr);
        }
        const Measurement now = workload.run[subject](sizes);
        const Subject rules = rules_of(static_cast<Subject>(subject));
        require_agreement(workload, now, states[w].firsts[static_cast<std::size_t>(rules)]);
        if (round == 0) {
          if (subject == 0 && !now.note.empty()) {
            results.notes.push_back(
                fmt::format("{}, {}: {}", workload.name, workload.what, now.note));
          }
          continue;
        }
        states[w].samples[subject].push_back(now.values);
      }
    }
  }
  if (shows_progress) fmt::print(stderr, "\r{:40}\r", "");
  for (std::size_t w = 0; w < workloads.size(); ++w) {
    for (std::size_t f = 0; f < workloads[w].figures.size(); ++f) {
      Row row{&workloads[w], &workloads[w].figures[f]};
      for (std::size_t subject = 0; subject < nr_subjects; ++subject) {
        std::vector<double>& values = row.samples[subject];
        for (const auto& sample : states[w].samples[subject]) values.push_back(sample.at(f));
        if (values.empty()) continue;
        row.medians[subject] = median(values);
        row.best[subject] =
            row.figure->at_least ? std::ranges::max(values) : std::ranges::min(values);
      }
      results.rows.push_back(row);
    }
  }
  return results;
}

}  // namespace pageblock::benchmark
