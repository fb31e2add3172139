#include "pageblock/io/trace_decoder.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "support/catch.hpp"
#include "support/fault.hpp"

using namespace pageblock;

namespace {

/// A trace, and the operations in it, which are views of it.
struct Trace {
  InputFile file{"trace", {}};

  // Each line of @p events is that of CPU 0, or of the CPU whose number it begins with: "1|...".
  explicit Trace(std::string_view events) {
    while (!events.empty()) {
      std::string_view event = events.substr(0, events.find('\n'));
      events.remove_prefix(event.size() + 1);
      std::string_view cpu = "0";
      if (event.substr(1).starts_with("|")) {
        cpu = event.substr(0, 1);
        event.remove_prefix(2);
      }
      file.content += fmt::format("  sh-1  [00{}] 1.000000: {}\n", cpu, event);
    }
  }

  [[nodiscard]] std::vector<recorded::Operation> decode() const {
    TraceDecoder decoder{file};
    while (decoder.next_line()) decoder.decode();
    return decoder.finish();
  }
};

std::string alloc(std::string_view pfn, std::string_view order = "0", std::string_view type = "0") {
  return fmt::format(
      "mm_page_alloc: page=0000000000000001 pfn={} order={} migratetype={} gfp_flags=GFP_KERNEL\n",
      pfn, order, type);
}
std::string locked(std::string_view pfn, std::string_view order, bool percpu_refill) {
  return fmt::format(
      "mm_page_alloc_zone_locked: page=0000000000000001 pfn={} order={} migratetype=0 "
      "percpu_refill={}\n",
      pfn, order, percpu_refill ? 1 : 0);
}
std::string freed(std::string_view pfn, std::string_view order = "0") {
  return fmt::format("mm_page_free: page=0000000000000001 pfn={} order={}\n", pfn, order);
}
std::string batched(std::string_view pfn) {
  return fmt::format("mm_page_free_batched: page=0000000000000001 pfn={} order=0\n", pfn);
}
std::string drained(std::string_view pfn) {
  return fmt::format("mm_page_pcpu_drain: page=0000000000000001 pfn={} order=0 migratetype=0\n",
                     pfn);
}
// The descriptor of page n is at 0xffffea0000000000 + 64 n.
std::string descriptor(unsigned pfn) { return fmt::format("{:#x}", 0xffffea0000000000 + 64 * pfn); }
std::string pcp_free(unsigned pfn) {
  return fmt::format(
      "pcp_free: (free_unref_page_commit+0x0/0x1) zone=0x10 pcp=0x20 page={} mt=0 order=0\n",
      descriptor(pfn));
}
const std::string refill =
    "pcp_refill: (rmqueue_bulk+0x0/0x1) zone=0x10 order=0 count=2 list=0x30 mt=0 flags=0x801\n";
std::string refill_ret(int got) {
  return fmt::format("pcp_refill_ret: (get_page_from_freelist+0x1/0x2 <- rmqueue_bulk) ret={}\n",
                     got);
}

template <typename What>
const What& as(const recorded::Operation& operation) {
  REQUIRE(std::holds_alternative<What>(operation.what));
  return std::get<What>(operation.what);
}

}  // namespace

TEST_CASE("TraceDecoder makes one operation of a refill and its request", "[trace_decoder]") {
  // Another CPU's request comes in between, and takes effect later though it is written earlier.
  const Trace trace{refill + "1|" + alloc("0x90") + locked("0x7", "0", true) +
                    locked("0x5", "0", true) + refill_ret(2) + alloc("0x7")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 2);
  CHECK(operations[0].line == 2);
  CHECK(operations[0].cpu == Cpu{1});
  CHECK(as<recorded::Allocation>(operations[0]).refill.empty());

  CHECK(operations[1].line == 3);
  CHECK(operations[1].cpu == Cpu{0});
  const auto& request = as<recorded::Allocation>(operations[1]);
  CHECK(request.pfn == Pfn{7});
  CHECK(request.source == recorded::Source::any);
  CHECK(request.alloc_flags == 0x801);
  CHECK(request.gfp_flags == "GFP_KERNEL");
  CHECK(request.refill == std::vector{Pfn{7}, Pfn{5}});
}

