// SPDX-License-Identifier: MIT
#include "pageblock/io/log/failed_request.hpp"

#include "support/catch.hpp"

namespace pageblock::test::failed_request_cases {

TEST_CASE("parse_failed_request knows the first lines of all kernels", "[failed_request]") {
  struct Case {
    std::string_view line;
    std::string_view comm;
    unsigned order;
    std::string_view number;
    std::string_view names;
  };
  for (const auto& [line, comm, order, number, names] : {
           Case{"swapper: page allocation failure. order:1, mode:0x20", "swapper", 1, "0x20", ""},
           Case{"kworker/0:1: page allocation failure: order:4, mode:0x40d0", "kworker/0:1", 4,
                "0x40d0", ""},
           Case{"a b: page allocation failure: order:0, mode:0x2080020(GFP_ATOMIC)", "a b", 0,
                "0x2080020", "GFP_ATOMIC"},
           Case{"kworker/0:1: vmemmap alloc failure: order:9, "
                "mode:0x4cc0(GFP_KERNEL|__GFP_RETRY_MAYFAIL), nodemask=(null),cpuset=/,"
                "mems_allowed=0",
                "kworker/0:1", 9, "0x4cc0", "GFP_KERNEL|__GFP_RETRY_MAYFAIL"},
           Case{"x: page allocation stalls for 10120ms, order:2, mode:0x14000c0(GFP_KERNEL)", "x",
                2, "0x14000c0", "GFP_KERNEL"},
           Case{"java invoked oom-killer: gfp_mask=0x280da, order=0, oom_adj=0", "java", 0,
                "0x280da", ""},
           Case{"java invoked oom-killer: gfp_mask=0x24201ca(GFP_HIGHUSER_MOVABLE|__GFP_COLD), "
                "nodemask=0, order=3, oom_score_adj=0",
                "java", 3, "0x24201ca", "GFP_HIGHUSER_MOVABLE|__GFP_COLD"},
           Case{"insmod: vmalloc error: size 4096, page order 3, failed to allocate pages, "
                "mode:0xcc2(GFP_KERNEL|__GFP_HIGHMEM), nodemask=(null)",
                "insmod", 3, "0xcc2", "GFP_KERNEL|__GFP_HIGHMEM"},
       }) {
    CAPTURE(line);
    const auto request = parse_failed_request(line);
    REQUIRE(request);
    CHECK(request->comm == comm);
    CHECK(request->order == order);
    CHECK(request->gfp_number == number);
    CHECK(request->gfp_names == names);
  }
  CHECK(!parse_failed_request("page allocation failure is a pity"));
  CHECK(!parse_failed_request("usb: mode:0x1 order:3"));
}

TEST_CASE("node_list_behind reads lists of nodes, of whatever form", "[failed_request]") {
  const auto list = node_list_behind("nodemask=0,2-3,cpuset=/,mems_allowed=0-7", "nodemask=");
  REQUIRE(list);
  CHECK(list->has(0));
  CHECK(!list->has(1));
  CHECK(list->has(3));
  CHECK(!node_list_behind("nodemask=(null),cpuset=/", "nodemask="));
  CHECK(!node_list_behind("nodemask=3-2", "nodemask="));
}

}  // namespace pageblock::test::failed_request_cases
