// SPDX-License-Identifier: MIT
/// Explains every page that is handed out of an isolated block, by the flaw of v3.6 that let it go.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/tracepoint.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::test {

/// Why a page of an isolated block could be handed out. The numbers are those of the table of
/// known flaws of v3.6.
enum class Why : std::uint8_t {
  none = 0,
  stale_private = 2,            ///< Drained to the list that its private named before.
  not_drained_yet = 3,          ///< On a CPU's list while the isolation was not yet over.
  merged_across_blocks = 4,     ///< Its chunk went along with a neighbouring block.
  begins_before = 5,            ///< Its chunk begins in an earlier block: the move did not see it.
  stolen = 6,                   ///< A steal moved its chunk, or retyped its block.
  undone_by_another = 8,        ///< Two had isolated the block; the other one has undone it.
  rolled_back_by_another = 10,  ///< The same by the roll back of another isolation.
  unaligned_zone = 16,          ///< The block that was typed is not the one that was moved.
  cut_by_zone_end = 18,         ///< The zone's end cuts the block, so nothing was moved.
  unexplained = 255,            ///< None of these: a mistake.
};

/// Watches a zone that threads share. It remembers for each free page of an isolated block that is
/// on another list than isolate *which event put it there*, and accepts an event only if what can
/// be seen under zone->lock at that moment says that v3.6 does so. A page that is handed out of an
/// isolated block without such an explanation is `unexplained`.
///
/// A block counts as isolated while its type is isolate, and for a thread that isolated it until
/// that thread undoes it: if another releases it earlier, that release must explain the page.
///
/// What it keeps of a page is plain memory, read and written only by who has the page: zone->lock
/// for a page on a free list, the CPU's lock for one on a per-CPU list, else the user. What it
/// keeps of a block is under zone->lock. Threads call the zone through the functions below.
template <typename Config_>
class HandOutJudge {
 public:
  using Config = Config_;
  explicit HandOutJudge(Zone<Config>& zone)
      : zone_{zone}, pages_(zone.spanned_pages()), blocks_(zone.pageblock_flags().size()) {
    zone.tracer().judge = this;
  }
  ~HandOutJudge() { zone_.tracer().judge = nullptr; }
  HandOutJudge(const HandOutJudge&) = delete;
  HandOutJudge& operator=(const HandOutJudge&) = delete;

  [[nodiscard]] Zone<Config>& zone() { return zone_; }

  // What a thread does, with the thread's number, from 0 to 31.

  /// Says that the calling thread is about to call the zone; the functions below do so themselves.
  void enter(unsigned thread) {
    actor_ = &actors_[thread];
    actor_->id = thread;
    actor_->called_at = stamp_.load(std::memory_order_acquire);
  }

  std::optional<Pfn> alloc(unsigned thread, Cpu cpu, Order order, MigrateType type) {
    Actor& me = actor_of(thread);
    const auto page = alloc_pages(zone_, cpu, order, type);
    if (!page) return std::nullopt;
    if (order == Order{0}) judge_single(me, *page);
    return page->pfn();
  }

  FreeResult free(unsigned thread, Cpu cpu, Pfn pfn, Order order) {
    enter(thread);
    return free_pages(zone_, cpu, pfn, order);
  }

  /// Isolates a range until undo().
  Status start(unsigned thread, PfnRange range, MigrateType undo_type) {
    Actor& me = actor_of(thread);
    me.isolated.clear();
    me.release = Why::rolled_back_by_another;
    const Status ret = start_isolate_page_range(zone_, range.start, range.end, undo_type);
    if (ret == ok) hold(thread);
    return ret;
  }

  /// Notes that what the thread has isolated is drained by now, and its own until undo().
  void hold(unsigned thread) {
    const std::lock_guard guard{zone_.lock()};
    for (const auto& [block, stamp] : actors_[thread].isolated) {
      // The lists were drained behind this stamp; that says nothing of a later isolation.
      if (block->since != 0 && block->since <= stamp && block->drained == 0)
        block->drained = tick();
      block->holders.fetch_or(1U << thread, std::memory_order_relaxed);
    }
  }