TEST_CASE("TraceDecoder knows a refill without probes by its pages", "[trace_decoder]") {
  const Trace trace{locked("0x7", "0", true) + locked("0x5", "0", true) + alloc("0x7") +
                    alloc("0x5") + locked("0x3", "0", true) + alloc("0x3")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  CHECK(as<recorded::Allocation>(operations[0]).refill == std::vector{Pfn{7}, Pfn{5}});
  CHECK(as<recorded::Allocation>(operations[1]).refill.empty());
  CHECK(as<recorded::Allocation>(operations[2]).refill == std::vector{Pfn{3}});
}

TEST_CASE("TraceDecoder tells requests that pass the per-CPU lists by", "[trace_decoder]") {
  const Trace trace{locked("0x10", "4", false) + alloc("0x10", "4") + locked("0x7", "0", false) +
                    alloc("0x7") +
                    "mm_page_alloc: page=(null) pfn=0x0 order=3 migratetype=1 "
                    "gfp_flags=GFP_ATOMIC\n" +
                    refill + refill_ret(0)};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 4);
  CHECK(as<recorded::Allocation>(operations[0]).source == recorded::Source::any);
  CHECK(as<recorded::Allocation>(operations[0]).order == Order{4});
  CHECK(as<recorded::Allocation>(operations[1]).source == recorded::Source::buddy);
  CHECK(as<recorded::FailedRequest>(operations[2]).order == Order{3});
  CHECK(!as<recorded::Allocation>(operations[3]).pfn);
  CHECK(as<recorded::Allocation>(operations[3]).zone == 0x10);
}

