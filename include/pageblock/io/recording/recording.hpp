// SPDX-License-Identifier: MIT
/// Reads what a recording of a running kernel says about itself (meta.json).
///
/// Layer:  io.
/// Kernel: none; the program that records writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/text/json_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/ftrace.hpp"

namespace pageblock {

/// A step of the workload, such as "offline memory2", and its result: of an attempt to take a
/// memory block offline or online 0 or a negative errno, otherwise an exit status.
struct RecordingStep {
  std::string what;
  std::int64_t result = 0;
};

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

/// Reads meta.json; members that are not listed above are left out. Throws ParseError.
[[nodiscard]] inline RecordingMeta parse_recording_meta(const InputFile& file) {
  const JsonValue meta = parse_json(file);
  const auto entries = [&](std::string_view moment) {
    std::vector<std::uint64_t> counts;
    for (const JsonValue& count : meta.at(moment).at("trace_entries_per_cpu").array()) {
      counts.push_back(count.integer<std::uint64_t>());
    }
    return counts;
  };
  RecordingMeta result{.dataset = meta.at("dataset").string(),
                       .kernel = meta.at("kernel").string(),
                       .memory_mib = meta.at("memory_mib").integer<std::uint64_t>(),
                       .clock = meta.at("clock").string(),
                       .probes = meta.at("probes").string(),
                       .t0_entries = entries("T0"),
                       .t1_entries = entries("T1"),
                       .steps = {}};
  if (result.t1_entries.size() != result.t0_entries.size()) {
    meta.at("T1").fail("T1 has another number of CPUs than T0");
  }
  for (const JsonValue& step : meta.at("steps").array()) {
    if (step.array().size() != 2) step.fail("expected [\"<what>\", <result>]");
    result.steps.push_back({step.array()[0].string(), step.array()[1].integer<std::int64_t>()});
  }
  return result;
}

}  // namespace pageblock