  void undo(unsigned thread, PfnRange range, MigrateType type) {
    Actor& me = actor_of(thread);
    me.release = Why::undone_by_another;
    for (const auto& [block, stamp] : me.isolated) {
      block->holders.fetch_and(~(1U << thread), std::memory_order_relaxed);
    }
    me.isolated.clear();
    static_cast<void>(undo_isolate_page_range(zone_, range.start, range.end, type));
  }

  // The verdict; read when the threads have ended.

  /// Returns how many pages were handed out of isolated blocks, by explanation.
  [[nodiscard]] const std::map<Why, std::uint64_t>& handed_out() const { return handed_out_; }
  [[nodiscard]] std::uint64_t handed_out(Why why) const {
    const auto found = handed_out_.find(why);
    return found == handed_out_.end() ? 0 : found->second;
  }
  /// Returns some of the unexplained pages, in words.
  [[nodiscard]] const std::vector<std::string>& unexplained() const { return unexplained_; }
  /// Returns how many isolated blocks steals have retyped: that much nr_pageblock_isolate is too
  /// high.
  [[nodiscard]] std::int64_t nr_retyped() const { return nr_retyped_; }

 private:
  friend typename Config::Tracer;

  struct PageRecord {
    Why why = Why::none;          // on a free list, or refilled from it: why it could be taken
    std::uint64_t put_stamp = 0;  // on a per-CPU list: it was not put there before that
  };
  struct Block {
    std::atomic<std::uint64_t> since{0};  // the stamp at which it was isolated, or 0
    std::uint64_t drained = 0;            // the stamp at which the drain behind that was over, or 0
    std::atomic<std::uint32_t> holders{0};  // threads that have isolated it and not undone it yet
    Why release = Why::none;                // how it was released last, and by whom
    unsigned releaser = 0;
  };
  // One thread, in a call to the zone.
  struct Actor {
    unsigned id = 0;
    std::uint64_t called_at = 0;
    Why release = Why::none;  // what it means if this call releases a block
    std::vector<std::pair<Block*, std::uint64_t>> isolated;
  };

  Actor& actor_of(unsigned thread) {
    enter(thread);
    return actors_[thread];
  }

  // Time is the number of isolations begun and ended; it goes on under zone->lock.
  std::uint64_t now() const { return stamp_.load(std::memory_order_relaxed); }
  std::uint64_t tick() { return stamp_.fetch_add(1, std::memory_order_acq_rel) + 1; }

  PageRecord& page(Pfn pfn) { return pages_[pfn - zone_.start_pfn()]; }
  Block& block(Pfn pfn) { return blocks_[zone_.pageblock_flags().index(pfn)]; }
  [[nodiscard]] PfnRange aligned_block(Pfn pfn) const {
    const Pfn start = pfn.align_down(Zone<Config>::pageblock_order);
    return {start, start + Zone<Config>::pageblock_nr_pages};
  }
  [[nodiscard]] PfnRange stored_block(Pfn pfn) const {
    const Pfn start =
        zone_.start_pfn() + (zone_.pageblock_flags().index(pfn) << Config::pageblock_order);
    return {start, start + Zone<Config>::pageblock_nr_pages};
  }

