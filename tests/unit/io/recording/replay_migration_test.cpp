// SPDX-License-Identifier: MIT
/// Which pages leave memory that is to become empty, and where to, as a replay predicts it.
#include "pageblock/io/recording/replay_migration.hpp"

#include <utility>
#include <vector>

#include "pageblock/base/kernels.hpp"
#include "pageblock/io/recording/exact_state.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/io/recording/replay_context.hpp"
#include "pageblock/io/recording/replay_machine.hpp"

#include "support/catch.hpp"
#include "support/words.hpp"

namespace pageblock::test::replay_migration_cases {

namespace {

constexpr Semantics rules_v6_1 = kernel::without_cma(kernel::v6_1);
constexpr Semantics rules_v6_12 = kernel::without_cma(kernel::v6_12);

// Normal has [0, 2048): pages 0, 1 and 2 are on LRU lists, the second half is a free chunk.
ExactState state() {
  ExactZone zone;
  zone.name = "Normal";
  zone.spanned = zone.present = zone.managed = 2048;
  zone.nr_free_pages = 1024;
  zone.lowmem_reserve = {0, 0, 0, 0};
  zone.pageset_batch = 1;
  zone.free_lists = {{Order{10}, 1, {Pfn{1024}}}};
  ExactState state;
  state.label = "T0";
  state.max_pfn = Pfn{2048};
  state.nr_cpus = 1;
  ExactSection section;
  section.is_online = true;
  section.migratetypes = {1, 1, 1, 1};
  state.sections = {std::move(section)};
  state.zones = {std::move(zone)};
  return state;
}

PageRuns pages() {
  const auto run = [](PfnRange range, std::uint32_t flags, std::int32_t count) {
    PageRun of;
    of.range = range;
    of.flags = flags;
    of.refcount = count;
    of.zone_bits = static_cast<unsigned>(ZoneType::normal);
    return of;
  };
  PageRun head = run(range(1024, 1025), 0, 0);
  head.type = PageType::buddy;
  head.order = Order{10};
  return PageRuns{{run(range(0, 3), page_flag::lru, 1), run(range(3, 1024), 0, 1), head,
                   run(range(1025, 2048), 0, 0)}};
}

template <const Semantics& rules>
struct Replay {
  using Config = ReplayConfig<rules>;

  Replay() {
    context.operation = &operation;
    context.emptying = {range(0, 512), true};
    machine.zone_of(Pfn{0}).pageblock_flags().set(Pfn{0}, MigrateType::isolate);
  }
  // Pages that move, in order, and their copies.
  ReplayScore follow(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& moves) {
    result.migrations = {};
    migration.apply(recorded::MigrateBegin{});
    for (const auto& [from, to] : moves) {
      recorded::Allocation request{.pfn = Pfn{to}, .migratetype = 1};
      request.gfp_flags = "GFP_USER|__GFP_RETRY_MAYFAIL|__GFP_COMP|__GFP_MOVABLE";
      migration.observe(request);
      migration.observe(recorded::Free{.pfn = Pfn{from}});
    }
    migration.apply(recorded::MigrateEnd{});
    return result.migrations;
  }

  ExactState t0 = state();
  PageRuns runs = pages();
  ReplayMachine<Config> machine{t0, runs, t0, {}};
  ReplayResult result{};
  ReplayContext<Config> context{machine, result, {}};
  recorded::Operation operation{};
  ReplayMigration<Config> migration{context};
};

}  // namespace

TEST_CASE("a replay predicts which pages leave memory, in order, and where to",
          "[replay_migration]") {
  Replay<rules_v6_1> replay;
  CHECK(replay.follow({{0, 1024}, {1, 1025}, {2, 1026}}).right == 3);
  CHECK(replay.result.taken.empty());
  // In another order, to other pages, or fewer: what is not as predicted is wrong.
  CHECK(replay.follow({{1, 1024}, {0, 1025}, {2, 1026}}).right == 1);
  CHECK(replay.follow({{0, 1025}, {1, 1024}, {2, 1026}}).right == 1);
  const ReplayScore more = replay.follow({{0, 1024}, {1, 1025}, {2, 1026}, {5, 1027}});
  CHECK(more.right == 3);
  CHECK(more.total == 4);

  Replay<rules_v6_12> descends;
  CHECK(descends.follow({{2, 1024}, {1, 1025}, {0, 1026}}).right == 3);
  CHECK(descends.follow({{0, 1024}, {1, 1025}, {2, 1026}}).right == 1);
}

TEST_CASE("a replay takes from the trace which pages do not move", "[replay_migration]") {
  Replay<rules_v6_1> replay;
  CHECK(replay.follow({{0, 1024}, {2, 1025}}).right == 2);  // the copy for 1 is free again
  CHECK(replay.result.taken.at("pages that did not move when they should") == 1);
}

TEST_CASE("a replay predicts no migration but that of memory that is to become empty",
          "[replay_migration]") {
  Replay<rules_v6_1> replay;
  replay.context.emptying.reset();
  CHECK(replay.follow({{0, 1024}}).total == 0);
}

}  // namespace pageblock::test::replay_migration_cases
