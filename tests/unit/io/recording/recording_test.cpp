// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/recording.hpp"

#include "support/catch.hpp"

namespace pageblock::test::recording_cases {

TEST_CASE("RecordingMeta says which lines are between the two states", "[recording]") {
  RecordingMeta read;
  read.t0_entries = {0, 2};
  read.t1_entries = {3, 4};
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

}  // namespace pageblock::test::recording_cases
