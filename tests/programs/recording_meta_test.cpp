// SPDX-License-Identifier: MIT
#include "common/recording_meta.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

using namespace pageblock;

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
  return example::parse_recording_meta(file);
}
std::string fault_with(const std::string& from, const std::string& to) {
  std::string changed = meta;
  changed.replace(changed.find(from), from.size(), to);
  return test::fault_in([&] { return parse(changed); });
}

}  // namespace

TEST_CASE("parse_recording_meta reads which kernel it was and where its free lists are",
          "[recording]") {
  CHECK(parse(meta).kernel_version() == KernelVersion{6, 1});
  CHECK(!parse(meta).free_area);
  std::string later = meta;
  const std::string clock = " \"clock\"";
  later.replace(later.find(clock), clock.size(),
                " \"free_area\": {\"offset\": 256, \"size\": 88}," + clock);
  const auto place = parse(later).free_area;
  REQUIRE(place);
  CHECK(place->offset == 256);
  CHECK(place->size == 88);
}

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

TEST_CASE("parse_recording_meta names the member that is wrong", "[recording]") {
  CHECK(fault_with("\"dataset\"", "\"data\"") == "meta.json: there is no 'dataset'");
  CHECK(fault_with("1024", "\"1024\"") == "meta.json: 'memory_mib' is no whole number from 0");
  CHECK(fault_with("[3, 4]", "[3]") == "meta.json: 'T1' has another number of CPUs than T0");
  CHECK(fault_with("[3, 4]", "[3, -4]") ==
        "meta.json: 'T1.trace_entries_per_cpu[1]' is no whole number from 0");
  CHECK(fault_with("[\"run anon 12\", 0]", "[\"run anon 12\"]") ==
        "meta.json: 'steps[1]' is no [\"<what>\", <result>]");
  CHECK(fault_with("-16", "null") == "meta.json: 'steps[0][1]' is no whole number");
  CHECK(fault_with("-16", "1.5") == "meta.json: 'steps[0][1]' is no whole number");
  CHECK(fault_with("\"T0\": {", "\"T0\": [").starts_with("meta.json: byte "));
  CHECK(test::fault_in([] { return parse("[]"); }) == "meta.json: '' is no object");
}
