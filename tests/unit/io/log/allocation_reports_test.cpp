// SPDX-License-Identifier: MIT
#include "pageblock/io/log/allocation_reports.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/log/allocation_verdict.hpp"

#include "support/catch.hpp"

namespace pageblock::test::allocation_reports_cases {
namespace {

std::vector<AllocationReport> read(std::string text, std::size_t* skipped = nullptr) {
  const InputFile file{"dmesg", std::move(text)};
  AllocationReportReader reader{file};
  LogReader lines{file};
  std::size_t others = 0;
  while (lines.next_line()) {
    if (!reader.take(lines.line())) ++others;
  }
  if (skipped != nullptr) *skipped = others;
  return reader.finish();
}

AllocationVerdict judge(const AllocationReport& report) {
  const FailedRequest& request = report.request.value();
  const auto printer = parse_kernel_version(report.release);
  return judge_allocation(report.info, Order{request.order.value()},
                          read_gfp_flags(request.gfp_number, printer), rules_for(printer),
                          request.mems_allowed);
}

std::string answers(const AllocationVerdict& verdict) {
  std::string text;
  for (const ZoneVerdict& zone : verdict.zones) {
    text += fmt::format("{}{}/{} {}", text.empty() ? "" : ", ", zone.zone.node, zone.zone.name,
                        zone.answer());
  }
  return text;
}

constexpr std::string_view of_2_6_32 =
    "swapper: page allocation failure. order:1, mode:0x20\n"
    "Pid: 0, comm: swapper Not tainted 2.6.32-5-amd64 #1\n"
    "Mem-Info:\n"
    "Node 0 DMA per-cpu:\n"
    "CPU    0: hi:    0, btch:   1 usd:   0\n"
    "active_anon:105412 inactive_anon:26353 isolated_anon:0\n"
    " free:8312 slab_reclaimable:33123 slab_unreclaimable:12312\n"
    "Node 0 DMA free:15692kB min:28kB low:32kB high:40kB isolated(anon):0kB present:15288kB "
    "pages_scanned:0 all_unreclaimable? yes\n"
    "lowmem_reserve[]: 0 3512 4017 4017\n"
    "Node 0 DMA32 free:16000kB min:7012kB low:8764kB high:10516kB present:3596296kB "
    "all_unreclaimable? no\n"
    "lowmem_reserve[]: 0 0 505 505\n"
    "Node 0 Normal free:1556kB min:1008kB low:1260kB high:1512kB present:517120kB\n"
    "lowmem_reserve[]: 0 0 0 0\n"
    "Node 0 DMA: 3*4kB 2*8kB 3*16kB 2*32kB 1*64kB 1*128kB 0*256kB 0*512kB 1*1024kB 1*2048kB "
    "3*4096kB = 15692kB\n"
    "Node 0 DMA32: 3980*4kB 10*8kB 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB "
    "0*4096kB = 16000kB\n"
    "Node 0 Normal: 389*4kB 0*8kB 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB "
    "0*4096kB = 1556kB\n"
    "725000 total pagecache pages\n";

}  // namespace

TEST_CASE("AllocationReportReader passes over no line of a report", "[allocation_reports]") {
  std::size_t skipped = 99;
  const auto reports = read(
      "java: page allocation failure: order:8, mode:0x40d0\n"
      "Call trace:\n"
      "([<0000000000112f0c>] show_trace+0x10c/0x150)\n"
      "Mem-Info:\n"
      " mapped:11238 shmem:291 pagetables:6123 bounce:0\n"
      " free_cma:0\n"
      "DMA free:120000kB min:3332kB low:4164kB high:4996kB present:2097152kB\n",
      &skipped);
  CHECK(skipped == 0);
  REQUIRE(reports.size() == 1);
  REQUIRE(reports.front().info.zones.size() == 1);
  CHECK(reports.front().info.zones.front().free == 120000);
}

TEST_CASE("AllocationReportReader reads a report of 2.6.32, without letters or managed pages",
          "[allocation_reports]") {
  std::size_t skipped = 99;
  const auto reports = read(std::string{of_2_6_32}, &skipped);
  CHECK(skipped == 0);
  REQUIRE(reports.size() == 1);
  const AllocationReport& report = reports.front();
  REQUIRE(report.request);
  CHECK(report.request->comm == "swapper");
  CHECK(report.request->order == 1U);
  CHECK(report.release == "2.6.32-5-amd64");
  CHECK(report.info.kernel.names == std::vector<std::string>{"DMA", "DMA32", "Normal", "Movable"});
  const AllocationVerdict verdict = judge(report);
  CHECK(answers(verdict) ==
        "0/Normal no chunk of that order, 0/DMA32 below its watermark, 0/DMA below its watermark");
  // 3980 pages are singles: of the other 20, more than 657 / 2 would have to be left.
  CHECK(verdict.zones[1].forecast.lacks_large);
  CHECK(verdict.zones[1].forecast.demand.mark == 658);
  CHECK(verdict.zones[1].forecast.demand.reserve == 505);
  CHECK(verdict.cause == FailureCause::fragmentation);
}

TEST_CASE("AllocationReportReader finds the zones of other machines", "[allocation_reports]") {
  // 32 bits, no NUMA: "Node 0" is left out. Free CMA pages are not for GFP_KERNEL.
  const auto arm = read(
      "kworker: page allocation failure: order:3, mode:0x40d0\n"
      "CPU: 1 PID: 77 Comm: kworker Not tainted 4.4.49 #12\n"
      "Mem-Info:\n"
      "Normal free:21248kB min:3200kB low:4000kB high:4800kB present:778240kB managed:750000kB "
      "free_cma:14000kB\n"
      "lowmem_reserve[]: 0 2048 2048\n"
      "HighMem free:60000kB min:256kB low:600kB high:900kB present:262144kB managed:262144kB\n"
      "lowmem_reserve[]: 0 0 0\n"
      "Normal: 2000*4kB (UEM) 1000*8kB (UEMC) 320*16kB (MC) 4*32kB (C) 0*64kB = 21248kB\n"
      "HighMem: 500*4kB (M) 250*8kB (M) 500*16kB (M) 500*32kB (M) 500*64kB (M) = 60000kB\n");
  REQUIRE(arm.size() == 1);
  CHECK(arm[0].info.kernel.names == std::vector<std::string>{"Normal", "HighMem", "Movable"});
  CHECK(arm[0].info.kernel.classzone_idx(read_gfp_flags("GFP_HIGHUSER")) == 1);
  const AllocationVerdict kernel =
      judge_allocation(arm[0].info, Order{3}, read_gfp_flags("GFP_KERNEL"), kernel::v6_1, {});
  CHECK(answers(kernel) == "0/Normal no chunk of that order");
  CHECK(kernel.zones[0].forecast.demand.unusable == 3500);
  REQUIRE(kernel.not_asked.size() == 1);
  CHECK(kernel.not_asked[0].name == "HighMem");
  const AllocationVerdict user =
      judge_allocation(arm[0].info, Order{3}, read_gfp_flags("GFP_HIGHUSER"), kernel::v6_1, {});
  CHECK(answers(user) == "0/HighMem served, 0/Normal below its watermark");

  // Since v3.7, and not before, free CMA pages are left out.
  CHECK(rules_for(KernelVersion{3, 6}).minor == 6);
  CHECK(rules_for(KernelVersion{3, 10}).minor == 7);
  CHECK(rules_for(KernelVersion{4, 4}).minor == 1);
  CHECK(rules_for(KernelVersion{6, 11}).minor == 1);
  CHECK(rules_for(KernelVersion{6, 12}).minor == 12);
  CHECK(rules_for(KernelVersion{7, 2}).minor == 12);
  CHECK(rules_for(std::nullopt).minor == 1);
  const auto unusable = [&](const Semantics& rules) {
    return judge_allocation(arm[0].info, Order{0}, read_gfp_flags("GFP_KERNEL"), rules, {})
        .zones[0]
        .forecast.demand.unusable;
  };
  CHECK(unusable(kernel::v3_6) == 0);
  CHECK(unusable(v3_7_marks) == 3500);
  CHECK(unusable(kernel::v6_1) == 3500);

  // 64 KiB pages, two nodes of which one is allowed, a boost and what is free of the reserve.
  const auto arm64 = read(
      "[  1.0] a: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL), "
      "nodemask=(null),cpuset=/,mems_allowed=1\n"
      "[  1.0] Mem-Info:\n"
      "[  1.0] Node 0 DMA free:198400kB boost:0kB min:200000kB low:250000kB high:300000kB "
      "present:4194304kB managed:4000000kB\n"
      "[  1.0] lowmem_reserve[]: 0 0 0 0 0\n"
      "[  1.0] Node 1 Normal free:193088kB boost:64000kB min:192000kB low:250000kB high:300000kB "
      "reserved_highatomic:65536KB free_highatomic:6400KB present:4194304kB managed:4000000kB\n"
      "[  1.0] lowmem_reserve[]: 0 0 0 0 0\n"
      "[  1.0] Node 0 DMA: 3100*64kB (UM) 0*128kB = 198400kB\n"
      "[  1.0] Node 1 Normal: 3017*64kB (UM) 0*128kB = 193088kB\n");
  REQUIRE(arm64.size() == 1);
  CHECK(arm64[0].info.page_kbytes == 64);
  const AllocationVerdict node_1 = judge(arm64[0]);
  CHECK(answers(node_1) == "1/Normal below its watermark");
  CHECK(node_1.forbidden_nodes == std::vector<unsigned>{0});
  CHECK(node_1.zones[0].zone.counts.watermarks.min == 2000);
  CHECK(node_1.zones[0].zone.counts.pressure.watermark_boost == 1000);
  CHECK(node_1.zones[0].forecast.demand.unusable == 100);
  CHECK(node_1.cause == FailureCause::reserves);
}

TEST_CASE("AllocationReportReader tells interleaved reports apart, by their writers or by turn",
          "[allocation_reports]") {
  const std::string a =
      "a: page allocation failure: order:1, mode:0xcc0(GFP_KERNEL)\n"
      "Mem-Info:\n"
      "Node 0 Normal free:400kB min:40kB low:50kB high:60kB present:4000kB managed:4000kB\n"
      "lowmem_reserve[]: 0 0\n"
      "Node 0 Normal: 100*4kB (U) 0*8kB = 400kB\n";
  const std::string b =
      "b: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\n"
      "Mem-Info:\n"
      "Node 0 Normal free:800kB min:40kB low:50kB high:60kB present:4000kB managed:4000kB\n"
      "lowmem_reserve[]: 0 0\n"
      "Node 0 Normal: 200*4kB (U) 0*8kB = 800kB\n";
  const auto line = [](const std::string& text, std::size_t number) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < number; ++i) at = text.find('\n', at) + 1;
    return text.substr(at, text.find('\n', at) + 1 - at);
  };
  for (const bool says_writer : {true, false}) {
    std::string mixed;
    for (std::size_t i = 0; i < 5; ++i) {
      mixed += (says_writer ? "[  1.0][    T1] " : "[  1.0] ") + line(a, i);
      mixed += (says_writer ? "[  1.0][    T2] " : "[  1.0] ") + line(b, i);
      mixed += "[  1.0] eth0: link is up, 1000 Mbps\n";
    }
    std::size_t skipped = 0;
    const auto reports = read(mixed, &skipped);
    CAPTURE(says_writer, mixed);
    REQUIRE(reports.size() == 2);
    CHECK(skipped == 5);
    for (const AllocationReport& report : reports) {
      REQUIRE(report.info.zones.size() == 1);
      CHECK(report.info.zones[0].chunks.size() == 2);
    }
    const std::uint64_t sum = reports[0].info.zones[0].free + reports[1].info.zones[0].free;
    CHECK(sum == 1200);
    if (says_writer) CHECK(reports[0].info.zones[0].free == 400);
  }
}

