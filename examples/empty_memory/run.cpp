// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <concepts>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/kernels.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/contig_pages.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/io/picture/time_line_tracer.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

#include "common/kernel_arguments.hpp"
#include "common/program.hpp"
#include "empty_memory/request.hpp"

namespace example {
namespace {

using namespace pageblock;

template <const Semantics& rules, typename Watcher>
struct MachineConfig : DefaultConfig {
  static constexpr Semantics semantics = rules;
  using Lock = NullLock;
  using Tracer = Watcher;
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
      // v3.6 cannot move a driver's pages.
      const bool is_kernels = request.kernel == "v3.6" && page.stubborn.kind == InUseKind::driver;
      const bool can_move = page.is == SpecialPage::Is::movable && !is_kernels;
      layout.in_use.push_back({.range = one, .lru = can_move});
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

// Draws the zones of a node, if they are watched. What events have changed is seen when a page has
// moved, and at the end.
template <ZoneConfig Config>
class Drawing {
 public:
  Drawing(Node<Config>& node, TimeLine* line, StubbornPages& pages) : node_{node}, line_{line} {
    if constexpr (is_drawn) {
      for (const Zone<Config>& zone : node.zones()) line_->watch(zone);
      pages.on_moved = [this](Pfn, OptionalPfn, Order) { follow_all(); };
    }
  }
  Drawing(const Drawing&) = delete;
  Drawing& operator=(const Drawing&) = delete;
  ~Drawing() = default;

  void end(const Attempt& attempt) {
    if constexpr (is_drawn) {
      follow_all();
      line_->step({.what = "the end",
                   .detail = fmt::format("{}", attempt),
                   .pages = attempt.range,
                   .is_refusal = attempt.status != ok});
      for (const Zone<Config>& zone : node_.zones()) {
        line_->look(zone, std::span{&zone.room(), 1});
      }
    }
  }

 private:
  static constexpr bool is_drawn = std::same_as<typename Config::Tracer, TimeLineTracer>;

  void follow_all() {
    for (Zone<Config>& zone : node_.zones()) follow(*line_, zone);
  }

  Node<Config>& node_;
  TimeLine* line_;
};

template <ZoneConfig Config>
Answer run_with(const Request& request, TimeLine* line) {
  auto node = make_node<Config>(request);
  StubbornPages pages;
  Drawing<Config> drawing{node, line, pages};
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
                                           contig_argument<Config>(), pages, &answer.attempt));
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
  drawing.end(answer.attempt);
  for (const auto& zone : node.zones()) {
    answer.nr_free += static_cast<std::uint64_t>(std::max<std::int64_t>(zone.nr_free_pages(), 0));
  }
  return answer;
}

template <const Semantics& rules>
Answer run_by(const Request& request, TimeLine* line) {
  if (line != nullptr) return run_with<MachineConfig<rules, TimeLineTracer>>(request, line);
  return run_with<MachineConfig<rules, trace::NullTracer>>(request, nullptr);
}

}  // namespace

Answer run(const Request& request, TimeLine* line) {
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
  if (request.kernel == "v3.6") return run_by<kernel::v3_6>(request, line);
  if (request.kernel == "v6.12") return run_by<kernel::v6_12>(request, line);
  if (request.kernel == "v7.2") return run_by<kernel::v7_2>(request, line);
  return run_by<kernel::v6_1>(request, line);
}

}  // namespace example