  // Looks at every free chunk that meets the range: a page of an isolated block that is not on the
  // isolate list, and was before, gets the explanation explain(page, head of its chunk).
  template <typename Explain>
  void examine(PfnRange range, Explain explain) {
    const Pfn end = std::min(range.end, zone_.end_pfn());
    for (Pfn pfn = std::max(range.start, zone_.start_pfn()); pfn < end;) {
      const auto head = zone_.memmap().free_chunk_of(pfn);
      pfn = head ? examine_chunk(*head, explain) : pfn + 1;
    }
  }
  template <typename Explain>
  Pfn examine_chunk(Pfn head, Explain explain) {
    const PageBits bits = zone_.memmap().bits(head);
    const Pfn end = head + bits.order().nr_pages();
    for (Pfn pfn = head; pfn < end; ++pfn) {
      Why& why = page(pfn).why;
      if (block(pfn).since == 0 || bits.list_type() == MigrateType::isolate) {
        why = Why::none;
      } else if (why == Why::none) {
        why = explain(pfn, head);
      }
    }
    return end;
  }

  void on(const auto&) {}

  void on(const trace::SetMigratetypeIsolate& event) {
    if (event.ret != ok) return;
    Block& isolated = block(event.pfn);
    if (isolated.since == 0) {
      isolated.drained = 0;
      isolated.since = tick();
    }
    actor_->isolated.emplace_back(&isolated, now());
    const PfnRange typed = stored_block(event.pfn);
    const PfnRange moved = aligned_block(event.pfn);
    const auto explain = [&](Pfn pfn, Pfn head) {
      if (!typed.contains(pfn)) return Why::unexplained;
      if (moved.end > zone_.end_pfn()) return Why::cut_by_zone_end;
      if (!moved.contains(pfn)) return Why::unaligned_zone;
      if (head < moved.start) return Why::begins_before;
      // Where the zone's start cuts the block, the move begins at the given page.
      if (moved.start < zone_.start_pfn() && head < event.pfn) return Why::unaligned_zone;
      return Why::unexplained;
    };
    examine(typed, explain);
    examine(moved, explain);
  }

  void on(const trace::UnsetMigratetypeIsolate& event) {
    release(block(event.pfn), actor_->release);
    const PfnRange moved = aligned_block(event.pfn);
    const auto explain = [&](Pfn pfn, Pfn head) {
      if (!moved.contains(head)) return Why::unexplained;
      return moved.contains(pfn) ? Why::unaligned_zone : Why::merged_across_blocks;
    };
    examine(stored_block(event.pfn), explain);
    examine(moved, explain);
  }

  // A page on its way to a per-CPU list: the block's type was read after the call began.
  void on(const trace::MmPageFree& event) {
    if (event.order == Order{0}) page(event.pfn) = {Why::none, actor_->called_at};
  }

  void on(const trace::MmPageFreeZoneLocked& event) {
    freed(event.pfn, event.migratetype == zone_.pageblock_flags().get(event.pfn));
  }

  void on(const trace::MmPagePcpuDrain& event) {
    PageRecord& record = page(event.pfn);
    record.why = Why::none;
    // To another list than isolate only if it was put on the CPU's list before.
    freed(event.pfn, record.put_stamp < block(event.pfn).since);
  }

  // A chunk that begins at pfn was freed. If the block there is isolated, is_as_v3_6 says whether
  // it belongs on another list than isolate.
  void freed(Pfn pfn, bool is_as_v3_6) {
    const bool is_legal = block(pfn).since == 0 || is_as_v3_6;
    examine_chunk(*zone_.memmap().free_chunk_of(pfn), [&](Pfn merged, Pfn) {
      if (!is_legal) return Why::unexplained;
      return &block(merged) == &block(pfn) ? Why::stale_private : Why::merged_across_blocks;
    });
  }

