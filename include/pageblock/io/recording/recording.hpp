// SPDX-License-Identifier: MIT
/// What a recording of a running kernel says about itself (meta.json).
///
/// Layer:  io.
/// Kernel: none; the program that records writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/trace/ftrace.hpp"

namespace pageblock {

/// A step of the workload, such as "offline memory2", and its result: of an attempt to take a
/// memory block offline or online 0 or a negative errno, otherwise an exit status.
struct RecordingStep {
  std::string what;
  std::int64_t result = 0;
};

/// Where a zone of the recorded kernel has its free lists, in bytes.
struct FreeAreaPlace {
  std::uint64_t offset = 0;  ///< from the zone's address to those of order 0
  std::uint64_t size = 0;    ///< of the lists of one order

  static constexpr std::uint64_t list_size = 16;  ///< two pointers
};

/// What meta.json says of a recording: the machine, and the steps that were taken.
struct RecordingMeta {
  std::string dataset;
  std::string kernel;
  std::uint64_t memory_mib = 0;
  std::string clock;
  /// "full", or "light" for those of isolation, offline and online only.
  std::string probes;
  /// Where the trace names free lists by their addresses (v6.12).
  std::optional<FreeAreaPlace> free_area{};
  /// How many events each CPU had recorded when the machine stood still.
  std::vector<std::uint64_t> t0_entries;
  std::vector<std::uint64_t> t1_entries;
  std::vector<RecordingStep> steps;

  [[nodiscard]] std::size_t nr_cpus() const { return t0_entries.size(); }

  /// Returns the version of the kernel; nothing if the text names none.
  [[nodiscard]] std::optional<KernelVersion> kernel_version() const {
    return parse_kernel_version(find_kernel_release(kernel));
  }

  /// Returns whether an event happened between the two states.
  [[nodiscard]] bool is_between(const ftrace::Line& line) const {
    const std::size_t cpu = line.cpu.id();
    return line.is_event() && cpu < nr_cpus() && line.nr_on_cpu >= t0_entries[cpu] &&
           line.nr_on_cpu < t1_entries[cpu];
  }
};

}  // namespace pageblock
