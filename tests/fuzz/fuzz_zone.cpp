// SPDX-License-Identifier: MIT
// Any bytes as a zone and a program of operations on it. Either the naive model runs beside it, or
// the arguments may be anything; then the zone is held to what it promises by itself.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/lab/verify.hpp"

#include "fuzz/target.hpp"
#include "fuzz/zone_program.hpp"
#include "model/naive_call.hpp"
#include "model/page_owner.hpp"
#include "model/program.hpp"
#include "model/ready_test.hpp"
#include "model/shrink.hpp"
#include "support/operation.hpp"

namespace {

using namespace pageblock;
using namespace pageblock::test;

// Prints what is to be done as C++, on request: a sanitizer ends the program where it is.
void print(const std::string& code) {
  static const bool is_wanted = std::getenv("PAGEBLOCK_FUZZ_PRINT") != nullptr;
  if (is_wanted) fmt::print(stderr, "{}\n", code);
}

bool is_question(Call call) {
  switch (call) {
    case Call::test_pages_isolated:
    case Call::has_unmovable_pages:
    case Call::is_pageblock_removable_nolock:
    case Call::zone_watermark_ok:
    case Call::zone_watermark_ok_safe:
      return true;
    default:
      return false;
  }
}

// Only a block that was typed isolate by hand can stop these, when they give blocks back.
bool may_stop_half_way(Call call) {
  return call == Call::start_isolate_page_range || call == Call::alloc_contig_range ||
         call == Call::offline_pages;
}

// What the library does not notice, as the kernel: pages on per-CPU lists that are treated as somebody's.
template <ZoneConfig Config>
bool is_unnoticed_misuse(const Zone<Config>& zone, const Operation& op) {
  const bool is_on_chunk = op.call == Call::free_pages || op.call == Call::split_page;
  const bool is_on_page = op.call == Call::set_page_lru || op.call == Call::clear_page_lru;
  if ((!is_on_chunk && !is_on_page) || op.order > Zone<Config>::top_order) return false;
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const PerCpuPages<Config>& pcp = zone.pcp(Cpu{id});
    for (std::size_t index = 0; index < pcp.nr_lists; ++index) {
      const std::uint64_t size = pcp.order_of_list(index).nr_pages();
      for (const std::uint64_t head : pfns_of(pcp.lists[index])) {
        for (std::uint64_t i = 0; i < size; ++i) {
          if (Pfn{head + i} - op.pfn < op.order.nr_pages()) return true;
        }
      }
    }
  }
  if (!is_later<Config> || op.call != Call::free_pages || !zone.is_valid(op.pfn)) return false;
  // Behind the first page of a shared chunk something that is not part of it.
  const std::uint64_t nr_behind = op.order.nr_pages() - 1;
  if (zone.page(op.pfn).count() < 2 || !zone.spans(op.pfn + nr_behind)) return false;
  for (std::uint64_t i = 1; i <= nr_behind; ++i) {
    const Pfn pfn = op.pfn + i;
    if (!zone.is_valid(pfn) || zone.page(pfn).count() != 0) return true;
    if (zone.memmap().free_chunk_of(pfn)) return true;
  }
  return false;
}

// Does the operation, and holds the zone to what it promises: a broken contract and a question
// change nothing, and copies do the same as the original.
template <ZoneConfig Config>
Result perform_checked(Zone<Config>& zone, const Operation& op) {
  print(to_code_for<Config>(op));
  const auto require_of_it = [&op](bool condition, std::string_view what) {
    if (!condition) fail(what, to_code_for<Config>(op));
  };
  const Zone<Config> before = zone;
  require_of_it(before == zone && before.hash() == zone.hash(), "a copy differs before");
  const Result result = perform(zone, op);
  const bool may_change = result.is_bug ? may_stop_half_way(op.call) : !is_question(op.call);
  if (!may_change) require_of_it(zone == before, "changed by");
  Zone<Config> twin = before;
  require_of_it(perform(twin, op) == result && twin == zone, "a copy does otherwise:");
  require_of_it(twin.hash() == zone.hash(), "equal with different hashes behind");
  return result;
}

template <ZoneConfig Config>
void run_beside_model(ByteSource bytes) {
  Program program;
  program.layout = read_layout<Config>(bytes, Arguments::near);
  if constexpr (!is_later<Config>) program.owners = read_owners(bytes, program.layout);
  print(to_code(program.layout));
  OperationReader reader{bytes,
                         Arguments::near,
                         program.layout,
                         Zone<Config>::pageblock_nr_pages,
                         is_later<Config>,
                         is_tuned<Config>};
  NaiveOf<Config> naive{geometry_of<Config>(), program.layout};
  if constexpr (!is_later<Config>) naive.owners = program.owners;
  while (!reader.empty()) {
    const Operation op = reader.next();
    if (is_unnoticed_misuse(naive, op)) continue;
    program.operations.push_back(op);
    print(to_code_for<Config>(op));
    reader.note(op, perform(naive, op));
  }
  if (!run<Config>(program)) return;
  const Program small =
      shrink(program, [](const Program& candidate) { return run<Config>(candidate).has_value(); });
  const Failure failure = run<Config>(small).value();
  fail(to_string(failure), to_ready_test<Config>(small, failure, "found by fuzz_zone"));
}

template <ZoneConfig Config>
void run_wild(ByteSource bytes) {
  const ZoneLayout layout = read_layout<Config>(bytes, Arguments::wild);
  std::vector<PageOwner> owners = read_owners(bytes, layout);
  print(to_code(layout));
  OperationReader reader{
      bytes,           Arguments::wild, layout, Zone<Config>::pageblock_nr_pages, is_later<Config>,
      is_tuned<Config>};
  Zone<Config> zone{layout};
  for (PageOwner& owner : owners) register_memory_isolate_notifier(zone, owner.notifier());
  while (!reader.empty()) {
    const Operation op = reader.next();
    if (is_unnoticed_misuse(zone, op)) continue;
    reader.note(op, perform_checked(zone, op));
    auto violations = verify(zone);
    // Blocks that were typed isolate by hand are not counted, and verify() says so.
    std::erase_if(violations, [](const std::string& text) {
      return text.starts_with("pageblocks of type isolate:");
    });
    if (!violations.empty())
      fail(to_code_for<Config>(op), fmt::format("{}", fmt::join(violations, "; ")));
  }
}

template <ZoneConfig Config>
void run(ByteSource bytes, Arguments arguments) {
  if (arguments == Arguments::near) return run_beside_model<Config>(bytes);
  run_wild<Config>(bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteSource bytes{std::span{data, size}};
  const unsigned first = bytes.next();
  const Arguments arguments = (first & 4) == 0 ? Arguments::near : Arguments::wild;
  if ((first & 24) == 24) {  // its lists do not stand what wild arguments may do
    run<ModelConfigV6_12<5, 3>>(bytes, Arguments::near);
    return 0;
  }
  if ((first & 8) != 0) {
    run<ModelConfigV6<5, 3>>(bytes, arguments);
    return 0;
  }
  switch (first & 3) {
    case 0:
      run<ModelConfig<4, 1>>(bytes, arguments);
      break;
    case 1:
      run<ModelConfig<5, 4>>(bytes, arguments);
      break;
    default:
      run<ModelConfig<5, 3>>(bytes, arguments);
      break;
  }
  return 0;
}
