// SPDX-License-Identifier: MIT
#include "sweep/task.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "common/program.hpp"

namespace example {

namespace {

// The variables of one scheduler; empty: it has none.
struct Scheduler {
  std::string_view name;
  std::string_view index;
  std::string_view count;    // how many tasks there are
  std::string_view first;    // the index of the first task
  std::string_view last;     // and of the last
  std::string_view step;     // from one task to the next
  std::uint64_t base = 0;    // the usual index of the first
  std::string_view only_if;  // means something only where this is set
};

// Who cuts work into jobs, each started by itself.
constexpr std::array<Scheduler, 9> arrays{{
    {"Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN",
     "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP", 0, ""},
    {"PBS", "PBS_ARRAY_INDEX", "", "", "", "", 0, ""},
    {"Torque", "PBS_ARRAYID", "", "", "", "", 0, ""},
    {"LSF", "LSB_JOBINDEX", "", "", "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP", 1, ""},
    {"SGE", "SGE_TASK_ID", "", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE", 1, ""},
    {"Kubernetes", "JOB_COMPLETION_INDEX", "", "", "", "", 0, ""},
    {"AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", "", "", "", 0, ""},
    {"Google Batch", "BATCH_TASK_INDEX", "BATCH_TASK_COUNT", "", "", "", 0, ""},
    {"GNU parallel", "PARALLEL_SEQ", "", "", "", "", 1, ""},
}};

// Who starts one job many times. A batch script of Slurm has a SLURM_PROCID too, though it runs once.
constexpr std::array<Scheduler, 3> ranks{{
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "", "", "", 0, ""},
    {"PMI", "PMI_RANK", "PMI_SIZE", "", "", "", 0, ""},
    {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "", "", "", 0, "SLURM_STEP_NUM_TASKS"},
}};

std::optional<std::uint64_t> read(const Environment& environment, std::string_view name) {
  if (name.empty()) return std::nullopt;
  const auto text = environment(std::string{name});
  if (!text || text->empty() || *text == "undefined") return std::nullopt;  // SGE, of no array
  std::uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [behind, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || behind != end) {
    throw UsageError{fmt::format("{} is a whole number, not '{}'", name, *text)};
  }
  return value;
}

[[nodiscard]] Task checked(Task task) {
  if (task.count == 0 || task.index >= task.count) {
    throw UsageError{fmt::format("{}: there is no task {} of {}; tasks are 0 to {}", task.source,
                                 task.index, task.count, task.count == 0 ? 0 : task.count - 1)};
  }
  return task;
}

std::optional<Task> ask(const Environment& environment, const Scheduler& scheduler,
                        std::optional<std::uint64_t> tasks) {
  if (!scheduler.only_if.empty() && !environment(std::string{scheduler.only_if}))
    return std::nullopt;
  const auto index = read(environment, scheduler.index);
  // LSF has index 0 outside of arrays.
  if (!index || (*index == 0 && scheduler.name == "LSF")) return std::nullopt;
  Task task{.source = fmt::format("{} ({}={})", scheduler.name, scheduler.index, *index)};
  if (tasks) {
    if (*index < scheduler.base) throw UsageError{task.source + ": tasks count from 1"};
    task.index = *index - scheduler.base;
    task.count = *tasks;
    return checked(task);
  }
  const std::uint64_t step = read(environment, scheduler.step).value_or(1);
  const auto last = read(environment, scheduler.last);
  const std::uint64_t first = read(environment, scheduler.first).value_or(scheduler.base);
  const auto count = read(environment, scheduler.count);
  if (!count && !last) {
    throw UsageError{fmt::format("{} does not say how many tasks there are: --tasks", task.source)};
  }
  if (step == 0 || *index < first || (last && *last < first)) {
    throw UsageError{fmt::format("{} is not of an array that begins with {}", task.source, first)};
  }
  task.index = (*index - first) / step;
  task.count = count ? *count : (*last - first) / step + 1;
  if (last && (*last - first) / step + 1 != task.count) {
    throw UsageError{fmt::format(
        "{}: the array has gaps, so it does not say how the work is cut: --tasks", task.source)};
  }
  return checked(task);
}

template <typename Schedulers>
std::optional<Task> ask_all(const Environment& environment, const Schedulers& schedulers,
                            std::optional<std::uint64_t> tasks) {
  for (const Scheduler& scheduler : schedulers) {
    if (auto task = ask(environment, scheduler, tasks)) return task;
  }
  return std::nullopt;
}

}  // namespace

Task find_task(const Environment& environment, std::optional<std::uint64_t> tasks) {
  auto rank = ask_all(environment, ranks, std::nullopt);
  auto array = ask_all(environment, arrays, tasks);
  if (!array && !rank) {
    throw UsageError{"--task auto: no scheduler says which task this is"};
  }
  if (!array) {
    if (tasks && *tasks != rank->count) {
      throw UsageError{
          fmt::format("{} says {} tasks, --tasks {}", rank->source, rank->count, *tasks)};
    }
    return *rank;
  }
  if (!rank) return *array;
  return {.index = array->index * rank->count + rank->index,
          .count = array->count * rank->count,
          .source = fmt::format("{}, {}", array->source, rank->source)};
}

}  // namespace example