  void on(const trace::MmPageAllocExtfrag& event) {
    // Before anything is released: what is taken was on a list where it could be taken.
    for (Pfn pfn = event.pfn; pfn < event.pfn + event.alloc_order.nr_pages(); ++pfn) {
      if (block(pfn).since != 0 && page(pfn).why == Why::none) page(pfn).why = Why::unexplained;
    }
    const Pfn last = event.pfn + (event.fallback_order.nr_pages() - 1);
    for (Pfn pfn = event.pfn; pfn <= last; pfn = stored_block(pfn).end) {
      const bool is_typed = zone_.pageblock_flags().get(pfn) == MigrateType::isolate;
      if (block(pfn).since == 0 || is_typed) continue;
      release(block(pfn), Why::stolen);
      ++nr_retyped_;
    }
    const PfnRange moved = aligned_block(event.pfn);
    const auto explain = [&](Pfn pfn, Pfn head) {
      if (!moved.contains(head) || event.fallback_migratetype == MigrateType::cma ||
          zone_.memmap().bits(head).list_type() != event.alloc_migratetype) {
        return Why::unexplained;
      }
      return moved.contains(pfn) ? Why::stolen : Why::merged_across_blocks;
    };
    examine({stored_block(event.pfn).start, stored_block(last).end}, explain);
    examine(moved, explain);
  }

  void on(const trace::MmPageAllocZoneLocked& event) {
    for (Pfn pfn = event.pfn; pfn < event.pfn + event.order.nr_pages(); ++pfn) {
      Why why = std::exchange(page(pfn).why, Why::none);
      const bool is_isolated =
          block(pfn).since != 0 || zone_.pageblock_flags().get(pfn) == MigrateType::isolate;
      if (why == Why::none && is_isolated) why = Why::unexplained;
      if (event.percpu_refill) {
        page(pfn) = {why, now()};
      } else {
        count(pfn, why != Why::none ? why : why_released(block(pfn)));
      }
    }
  }

  // A page came from the CPU's list, so without zone->lock; now it is the caller's.
  void judge_single(const Actor& me, Pfn pfn) {
    const PageRecord record = std::exchange(page(pfn), {});
    const Block& of = block(pfn);
    if (of.since == 0 && of.holders == 0) return;
    const std::lock_guard guard{zone_.lock()};
    if (of.since == 0) return count(pfn, why_released(of));
    if (record.put_stamp < of.since) {
      // Put there before, so the drain would have taken it, had that been over before the request.
      const bool is_late = of.drained != 0 && of.drained <= me.called_at;
      return count(pfn, is_late ? Why::unexplained : Why::not_drained_yet);
    }
    count(pfn, record.why != Why::none ? record.why : Why::unexplained);
  }

  void release(Block& released, Why how) {
    released.since = 0;
    released.release = how;
    released.releaser = actor_->id;
  }

  // Why a block that is not isolated any more is not, although a thread holds it.
  [[nodiscard]] Why why_released(const Block& released) const {
    const auto holders = released.holders.load(std::memory_order_relaxed);
    if (holders == 0 || released.release == Why::stolen) {
      return holders == 0 ? Why::none : Why::stolen;
    }
    // Who holds it has not released it since.
    const bool by_holder = (holders >> released.releaser & 1U) != 0;
    return by_holder || released.release == Why::none ? Why::unexplained : released.release;
  }

  // Under zone->lock.
  void count(Pfn pfn, Why why) {
    if (why == Why::none) return;
    ++handed_out_[why];
    if (why == Why::unexplained && unexplained_.size() < 10) {
      unexplained_.push_back(
          fmt::format("page {} of block {}, isolated at {}, handed out by thread {} at {}", pfn,
                      stored_block(pfn), block(pfn).since.load(), actor_->id, now()));
    }
  }

  static inline thread_local Actor* actor_ = nullptr;

  Zone<Config>& zone_;
  std::vector<PageRecord> pages_;
  std::vector<Block> blocks_;
  std::array<Actor, 32> actors_;
  std::atomic<std::uint64_t> stamp_{1};
  std::map<Why, std::uint64_t> handed_out_;
  std::vector<std::string> unexplained_;
  std::int64_t nr_retyped_ = 0;
};

/// A config whose zones tell a judge of every event.
template <ZoneConfig Config>
struct Judged : Config {
  struct Tracer {
    HandOutJudge<Judged>* judge = nullptr;
    void operator()(const auto& event) const {
      if (judge != nullptr) judge->on(event);
    }
  };
};

}  // namespace pageblock::test
