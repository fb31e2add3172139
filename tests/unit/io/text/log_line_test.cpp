// SPDX-License-Identifier: MIT
#include "pageblock/io/text/log_line.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"

namespace pageblock::test::log_line_cases {
namespace {

std::string text_of(std::string_view raw) {
  const InputFile file{"dmesg", std::string{raw}};
  LogReader reader{file};
  REQUIRE(reader.next_line());
  return std::string{reader.line().text};
}
LogLine line_of(const InputFile& file) {
  LogReader reader{file};
  REQUIRE(reader.next_line());
  return reader.line();
}

}  // namespace

TEST_CASE("LogReader takes off whatever is put in front of a kernel's line", "[log_line]") {
  for (const std::string_view prefix : {"",
                                        "  ",
                                        "[   49.215291] ",
                                        "<4>[   49.215291] ",
                                        "<12>",
                                        "[   49.215291][   T18] ",
                                        "[ 2333.037004] [1:   Binder:715_1:  846] ",
                                        "[Sat Nov 28 08:26:09 2026] ",
                                        "[Nov28 08:26] ",
                                        "[  +0.000005] ",
                                        "kern  :warn  : [   49.215291] ",
                                        "kern  :info  : [Sat Nov 28 08:26:09 2026] ",
                                        "Feb 19 16:20:13 host kernel: ",
                                        "Feb  9 16:20:13.123456 host kernel: ",
                                        "Feb 19 16:20:13 host kernel: [   49.215291] ",
                                        "2026-11-28T08:26:09.123456+00:00 host kernel: ",
                                        "2026-11-28T08:26:09+0000 host kernel: ",
                                        "2026-11-28 08:26:09 ",
                                        "> ",
                                        "> > [   49.215291] ",
                                        "kernel: ",
                                        "2026-11-28T08:26:09 host kernel[0]: ",
                                        "[   49.215291] kernel: ",
                                        "[   49.215291] (2)[1234:kworker/u8:1]",
                                        "01-02 03:04:05.678     0     0 W KERNEL: "}) {
    CAPTURE(prefix);
    CHECK(text_of(std::string{prefix} + "Node 0 DMA free:6496kB") == "Node 0 DMA free:6496kB");
    CHECK(text_of(std::string{prefix} + "Mem-Info:\r\n") == "Mem-Info:");
  }
}

TEST_CASE("LogReader leaves what only looks like a prefix", "[log_line]") {
  CHECK(text_of("[<ffffffff81047d1b>] warn_slowpath+0x7b") ==
        "[<ffffffff81047d1b>] warn_slowpath+0x7b");
  CHECK(text_of("[mem 0x48000000-0x4fffffff] failed") == "[mem 0x48000000-0x4fffffff] failed");
  CHECK(text_of("Normal: 3*4kB") == "Normal: 3*4kB");
  CHECK(text_of("Mar-a-lago 12:34:56 is no date") == "Mar-a-lago 12:34:56 is no date");
  CHECK(text_of("<long>") == "<long>");
}

TEST_CASE("LogReader says when a line was written, and by whom", "[log_line]") {
  const InputFile boot{"dmesg", "[   49.250000][   C3] text"};
  const LogLine line = line_of(boot);
  CHECK(line.seconds == 49.25);
  CHECK(line.stamp == "49.250000");
  CHECK(line.caller == "C3");
  CHECK(line.number == 1);
  const InputFile both{"dmesg", "Feb 19 16:20:13 host kernel: [ 1.5] text"};
  CHECK(line_of(both).stamp == "Feb 19 16:20:13");
  CHECK(line_of(both).seconds == 1.5);
  const InputFile none{"dmesg", "text"};
  CHECK(line_of(none).stamp.empty());
}

}  // namespace pageblock::test::log_line_cases
