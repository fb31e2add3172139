// SPDX-License-Identifier: MIT
/// The grid of a sweep, and what schedulers say of tasks.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/program.hpp"
#include "support/catch.hpp"
#include "sweep/grid.hpp"
#include "sweep/task.hpp"

namespace example::sweep_cases {

namespace {

using Variables = std::map<std::string, std::string>;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string text_of(const Variables& variables, std::optional<std::uint64_t> tasks = {}) {
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional{found->second};
  };
  try {
    const Task task = find_task(environment, tasks);
    return std::to_string(task.index) + " of " + std::to_string(task.count);
  } catch (const UsageError& error) {
    return error.text;
  }
}

std::string values_of(const std::string& text) {
  static const std::vector<Parameter> parameters{{"size", 7, 0, 100, "", {}},
                                                 {"kind", 0, 0, 1, "", {"small", "large"}}};
  Grid grid{parameters};
  try {
    grid.sweep(text);
  } catch (const UsageError& error) {
    return error.text;
  }
  std::string values;
  for (std::uint64_t i = 0; i < grid.nr_points(); ++i) {
    values += std::to_string(grid.point(i)[0]) + "/" + std::to_string(grid.point(i)[1]) + " ";
  }
  return values;
}

}  // namespace

TEST_CASE("a task is what its scheduler says", "[sweep]") {
  CHECK(text_of({}) == "--task auto: no scheduler says which task this is");
  const Variables slurm{{"SLURM_ARRAY_TASK_ID", "15"},
                        {"SLURM_ARRAY_TASK_MIN", "5"},
                        {"SLURM_ARRAY_TASK_MAX", "25"},
                        {"SLURM_ARRAY_TASK_STEP", "5"},
                        {"SLURM_ARRAY_TASK_COUNT", "5"},
                        {"SLURM_PROCID", "0"},  // a batch script's, which runs once
                        {"SLURM_NTASKS", "4"}};
  CHECK(text_of(slurm) == "2 of 5");
  CHECK(text_of(slurm, 20) == "15 of 20");
  CHECK(has(text_of(slurm, 15), "there is no task 15 of 15"));
  Variables gaps = slurm;
  gaps["SLURM_ARRAY_TASK_COUNT"] = "3";
  CHECK(has(text_of(gaps), "has gaps"));
  CHECK(text_of(gaps, 26) == "15 of 26");

  CHECK(text_of({{"SLURM_PROCID", "3"}, {"SLURM_STEP_NUM_TASKS", "8"}}) == "3 of 8");
  CHECK(text_of({{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "4"}}) == "1 of 4");
  CHECK(text_of({{"PMI_RANK", "1"}, {"PMI_SIZE", "4"}}) == "1 of 4");
  CHECK(has(text_of({{"PMI_RANK", "1"}, {"PMI_SIZE", "4"}}, 5), "--tasks 5"));
  Variables both = slurm;
  both["PMI_RANK"] = "1";
  both["PMI_SIZE"] = "4";
  CHECK(text_of(both) == "9 of 20");

  CHECK(has(text_of({{"PBS_ARRAY_INDEX", "3"}}), "--tasks"));
  CHECK(text_of({{"PBS_ARRAY_INDEX", "3"}}, 7) == "3 of 7");
  CHECK(text_of({{"PBS_ARRAYID", "3"}}, 7) == "3 of 7");
  CHECK(text_of({{"LSB_JOBINDEX", "3"}, {"LSB_JOBINDEX_END", "7"}, {"LSB_JOBINDEX_STEP", "1"}}) ==
        "2 of 7");
  CHECK(has(text_of({{"LSB_JOBINDEX", "0"}}), "no scheduler"));
  CHECK(text_of({{"SGE_TASK_ID", "10"},
                 {"SGE_TASK_FIRST", "2"},
                 {"SGE_TASK_LAST", "14"},
                 {"SGE_TASK_STEPSIZE", "4"}}) == "2 of 4");
  CHECK(has(text_of({{"SGE_TASK_ID", "undefined"}}), "no scheduler"));
  CHECK(text_of({{"JOB_COMPLETION_INDEX", "0"}}, 2) == "0 of 2");
  CHECK(text_of({{"AWS_BATCH_JOB_ARRAY_INDEX", "4"}, {"AWS_BATCH_JOB_ARRAY_SIZE", "9"}}) ==
        "4 of 9");
  CHECK(text_of({{"BATCH_TASK_INDEX", "4"}, {"BATCH_TASK_COUNT", "9"}}) == "4 of 9");
  CHECK(text_of({{"PARALLEL_SEQ", "7"}}, 7) == "6 of 7");
  CHECK(has(text_of({{"PARALLEL_SEQ", "0"}}, 7), "count from 1"));
  CHECK(has(text_of({{"PARALLEL_SEQ", "x"}}, 7), "not 'x'"));
}

TEST_CASE("a grid has every combination, the last parameter fastest", "[sweep]") {
  CHECK(values_of("size=0:10:4") == "0/0 3/0 6/0 10/0 ");
  CHECK(values_of("size=4,2") == "4/0 2/0 ");
  CHECK(values_of("size=5:5:1") == "5/0 ");
  CHECK(values_of("kind=large,small") == "7/1 7/0 ");
  CHECK(has(values_of("size=0:10:12"), "no 12 values"));
  CHECK(has(values_of("size=10:0:2"), "no 2 values"));
  CHECK(has(values_of("size=0:10"), "lo:hi:n"));
  CHECK(has(values_of("size=101"), "0 to 100"));
  CHECK(has(values_of("size=1,1"), "twice"));
  CHECK(has(values_of("kind=huge"), "small or large"));
  CHECK(has(values_of("kind=0:1:2"), "of numbers"));
  CHECK(has(values_of("sise=1"), "size, kind"));
}

}  // namespace example::sweep_cases
