// SPDX-License-Identifier: MIT
#include "pageblock/io/text/iomem.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::iomem_cases {

namespace {

std::string fault_of(const std::string& content) {
  return test::fault_in([&] { return parse_iomem(InputFile{"iomem", content}); });
}

}  // namespace

TEST_CASE("parse_iomem returns the whole pages of System RAM", "[iomem]") {
  const auto ram = parse_iomem(InputFile{"iomem",
                                         "00000000-00000fff : Reserved\n"
                                         "00001000-0009fbff : System RAM\n"
                                         "00100800-1ffdffff : System RAM\n"
                                         "  01000000-01e01ef1 : Kernel code\n"
                                         "100000000-11fffffff : virtio1\n"
                                         "  100000000-107ffffff : System RAM (virtio_mem)\n"
                                         "  108000000-10fffffff : System RAM (virtio_mem)\n"});
  CHECK(ram == std::vector<PfnRange>{{Pfn{1}, Pfn{0x9f}},
                                     {Pfn{0x101}, Pfn{0x1ffe0}},
                                     {Pfn{0x100000}, Pfn{0x110000}}});
}

TEST_CASE("parse_iomem finds nothing where the kernel hides addresses", "[iomem]") {
  CHECK(parse_iomem(InputFile{"iomem", "00000000-00000000 : System RAM\n"}).empty());
}

TEST_CASE("parse_system_ram knows what virtio-mem has brought, and pages of other sizes",
          "[iomem]") {
  SkippedLines skipped;
  const SystemRam ram =
      parse_system_ram(InputFile{"iomem",
                                 "$ sudo cat /proc/iomem\n"
                                 "00001000-0fffffff : System RAM\n"
                                 "100000000-11fffffff : virtio1\n"
                                 "  100000000-107ffffff : System RAM (virtio_mem)\n"},
                       16384, &skipped);
  CHECK(ram.ranges == std::vector<PfnRange>{{Pfn{1}, Pfn{0x4000}}, {Pfn{0x40000}, Pfn{0x42000}}});
  CHECK(ram.virtio_mem == std::vector<PfnRange>{{Pfn{0x40000}, Pfn{0x42000}}});
  CHECK(skipped.first() == std::vector<std::size_t>{1});
}

TEST_CASE("parse_iomem names the line of what is wrong", "[iomem]") {
  CHECK(fault_of("") == "iomem: the file is empty");
  CHECK(fault_of("00000000-00000fff\n") == "iomem:1: expected '<start>-<end> : <name>'");
  CHECK(fault_of("00000000 : System RAM\n") == "iomem:1: expected '<start>-<end> : <name>'");
  CHECK(fault_of("0000zzzz-00000fff : System RAM\n") ==
        "iomem:1: '0000zzzz' is no number for 'start'");
  CHECK(fault_of("00001000-00000fff : System RAM\n") == "iomem:1: the range ends before it begins");
}

}  // namespace pageblock::test::iomem_cases
