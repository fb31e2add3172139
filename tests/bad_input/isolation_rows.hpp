// SPDX-License-Identifier: MIT
/// Bad inputs of isolation/.
#pragma once

#include <vector>

#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/isolate_notifier.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/unmovable.hpp"

#include "bad_input/bad_input.hpp"
#include "bad_input/notifiers.hpp"

namespace pageblock::test {

inline std::vector<BadInput> isolation_rows() {
  return {
      BAD("a pfn below the zone", "BUG: pfn is not in the zone",
          set_migratetype_isolate(zone, Pfn{31})),
      BAD("a pfn behind the zone", "BUG: pfn is not in the zone",
          set_migratetype_isolate(zone, Pfn{164})),
      ALLOWED("a block that is a hole", "ok", "as in v3.6, which asks for a page, not for memory",
              set_migratetype_isolate(zone, Pfn{128})),
      ALLOWED("a block that is isolated already", "ok",
              "as in v3.6: not counted again; the CPUs are drained",
              set_migratetype_isolate(zone, Pfn{96})),
      ALLOWED("a block cut by the zone's end", "ok",
              "as in v3.6: its free pages stay on their lists",
              set_migratetype_isolate(zone, Pfn{160})),
      BAD("a block with kernel pages", "-EBUSY", set_migratetype_isolate(zone, Pfn{80})),
      BAD("a reserved block", "-EBUSY", set_migratetype_isolate(zone, Pfn{72})),
      BAD("a pfn behind the zone", "BUG: pfn is not in the zone",
          unset_migratetype_isolate(zone, Pfn{164}, movable)),
      BAD("an unknown type", "BUG: no such migratetype",
          unset_migratetype_isolate(zone, Pfn{96}, no_type)),
      HARMLESS("a block that was never isolated", "nothing", "as in v3.6",
               unset_migratetype_isolate(zone, Pfn{32}, movable)),
      BAD("a start inside a block", "BUG: the range is not whole pageblocks",
          start_isolate_page_range(zone, Pfn{33}, Pfn{48}, movable)),
      BAD("an end inside a block", "BUG: the range is not whole pageblocks",
          start_isolate_page_range(zone, Pfn{32}, Pfn{47}, movable)),
      BAD("an unknown type", "BUG: no such migratetype",
          start_isolate_page_range(zone, Pfn{32}, Pfn{48}, no_type)),
      HARMLESS("an empty range", "ok", "as in v3.6",
               start_isolate_page_range(zone, Pfn{32}, Pfn{32}, movable)),
      HARMLESS("a reversed range", "ok", "as in v3.6",
               start_isolate_page_range(zone, Pfn{48}, Pfn{32}, movable)),
      HARMLESS("a range over a hole", "ok", "blocks without memory are skipped",
               start_isolate_page_range(zone, Pfn{128}, Pfn{144}, movable)),
      HARMLESS("a range below the zone", "ok", "pfns outside the zone count as holes",
               start_isolate_page_range(zone, Pfn{0}, Pfn{32}, movable)),
      HARMLESS("a range behind the zone", "ok", "pfns outside the zone count as holes",
               start_isolate_page_range(zone, Pfn{168}, Pfn{1ULL << 63}, movable)),
      ALLOWED("a range that is isolated already", "ok",
              "as in v3.6: not counted again; the CPUs are drained",
              start_isolate_page_range(zone, Pfn{96}, Pfn{112}, movable)),
      ALLOWED("a busy block behind one that is isolated already", "-EBUSY",
              "as in v3.6: the roll back gives back what another had isolated",
              start_isolate_page_range(zone, Pfn{96}, Pfn{120}, movable)),
      BAD("a start inside a block", "BUG: the range is not whole pageblocks",
          undo_isolate_page_range(zone, Pfn{97}, Pfn{112}, movable)),
      BAD("an end inside a block", "BUG: the range is not whole pageblocks",
          undo_isolate_page_range(zone, Pfn{96}, Pfn{111}, movable)),
      BAD("an unknown type", "BUG: no such migratetype",
          undo_isolate_page_range(zone, Pfn{96}, Pfn{112}, no_type)),
      HARMLESS("a range that was never isolated", "ok", "as in v3.6",
               undo_isolate_page_range(zone, Pfn{32}, Pfn{48}, movable)),
      HARMLESS("an empty range", "ok", "as in v3.6",
               undo_isolate_page_range(zone, Pfn{96}, Pfn{96}, movable)),
      HARMLESS("a reversed range", "ok", "as in v3.6",
               undo_isolate_page_range(zone, Pfn{112}, Pfn{96}, movable)),
      HARMLESS("a range outside the zone", "ok", "pfns outside the zone count as holes",
               undo_isolate_page_range(zone, Pfn{168}, Pfn{1ULL << 63}, movable)),
      ALLOWED("a range wider than what is isolated", "ok", "as in v3.6: other blocks are skipped",
              undo_isolate_page_range(zone, Pfn{0}, Pfn{1ULL << 63}, movable)),
      BAD("an empty range", "-EBUSY", test_pages_isolated(zone, Pfn{96}, Pfn{96})),
      BAD("a reversed range", "-EBUSY", test_pages_isolated(zone, Pfn{112}, Pfn{96})),
      BAD("a range over a hole", "-EBUSY", test_pages_isolated(zone, Pfn{128}, Pfn{144})),
      BAD("a range outside the zone", "-EBUSY",
          test_pages_isolated(zone, Pfn{168}, Pfn{1ULL << 63})),
      BAD("a range that is not isolated", "-EBUSY", test_pages_isolated(zone, Pfn{32}, Pfn{48})),
      BAD("a start inside a free chunk", "-EBUSY", test_pages_isolated(zone, Pfn{97}, Pfn{112})),
      HARMLESS("an end inside a block", "ok", "as in v3.6: no alignment is asked for",
               test_pages_isolated(zone, Pfn{96}, Pfn{105})),
      BAD("a pfn behind the zone", "BUG: pfn is not in the zone",
          has_unmovable_pages(zone, Pfn{164}, 0)),
      HARMLESS("a pfn outside the zone", "false", "no memory, nothing to remove",
               is_pageblock_removable_nolock(zone, Pfn{164})),
      BAD("a pfn behind the zone", "BUG: pfn is not in the zone", explain_isolate(zone, Pfn{164})),
      BAD("a start inside a block", "BUG: the range is not whole pageblocks",
          explain_isolate_range(zone, Pfn{33}, Pfn{48})),
      HARMLESS("a reversed range", "nothing", "as the call that it explains",
               explain_isolate_range(zone, Pfn{48}, Pfn{32})),
      BAD("an empty range", "test: page 96: no memory in the range; waiting will not help",
          explain_test(zone, Pfn{96}, Pfn{96})),
      BAD("a range outside the zone",
          "test: page 168: no memory in the range; waiting will not help",
          explain_test(zone, Pfn{168}, Pfn{1ULL << 63})),
  };
}

inline std::vector<BadInput> uncounted_rows() {
  return {
      BAD("giving back a block that was not counted",
          "BUG: more blocks are isolated than were counted",
          unset_migratetype_isolate(zone, Pfn{8}, movable)),
      BAD("giving back more blocks than were counted",
          "BUG: more blocks are isolated than were counted",
          undo_isolate_page_range(zone, Pfn{0}, Pfn{32}, movable)),
      ALLOWED("the same at the end of a client", "BUG: more blocks are isolated than were counted",
              "a call on a range may have done the part before",
              alloc_contig_range(zone, cpu0, Pfn{0}, Pfn{8}, movable)),
      ENDS("giving back a block that was not counted, and a handler that returns",
           unset_migratetype_isolate(zone, Pfn{8}, movable)),
      HARMLESS("isolating it", "ok", "as in v3.6: isolated already, so still not counted",
               set_migratetype_isolate(zone, Pfn{8})),
  };
}

inline std::vector<BadInput> notifier_rows() {
  return {
      BAD("a notifier without a function", "BUG: a notifier needs a function",
          register_memory_isolate_notifier(zone, {})),
      BAD("a notifier that was never registered", "-ENOENT",
          unregister_memory_isolate_notifier(zone, {&throws})),
      BAD("a notifier that throws", "the notifier's exception",
          WithNotifier{zone, &throws}.isolate(32)),
      ALLOWED("a notifier that throws at the second block", "the notifier's exception",
              "the first is given back and the CPUs are drained, as in a refusal",
              WithNotifier{zone, &throws_at_40}.isolate(32, 48)),
      BAD("a notifier that throws, asked for an explanation", "the notifier's exception",
          WithNotifier{zone, &throws}.explain(32)),
      BAD("a notifier that throws", "the notifier's exception",
          WithNotifier{zone, &throws}.alloc_contig(32, 40)),
      BAD("a notifier that refuses", "-EBUSY", WithNotifier{zone, &refuses}.isolate(32)),
      BAD("a notifier that allocates a page here",
          "BUG: a notifier calls into the zone that asks it",
          WithNotifier{zone, &allocates}.isolate(32)),
      BAD("a notifier that frees a page here", "BUG: a notifier calls into the zone that asks it",
          WithNotifier{zone, &frees}.isolate(32)),
      BAD("a notifier that drains a CPU here", "BUG: a notifier calls into the zone that asks it",
          WithNotifier{zone, &drains}.isolate(32)),
      BAD("a notifier that isolates here", "BUG: a notifier calls into the zone that asks it",
          WithNotifier{zone, &isolates}.isolate(32)),
      BAD("the same, asked for an explanation", "BUG: a notifier calls into the zone that asks it",
          WithNotifier{zone, &isolates}.explain(32)),
      BAD("a notifier that copies the zone", "BUG: a notifier calls into the zone that asks it",
          WithNotifier{zone, &copies}.isolate(32)),
      BAD("a notifier that registers a notifier",
          "BUG: a notifier calls into the zone that asks it",
          WithNotifier{zone, &registers}.isolate(32)),
      ALLOWED("a notifier that reads the zone", "ok", "counters and pages may be read",
              WithNotifier{zone, &reads}.isolate(32)),
      ALLOWED("a notifier that isolates in another zone", "ok", "that one has its own chain",
              WithNotifier{zone, &isolates_elsewhere}.isolate(32)),
      ENDS("a notifier that re-enters, and a handler that returns",
           WithNotifier{zone, &allocates}.isolate(32)),
  };
}

}  // namespace pageblock::test
