// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/recording.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::recording_cases {

namespace {

const std::string meta = R"({
 "dataset": "d05_mixed_2cpu",
 "kernel": "Linux version 6.1.0-56-cloud-amd64",
 "memory_mib": 1024,
 "clock": "counter",
 "probes": "full",
 "T0": {"trace_entries_per_cpu": [0, 2], "overrun": [0, 0]},
 "T1": {"trace_entries_per_cpu": [3, 4]},
 "steps": [["offline memory1", -16], ["run anon 12", 0]],
 "notes": ""
})";

RecordingMeta parse(const std::string& content) {
  const InputFile file{"meta.json", content};
  return parse_recording_meta(file);
}
std::string fault_with(const std::string& from, const std::string& to) {
  std::string changed = meta;
  changed.replace(changed.find(from), from.size(), to);
  return test::fault_in([&] { return parse(changed); });
}

}  // namespace

TEST_CASE("parse_recording_meta reads what a replay needs", "[recording]") {
  const RecordingMeta read = parse(meta);
  CHECK(read.dataset == "d05_mixed_2cpu");
  CHECK(read.kernel == "Linux version 6.1.0-56-cloud-amd64");
  CHECK(read.memory_mib == 1024);
  CHECK(read.clock == "counter");
  CHECK(read.probes == "full");
  CHECK(read.nr_cpus() == 2);
  CHECK(read.t1_entries == std::vector<std::uint64_t>{3, 4});
  REQUIRE(read.steps.size() == 2);
  CHECK(read.steps[0].what == "offline memory1");
  CHECK(read.steps[0].result == -16);
}

TEST_CASE("RecordingMeta says which lines are between the two states", "[recording]") {
  const RecordingMeta read = parse(meta);
  const auto is_between = [&](unsigned cpu, std::uint64_t nr_on_cpu) {
    ftrace::Line line;
    line.prefix = "x";
    line.cpu = Cpu{cpu};
    line.nr_on_cpu = nr_on_cpu;
    return read.is_between(line);
  };
  CHECK(is_between(0, 0));
  CHECK(is_between(0, 2));
  CHECK_FALSE(is_between(0, 3));
  CHECK_FALSE(is_between(1, 1));
  CHECK(is_between(1, 2));
  CHECK_FALSE(is_between(1, 4));
  CHECK_FALSE(is_between(2, 0));
  CHECK_FALSE(read.is_between(ftrace::Line{}));  // a comment
}

TEST_CASE("parse_recording_meta names the line of what is wrong", "[recording]") {
  CHECK(fault_with("\"dataset\"", "\"data\"") == "meta.json:1: the object has no 'dataset'");
  CHECK(fault_with("1024", "\"1024\"") == "meta.json:4: expected a number");
  CHECK(fault_with("[3, 4]", "[3]") == "meta.json:8: T1 has another number of CPUs than T0");
  CHECK(fault_with("[3, 4]", "[3, -4]") == "meta.json:8: -4 is no whole number in range");
  CHECK(fault_with("[\"run anon 12\", 0]", "[\"run anon 12\"]") ==
        "meta.json:9: expected [\"<what>\", <result>]");
  CHECK(fault_with("-16", "null") == "meta.json:9: expected a number");
}

}  // namespace pageblock::test::recording_cases