TEST_CASE("AllocationReportReader takes what is left of a text that was cut",
          "[allocation_reports]") {
  const auto no_head = read(
      "Node 0 Normal free:30000kB min:20000kB low:25000kB high:30000kB present:1000000kB\n"
      "lowmem_reserve[]: 0 0 0\n"
      "Node 0 Normal: 7500*4kB (UM) 0*8k");
  REQUIRE(no_head.size() == 1);
  CHECK(!no_head[0].request);
  CHECK(no_head[0].info.zones[0].chunks.size() == 1);
  const auto no_zones = read("a: page allocation failure: order:1, mode:0xcc0(GFP_KERNEL)\n");
  REQUIRE(no_zones.size() == 1);
  CHECK(no_zones[0].info.zones.empty());
  // Wrapped between a name and its number.
  const auto wrapped = read(
      "a: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL)\nMem-Info:\nNode 0 Normal\n"
      "free:30000kB min:\n20000kB low:25000kB managed:900000kB\n");
  REQUIRE(wrapped.size() == 1);
  CHECK(wrapped[0].info.zones.at(0).min == 20000);
  CHECK(read("nothing of this\n\n").empty());
  // What kernels write at boot.
  CHECK(read("Zone ranges:\n  DMA      [mem 0x0000000000001000-0x0000000000ffffff]\n"
             "  DMA32    [mem 0x0000000001000000-0x000000003ffdffff]\n  Normal   empty\n"
             "  Device   empty\nmem auto-init: stack:all(zero), heap alloc:on, heap free:on\n"
             "DMA: preallocated 128 KiB GFP_KERNEL pool for atomic allocations\n")
            .empty());
  const auto broken_request = [](const std::string& text) {
    const auto reports = read(text);
    REQUIRE(reports.size() == 1);
    return reports[0].request.value();
  };
  CHECK(broken_request("a: page allocation failure: order:4,\nmode:0xcc0(GFP_KERNEL)\n").order ==
        4U);
  CHECK(broken_request("a: page allocation failure:\norder:4, mode:0xcc0(GFP_KERNEL)\n").order ==
        4U);
  CHECK(broken_request("a invoked oom-killer:\ngfp_mask=0xcc0(GFP_KERNEL), order=4\n").order == 4U);
  CHECK(broken_request("a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL),\norder=4, x\n").order ==
        4U);
}