TEST_CASE("TraceDecoder tells pages of the bulk allocator from others", "[trace_decoder]") {
  const std::string page = "bulk_page: (__alloc_pages_bulk+0x3/0x6) page=";
  const Trace trace{"bulk: (__alloc_pages_bulk+0x0/0x6) gfp=0x2dca nr=3 list=0x0 array=0x1\n" +
                    page + descriptor(9) + "\n" + refill + locked("0x7", "0", true) +
                    locked("0x5", "0", true) + refill_ret(2) + page + descriptor(7) + "\n" +
                    "bulk_ret: (f+0x1/0x2 <- __alloc_pages_bulk) ret=2\n" + alloc("0x5")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  CHECK(as<recorded::Allocation>(operations[0]).source == recorded::Source::bulk);
  CHECK(as<recorded::Allocation>(operations[0]).pfn == Pfn{9});
  CHECK(as<recorded::Allocation>(operations[0]).migratetype == 1);
  CHECK(as<recorded::Allocation>(operations[1]).source == recorded::Source::bulk);
  CHECK(as<recorded::Allocation>(operations[1]).refill.size() == 2);
  CHECK(as<recorded::Allocation>(operations[2]).source == recorded::Source::any);
}

TEST_CASE("TraceDecoder gives a request its steals, and whether they claimed the block",
          "[trace_decoder]") {
  const std::string extfrag =
      "mm_page_alloc_extfrag: page=0000000000000001 pfn=0x200 alloc_order=4 fallback_order=9 "
      "pageblock_order=9 alloc_migratetype=0 fallback_migratetype=1 fragmenting=0 "
      "change_ownership=1\n";
  SECTION("with probes") {
    const Trace trace{
        "steal: (steal_suitable_fallback+0x0/0x3) zone=0x10 page=" + descriptor(0x200) +
        " flags=0x901 start=0 whole=1\n"
        "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x0 pfn=0x200 "
        "mask=0x7\n" +
        extfrag + "steal: (steal_suitable_fallback+0x0/0x3) zone=0x10 page=" + descriptor(0x400) +
        " flags=0x901 start=0 whole=1\n" + locked("0x200", "4", false) + alloc("0x200", "4")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 1);
    CHECK(operations[0].line == 1);
    const auto& request = as<recorded::Allocation>(operations[0]);
    CHECK(request.alloc_flags == 0x901);
    REQUIRE(request.steals.size() == 2);
    CHECK(request.steals[0].pfn == Pfn{0x200});
    CHECK(request.steals[0].claimed);
    CHECK(request.steals[1].pfn == Pfn{0x400});
    CHECK(!request.steals[1].claimed);
  }
  SECTION("without") {
    const Trace trace{extfrag + locked("0x200", "4", false) + alloc("0x200", "4")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 1);
    REQUIRE(as<recorded::Allocation>(operations[0]).steals.size() == 1);
    CHECK(as<recorded::Allocation>(operations[0]).steals[0].claimed);
  }
}

TEST_CASE("TraceDecoder frees a page when it reaches a list", "[trace_decoder]") {
  SECTION("with probes") {
    const Trace trace{freed("0x7") + freed("0x5") + batched("0x7") + pcp_free(7) + batched("0x5") +
                      pcp_free(5) + drained("0x7") + drained("0x5") + freed("0x9") +
                      "free_one: (free_one_page.constprop.0+0x0/0x1) zone=0x10 page=" +
                      descriptor(9) + " pfn=0x9 order=0 mt=4\n" + freed("0x40", "5")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 4);
    CHECK(as<recorded::Free>(operations[0]).pfn == Pfn{7});
    CHECK(operations[0].line == 4);
    // It takes effect with the first page drained.
    CHECK(as<recorded::Free>(operations[1]).pfn == Pfn{5});
    CHECK(as<recorded::Free>(operations[1]).drained == std::vector{Pfn{7}, Pfn{5}});
    CHECK(operations[1].line == 7);
    CHECK(as<recorded::Free>(operations[2]).past_pcp);
    CHECK(as<recorded::Free>(operations[3]).order == Order{5});
  }
  SECTION("without") {
    const Trace trace{freed("0x7") + freed("0x5") + batched("0x7") + drained("0x7") +
                      batched("0x5")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 2);
    CHECK(as<recorded::Free>(operations[0]).pfn == Pfn{7});
    CHECK(as<recorded::Free>(operations[0]).drained == std::vector{Pfn{7}});
    CHECK(operations[0].line == 4);
    CHECK(as<recorded::Free>(operations[1]).pfn == Pfn{5});
    CHECK(operations[1].line == 5);
  }
}

TEST_CASE("TraceDecoder joins calls with their returns", "[trace_decoder]") {
  const Trace trace{
      "offline: (offline_pages+0x0/0x1) start=0x8000 nr=32768\n"
      "pcp_disable: (zone_pcp_disable+0x0/0x1) zone=0x10\n"
      "start_isolate: (start_isolate_page_range+0x0/0x1) start=0x8000 end=0x10000 mt=1 flags=0x3 "
      "gfp=0x1\n"
      "set_isolate: (set_migratetype_isolate.isra.0+0x0/0x1) page=0xffffea0000200000 a2=0x3 "
      "a3=0x8000 a4=0x8200\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x4 pfn=0x8000 mask=0x7\n"
      "set_isolate_ret: (isolate_single_pageblock+0x1/0x2 <- set_migratetype_isolate.isra.0) "
      "ret=0\n"
      "start_isolate_ret: (offline_pages+0x1/0x2 <- start_isolate_page_range) ret=-16\n"
      "unset_isolate: (unset_migratetype_isolate+0x0/0x1) page=0xffffea0000200000 mt=1\n"
      "move_block: (move_freepages_block+0x0/0x2) zone=0x10 page=0xffffea0000200000 mt=1\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x1 pfn=0x8000 mask=0x7\n"
      "unset_isolate_ret: (undo_isolate_page_range+0x5/0xa <- unset_migratetype_isolate)\n"
      "offline_ret: (memory_subsys_offline+0x8/0x1 <- offline_pages) ret=-16\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x3 pfn=0x400 mask=0x7\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x8 pfn=0x400 mask=0x8\n"};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 7);
  CHECK(as<recorded::OfflineBegin>(operations[0]).range == PfnRange{Pfn{0x8000}, Pfn{0x10000}});
  CHECK(as<recorded::PcpDisable>(operations[1]).drains);
  CHECK(as<recorded::IsolateRange>(operations[2]).ret == -16);
  const auto& set = as<recorded::SetIsolate>(operations[3]);
  CHECK(operations[3].line == 5);
  CHECK(set.ret == 0);
  CHECK(set.pfn == Pfn{0x8000});
  CHECK(set.range == PfnRange{Pfn{0x8000}, Pfn{0x8200}});
  CHECK(as<recorded::UnsetIsolate>(operations[4]).migratetype == 1);
  CHECK(operations[4].line == 9);
  CHECK(as<recorded::OfflineEnd>(operations[5]).ret == -16);
  CHECK(as<recorded::Retype>(operations[6]).migratetype == 3);
}

