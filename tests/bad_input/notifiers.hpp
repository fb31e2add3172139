// SPDX-License-Identifier: MIT
/// Notifiers that do what they should not.
#pragma once

#include <optional>

#include "pageblock/clients/contig.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/isolate_notifier.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "bad_input/bad_input.hpp"

namespace pageblock::test {

using NotifierCall = int (*)(void* zone, MemoryIsolateNotify& arg);

/// A zone with a notifier, for one call.
class WithNotifier {
 public:
  WithNotifier(TinyZone& zone, NotifierCall notifier) : zone_{zone} {
    register_memory_isolate_notifier(zone_, {notifier, &zone});
  }

  [[nodiscard]] Status isolate(std::uint64_t pfn) {
    return set_migratetype_isolate(zone_, Pfn{pfn});
  }
  [[nodiscard]] Status isolate(std::uint64_t start, std::uint64_t end) {
    return start_isolate_page_range(zone_, Pfn{start}, Pfn{end}, movable);
  }
  [[nodiscard]] std::optional<Refusal> explain(std::uint64_t pfn) {
    return explain_isolate(zone_, Pfn{pfn});
  }
  [[nodiscard]] Status alloc_contig(std::uint64_t start, std::uint64_t end) {
    return alloc_contig_range(zone_, cpu0, Pfn{start}, Pfn{end}, movable);
  }

 private:
  TinyZone& zone_;
};

inline TinyZone& zone_of(void* context) { return *static_cast<TinyZone*>(context); }

inline int throws(void*, MemoryIsolateNotify&) { throw NotifierError{}; }
inline int throws_at_40(void*, MemoryIsolateNotify& arg) {
  if (arg.start_pfn == Pfn{40}) throw NotifierError{};
  return notify::okay;
}
inline int refuses(void*, MemoryIsolateNotify&) { return notifier_from_errno(-Err::nomem); }
inline int allocates(void* context, MemoryIsolateNotify&) {
  static_cast<void>(alloc_pages(zone_of(context), cpu0, single, movable));
  return notify::okay;
}
inline int frees(void* context, MemoryIsolateNotify&) {
  free_pages(zone_of(context), cpu0, Pfn{64}, single);
  return notify::okay;
}
inline int drains(void* context, MemoryIsolateNotify&) {
  drain_pages(zone_of(context), cpu0);
  return notify::okay;
}
inline int isolates(void* context, MemoryIsolateNotify&) {
  static_cast<void>(set_migratetype_isolate(zone_of(context), Pfn{40}));
  return notify::okay;
}
inline int copies(void* context, MemoryIsolateNotify&) {
  const TinyZone copy = zone_of(context);
  return notify::okay;
}
inline int registers(void* context, MemoryIsolateNotify&) {
  register_memory_isolate_notifier(zone_of(context), {&refuses});
  return notify::okay;
}
inline int reads(void* context, MemoryIsolateNotify& arg) {
  const TinyZone& zone = zone_of(context);
  return zone.page(arg.start_pfn).count() == 0 && zone.nr_free_pages() > 0
             ? notify::okay
             : notifier_from_errno(-Err::inval);
}
inline int isolates_elsewhere(void*, MemoryIsolateNotify&) {
  TinyZone other{{.spanned_pages = 16}};
  return notifier_from_errno(set_migratetype_isolate(other, Pfn{0}));
}

}  // namespace pageblock::test
