// SPDX-License-Identifier: MIT
/// What a recording of a running kernel says about itself (meta.json).
///
/// Layer:  io.
/// Kernel: none; the program that records writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pageblock/io/trace/ftrace.hpp"

namespace pageblock {

/// A step of the workload, such as "offline memory2", and its result: of an attempt to take a
/// memory block offline or online 0 or a negative errno, otherwise an exit status.
struct RecordingStep {
  std::string what;
  std::int64_t result = 0;
};

/// What meta.json says of a recording: the machine, and the steps that were taken.
struct RecordingMeta {
  std::string dataset;
  std::string kernel;
  std::uint64_t memory_mib = 0;
  std::string clock;
  /// "full", or "light" for those of isolation, offline and online only.
  std::string probes;
  /// How many events each CPU had recorded when the machine stood still.
  std::vector<std::uint64_t> t0_entries;
  std::vector<std::uint64_t> t1_entries;
  std::vector<RecordingStep> steps;

  [[nodiscard]] std::size_t nr_cpus() const { return t0_entries.size(); }

  /// Returns whether an event happened between the two states.
  [[nodiscard]] bool is_between(const ftrace::Line& line) const {
    const std::size_t cpu = line.cpu.id();
    return line.is_event() && cpu < nr_cpus() && line.nr_on_cpu >= t0_entries[cpu] &&
           line.nr_on_cpu < t1_entries[cpu];
  }
};

}  // namespace pageblock