TEST_CASE("TraceDecoder reads that memory comes online, and in which zone", "[trace_decoder]") {
  const Trace trace{
      "online: (online_pages+0x0/0x2) start=0x8000 nr=32768\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x4 pfn=0x8000 mask=0x7\n"
      "free_core: (__free_pages_core+0x0/0x9) page=0xffffea0000200000 order=10\n"
      "free_ok: (__free_pages_ok+0x0/0x5) page=0xffffea0000200000 order=10 fpi=0x6\n" +
      freed("0x8000", "10") +
      "move_block: (move_freepages_block+0x0/0x2) zone=0x10 page=0xffffea0000200000 mt=1\n"
      "online_ret: (memory_subsys_online+0x9/0x1 <- online_pages) ret=0\n" +
      "free_ok: (__free_pages_ok+0x0/0x5) page=0xffffea0000200000 order=10 fpi=0x0\n" +
      freed("0x8000", "10")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  CHECK(as<recorded::OnlineBegin>(operations[0]).zone == 0x10);
  CHECK(as<recorded::Free>(operations[1]).to_tail);
  CHECK(!as<recorded::Free>(operations[2]).to_tail);
}

TEST_CASE("TraceDecoder drains for a contiguous range where no probe shows it", "[trace_decoder]") {
  const std::string isolate =
      "start_isolate: (start_isolate_page_range+0x0/0x1) start=0x8000 end=0x8200 mt=1 flags=0x0 "
      "gfp=0x1\n"
      "start_isolate_ret: (alloc_contig_range+0xeb/0x2 <- start_isolate_page_range) ret=0\n";
  const Trace without{isolate + drained("0x7")};
  const auto operations = without.decode();
  REQUIRE(operations.size() == 2);
  CHECK(as<recorded::DrainAll>(operations[1]).pfn == Pfn{0x8000});
  CHECK(as<recorded::DrainAll>(operations[1]).drained == std::vector{Pfn{7}});

  const Trace with{isolate + "drain_zone_cpu: (drain_pages_zone+0x0/0x7) cpu=1 zone=0x10\n" +
                   drained("0x7")};
  const auto shown = with.decode();
  REQUIRE(shown.size() == 2);
  CHECK(as<recorded::Drain>(shown[1]).cpu == Cpu{1});
  CHECK(as<recorded::Drain>(shown[1]).drained == std::vector{Pfn{7}});
  CHECK(shown[1].line == 4);
}

TEST_CASE("TraceDecoder names the line of a probe that lacks an argument", "[trace_decoder]") {
  const Trace trace{alloc("0x7") + "pcp_refill: (rmqueue_bulk+0x0/0x1) zone=0x10\n"};
  CHECK(test::fault_in([&] { return trace.decode(); }) ==
        "trace:2: pcp_refill: expected 'order=<number>' in ' zone=0x10'");
}
