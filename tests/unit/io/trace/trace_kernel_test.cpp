// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/trace_kernel.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::trace_kernel_cases {

namespace {

recorded::Operation request(unsigned migratetype, std::string_view flags, std::size_t line = 1) {
  return {line, Cpu{0},
          recorded::Allocation{.pfn = Pfn{1}, .migratetype = migratetype, .gfp_flags = flags}};
}

TraceKernel find(const std::vector<recorded::Operation>& operations, bool has_old_names = false,
                 std::optional<KernelVersion> asked = {}) {
  return find_trace_kernel(operations, InputFile{"trace", {}}, has_old_names, asked);
}
std::string fault_of(const std::vector<recorded::Operation>& operations,
                     std::optional<KernelVersion> asked = {}) {
  return test::fault_in([&] { return find(operations, false, asked); });
}

}  // namespace

TEST_CASE("find_trace_kernel learns the numbers of migratetypes from requests", "[trace_kernel]") {
  const auto by_movable = find({request(0, "GFP_KERNEL"), request(2, "GFP_HIGHUSER_MOVABLE", 7)});
  CHECK_FALSE(by_movable.since_v4_4);
  CHECK(by_movable.evidence == "in line 7 migratetype 2 comes with GFP_HIGHUSER_MOVABLE");
  CHECK(by_movable.type_of(1) == MigrateType::reclaimable);
  CHECK(by_movable.type_of(2) == MigrateType::movable);
  CHECK(find({request(1, "GFP_USER|__GFP_MOVABLE")}).type_of(1) == MigrateType::movable);
  CHECK(find({request(2, "GFP_KERNEL|__GFP_RECLAIMABLE")}).since_v4_4);
  CHECK_FALSE(find({request(1, "GFP_KERNEL|GFP_RECLAIMABLE")}).since_v4_4);
  CHECK(find({request(1, "0x100cca")}).since_v4_4);
  CHECK_FALSE(find({request(2, "0x200da")}).since_v4_4);
}

TEST_CASE("find_trace_kernel takes names for evidence, and what is asked", "[trace_kernel]") {
  CHECK_FALSE(find({request(1, "")}, true).since_v4_4);
  CHECK(find({request(1, "GFP_NEW|__GFP_NEWER")}).since_v4_4);
  CHECK_FALSE(find({request(1, "")}, false, KernelVersion{4, 3}).since_v4_4);
  CHECK(find({request(1, "")}, false, KernelVersion{4, 4}).since_v4_4);
  CHECK(find({request(0, "")}).evidence.empty());  // nothing depends on it
}

TEST_CASE("find_trace_kernel refuses what contradicts, and what nothing decides",
          "[trace_kernel]") {
  CHECK(fault_of({request(0, ""), request(2, "", 9)}) ==
        "trace:9: nothing says which kernel it was, and so whether migratetype 1 is movable (since "
        "Linux 4.4) or reclaimable (before): it has to be given (--kernel)");
  CHECK(
      fault_of({request(1, "GFP_HIGHUSER_MOVABLE"), request(2, "GFP_HIGHUSER_MOVABLE", 2)}) ==
      "trace:2: migratetype 2 comes with GFP_HIGHUSER_MOVABLE, as before Linux 4.4, but in line 1 "
      "migratetype 1 comes with GFP_HIGHUSER_MOVABLE");
  CHECK(fault_of({request(1, "GFP_HIGHUSER_MOVABLE")}, KernelVersion{3, 10}) ==
        "trace:1: migratetype 1 comes with GFP_HIGHUSER_MOVABLE, as since Linux 4.4, but another "
        "kernel was asked for");
}

}  // namespace pageblock::test::trace_kernel_cases