TEST_CASE("AllocationReportReader reads what the OOM killer says", "[allocation_reports]") {
  const auto reports = read(
      "py invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=7\n"
      "memory: usage 1048576kB, limit 1048576kB, failcnt 312\n"
      "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0-1,task=py\n"
      "Memory cgroup out of memory: Killed process 9911 (py) total-vm:1300000kB\n"
      "sh invoked oom-killer: gfp_mask=0x280da, order=-1, oom_adj=0\n");
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].request->kind == FailedRequest::Kind::oom);
  CHECK(reports[0].constraint == OomConstraint::memcg);
  CHECK(reports[0].cgroup->limit == 1048576);
  CHECK(reports[0].killed->pid == 9911);
  CHECK(reports[0].killed->comm == "py");
  CHECK(reports[0].request->mems_allowed->has(1));
  CHECK(!reports[0].request->mems_allowed->has(2));
  CHECK(!reports[1].request->order);
}

TEST_CASE("AllocationReportReader refuses what no kernel prints", "[allocation_reports]") {
  const auto why = [](const std::string& text) {
    try {
      read(text);
    } catch (const ParseError& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  CHECK(why("a: page allocation failure: order:40, mode:0xcc0(GFP_KERNEL)\n") ==
        "dmesg:1: order 40 is above any kernel's");
  CHECK(why("Mem-Info:\nNode 0 Normal: 1*4kB (U) 1*16kB\n") ==
        "dmesg:2: chunks of 16 kB behind those of 4 kB");
  CHECK(why("Node 0 Normal: 1*5kB\n") ==
        "dmesg:1: the smallest chunks have 5 kB, as no kernel's pages do");
  CHECK(why("Node 0 DMA: 1*4kB\nNode 0 Normal: 1*64kB\n") ==
        "dmesg:2: pages of 64 kB, but of 4 kB in line 1");
  CHECK(why("Node 0 Normal free:99999999999999kB min:1kB\n") ==
        "dmesg:1: 99999999999999 kB of 'free' are more than any machine has");
}

TEST_CASE("guess_kernel_zones finds the zones without memory that the reserves count",
          "[mem_info]") {
  const auto names = [](std::vector<MemInfoZone> zones) {
    return fmt::format("{}", fmt::join(guess_kernel_zones(zones).names, " "));
  };
  const auto zone = [](std::string name, std::vector<std::uint64_t> reserve) {
    MemInfoZone result{.name = std::move(name)};
    result.lowmem_reserve = std::move(reserve);
    return result;
  };
  CHECK(names({zone("DMA", {0, 9, 9, 9, 9}), zone("DMA32", {0, 0, 0, 0, 0})}) ==
        "DMA DMA32 Normal Movable Device");
  CHECK(names({zone("DMA", {0, 9, 9, 9}), zone("Normal", {0, 0, 8, 8}),
               zone("HighMem", {0, 0, 0, 0})}) == "DMA Normal HighMem Movable");
  CHECK(names({zone("DMA", {0, 9, 9}), zone("Normal", {0, 0, 0})}) == "DMA Normal Movable");
  // DMA32's first reserve stands at Normal's number: there is a DMA below it.
  CHECK(names({zone("DMA32", {0, 0, 9, 9}), zone("Normal", {0, 0, 0, 0})}) ==
        "DMA DMA32 Normal Movable");
  CHECK(names({zone("DMA32", {0, 9, 9, 9}), zone("Normal", {0, 0, 0, 0})}) ==
        "DMA32 Normal Movable Device");
  CHECK(names({zone("Normal", {})}) == "Normal Movable");
}

}  // namespace pageblock::test::allocation_reports_cases
