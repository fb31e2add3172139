// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/contig_pages.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

#include "common/program.hpp"
#include "empty_memory/request.hpp"

namespace example {
namespace {

using namespace pageblock;

template <const Semantics& rules>
struct MachineConfig : DefaultConfig {
  static constexpr Semantics semantics = rules;
  using Lock = NullLock;
};

// Where the first of the pages in use are.
PfnRange used_range(const Request& request) {
  const Pfn start = request.want == Want::contig_pages ? Pfn{0} : request.range.start;
  return {start, start + request.in_use};
}

ZoneLayout layout_of(const Request& request, ZoneType type, const PfnRange& range) {
  ZoneLayout layout{.name = type == ZoneType::movable ? "Movable" : "Normal",
                    .type = type,
                    .start_pfn = range.start,
                    .spanned_pages = range.nr_pages()};
  const PfnRange used = used_range(request);
  const PfnRange here{std::max(used.start, range.start), std::min(used.end, range.end)};
  if (!here.empty()) layout.in_use.push_back({.range = here, .lru = true});
  for (const SpecialPage& page : request.pages) {
    const PfnRange one{page.pfn, page.pfn + 1};
    if (!range.contains(page.pfn)) continue;
    if (page.is == SpecialPage::Is::reserved) {
      layout.reserved.push_back(one);
    } else {
      layout.in_use.push_back({.range = one, .lru = page.is == SpecialPage::Is::movable});
    }
  }
  return layout;
}

template <ZoneConfig Config>
Node<Config> make_node(const Request& request) {
  const Pfn border{request.memory};
  std::vector<Zone<Config>> zones;
  zones.emplace_back(layout_of(request, ZoneType::normal, {Pfn{0}, border}));
  if (request.movable != 0) {
    zones.emplace_back(layout_of(request, ZoneType::movable, {border, border + request.movable}));
  }
  Node<Config> node{std::move(zones)};
  for (const SpecialPage& page : request.pages) {
    if (page.is != SpecialPage::Is::driver) continue;
    node.zone_of(page.pfn)->memmap().set_bits(page.pfn,
                                              PageBits{PageBits::in_use | PageBits::offline});
  }
  return node;
}

template <const Semantics& rules>
Answer run_with(const Request& request) {
  auto node = make_node<MachineConfig<rules>>(request);
  StubbornPages pages;
  for (const SpecialPage& page : request.pages) {
    if (page.is == SpecialPage::Is::movable) pages.set(page.pfn, page.stubborn);
  }
  MemoryNotifierChain notifiers;
  notifiers.add({[](void*, MemoryNotify& arg) {
    return arg.event == MemoryEvent::going_offline ? notifier_from_errno(-Err::busy) : notify::okay;
  }});
  const HotplugOptions options{.rounds = request.rounds,
                               .notifiers = request.notifier_objects ? &notifiers : nullptr};
  Answer answer;
  const PfnRange range = request.range;
  const auto begin = std::chrono::steady_clock::now();
  switch (request.want) {
    case Want::contig:
      static_cast<void>(alloc_contig_range(node, Cpu{0}, range.start, range.end,
                                           MigrateType::movable, pages, &answer.attempt));
      break;
    case Want::contig_pages:
      static_cast<void>(alloc_contig_pages(node, Cpu{0}, range.nr_pages(), ZoneType::movable, pages,
                                           &answer.attempt));
      break;
    case Want::offline:
      if (offline_pages(node, range.start, range.nr_pages(), pages, options, &answer.attempt) !=
          ok) {
        answer.log = offline_failure_message(answer.attempt);
      }
      break;
  }
  answer.seconds = std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
  for (const auto& zone : node.zones()) {
    answer.nr_free += static_cast<std::uint64_t>(std::max<std::int64_t>(zone.nr_free_pages(), 0));
  }
  return answer;
}

}  // namespace

Answer run(const Request& request) {
  const Pfn end{request.memory + request.movable};
  if (request.want != Want::contig_pages && request.range.end > end) {
    throw UsageError{
        fmt::format("the range {:#x} ends behind the memory, at {:#x}", request.range, end)};
  }
  const bool in_both =
      request.range.start < Pfn{request.memory} && Pfn{request.memory} < request.range.end;
  if (request.want == Want::contig && in_both) {
    throw UsageError{"the range is in two zones"};
  }
  if (used_range(request).end > end) throw UsageError{"more memory is in use than there is"};
  for (const SpecialPage& page : request.pages) {
    if (std::ranges::count(request.pages, page.pfn, &SpecialPage::pfn) != 1) {
      throw UsageError{fmt::format("page {:#x} is named twice", page.pfn)};
    }
    if (page.pfn >= end) {
      throw UsageError{
          fmt::format("page {:#x} is behind the memory, which ends at {:#x}", page.pfn, end)};
    }
  }
  if (request.kernel == "v3.6") return run_with<kernel::v3_6>(request);
  if (request.kernel == "v6.12") return run_with<kernel::v6_12>(request);
  return run_with<kernel::v6_1>(request);
}

}  // namespace example
