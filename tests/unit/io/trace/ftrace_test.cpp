// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/ftrace.hpp"

#include "support/catch.hpp"

namespace pageblock::test::ftrace_cases {
using ftrace::Probe;

TEST_CASE("Probe finds its arguments by their whole names", "[ftrace]") {
  const Probe probe{"pcp_free", "free_unref_page_commit+0x0/0x180",
                    " zone=0xffff88803fe28600 order=3 pcp=0x10 mt=-1 reason=contig_range"};
  CHECK(probe.text("order") == "3");
  CHECK(probe.text("reason") == "contig_range");
  CHECK_FALSE(probe.text("orde").has_value());
  CHECK_FALSE(probe.text("rder").has_value());
  CHECK_FALSE(probe.text("cp").has_value());
  CHECK_FALSE(Probe{"unset_isolate_ret", "a+0x0/0x1 <- b", ""}.text("ret").has_value());
}

TEST_CASE("Probe reads numbers with and without 0x, and says what is none", "[ftrace]") {
  const Probe probe{
      "probe", "f+0x0/0x1",
      " zone=0xffff88803fe28600 n=32768 ret=-16 bad=0xfg x=0x big=18446744073709551616"};
  CHECK(probe.number("zone") == 0xffff88803fe28600U);
  CHECK(probe.number("n") == 32768U);
  CHECK(probe.integer("n") == 32768);
  CHECK(probe.integer("ret") == -16);
  CHECK_FALSE(probe.number("ret").has_value());
  CHECK_FALSE(probe.number("bad").has_value());
  CHECK_FALSE(probe.number("x").has_value());
  CHECK_FALSE(probe.number("big").has_value());
  CHECK_FALSE(probe.number("none").has_value());
  CHECK_FALSE(probe.integer("zone").has_value());
}

TEST_CASE("Probe names the function and, of a return, where it went", "[ftrace]") {
  const Probe entry{"offline", "offline_pages+0x0/0x7a8", " start=0x10000 nr=32768"};
  CHECK_FALSE(entry.is_return());
  CHECK(entry.function() == "offline_pages");
  CHECK(entry.caller().empty());

  const Probe left{"alloc_contig_ret",
                   "virtio_mem_fake_offline+0x58/0xc0 [virtio_mem] <- alloc_contig_range",
                   " ret=0"};
  CHECK(left.is_return());
  CHECK(left.function() == "alloc_contig_range");
  CHECK(left.caller() == "virtio_mem_fake_offline");

  const Probe of_module{"probe", "vfs_write+0x1/0x2 <- virtio_mem_notify [virtio_mem]", ""};
  CHECK(of_module.function() == "virtio_mem_notify");
}

TEST_CASE("Vmemmap goes from a descriptor to its page and back", "[ftrace]") {
  const ftrace::Vmemmap vmemmap;
  CHECK(vmemmap.pfn_of(0xffffea0000228dc0) == Pfn{0x8a37});
  CHECK(vmemmap.page_of(Pfn{0x8a37}) == 0xffffea0000228dc0U);
  CHECK(vmemmap.pfn_of(0xffffea0000000000) == Pfn{0});
  CHECK_FALSE(vmemmap.pfn_of(0xffffea0000228dc8).has_value());
  CHECK_FALSE(vmemmap.pfn_of(0xffffe9ffffffffc0).has_value());
  CHECK_FALSE(vmemmap.pfn_of(0).has_value());
  CHECK(ftrace::Vmemmap{.base = 0x1000, .descriptor_size = 56}.pfn_of(0x1070) == Pfn{2});
}

}  // namespace pageblock::test::ftrace_cases
