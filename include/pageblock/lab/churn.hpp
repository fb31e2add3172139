// SPDX-License-Identifier: MIT
/// Runs a workload on memory: requests and frees, for as long as wanted.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/block_ledger.hpp"
#include "pageblock/lab/churn_stream.hpp"
#include "pageblock/lab/counter_random.hpp"
#include "pageblock/lab/lab_memory.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/lab/workload.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// How a workload runs.
struct ChurnOptions {
  /// How much of the managed memory is in use, in thousandths, with what others already hold. Requests and
  /// frees are drawn so that it stays near.
  std::uint32_t occupancy = 800;
  unsigned nr_cpus = 1;  ///< The CPUs 0 to nr_cpus - 1 take part.
  /// Whether a BlockLedger is kept, of a zone only.
  bool keeps_ledger = false;
};

/// Draws requests and frees by a workload, and makes them. What it does follows from the memory as it was,
/// the workload, the options and the key: the same bytes everywhere. It begins with no memory of its own,
/// so the first operations are a boot, until all streams hold what they should.
///
/// It refers to @p memory, which must outlive it, and gives nothing back when it ends. It holds at most
/// 2^31 pages from the first to the last (8 TiB).
template <LabMemory Memory>
class Churn {
 public:
  using Config = typename Memory::Config;

  /// Requires: problem_of(workload, Config::max_order) is empty; the memory has that many CPUs; occupancy
  /// is at most 1000; pages in use already are fewer than that.
  Churn(Memory& memory, const Workload& workload, const RandomKey& key,
        const ChurnOptions& options = {})
      : memory_{memory},
        workload_{workload},
        options_{options},
        random_{key},
        code_{span_of(memory).start.align_down(Zone<Config>::top_order)} {
    bug_on(!problem_of(workload_, Config::max_order).empty(), "the workload cannot run");
    bug_on(options_.nr_cpus == 0 || options_.nr_cpus > nr_cpus_of(memory),
           "the memory has fewer CPUs");
    bug_on(options_.occupancy > 1000, "occupancy is more than all");
    bug_on(span_of(memory).nr_pages() > std::uint64_t{1} << 31, "the memory is larger than 8 TiB");
    const std::uint64_t managed = managed_pages_of(memory);
    const std::uint64_t taken = managed - std::min(managed, free_memory(memory).nr_pages());
    const std::uint64_t wanted = managed * options_.occupancy / 1000;
    budget_ = wanted - std::min(taken, wanted);
    for (const Stream& stream : workload_.streams) streams_.emplace_back(stream, options_.nr_cpus);
    if constexpr (is_zone) {
      if (options_.keeps_ledger) ledger_.emplace(memory);
    }
    choose_streams();
    begin_phase(0);
  }
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;

  /// Makes @p nr more operations: requests, also those that are refused, and frees. However many calls
  /// they are cut into, they are the same.
  void run(std::uint64_t nr) {
    if (is_marked_) mark_all(false);
    due_ += nr;
    while (nr_operations_ < due_) step();
  }

  /// Returns how many operations were made; a process that exits may make a few more than asked.
  [[nodiscard]] std::uint64_t nr_operations() const { return nr_operations_; }
  /// Returns how many requests found nothing, after reclaim too.
  [[nodiscard]] std::uint64_t nr_refused() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream.nr_refused;
    return sum;
  }
  /// Returns the same of one stream, by its place in the workload.
  [[nodiscard]] std::uint64_t nr_refused(std::size_t stream) const {
    return streams_.at(stream).nr_refused;
  }
  /// Returns the pages that a stream holds.
  [[nodiscard]] std::uint64_t held_pages(std::size_t stream) const {
    return streams_.at(stream).pages;
  }
  /// Returns the pages that all streams hold.
  [[nodiscard]] std::uint64_t held_pages() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream.pages;
    return sum;
  }
  /// Calls visit(Chunk, const Stream&) for everything held.
  template <typename Visit>
  void for_each_chunk(Visit visit) const {
    for (const auto& stream : streams_) {
      stream.for_each([&](std::uint32_t code) { visit(code_.decode(code), *stream.stream); });
    }
  }
  /// Returns what is kept of blocks and types. Requires: ChurnOptions::keeps_ledger, and a zone.
  [[nodiscard]] const BlockLedger& ledger() const {
    bug_on(!ledger_, "no ledger is kept");
    return *ledger_;
  }

  /// Puts what streams of movable requests hold on LRU lists, so that it counts as movable and a copy of
  /// the memory can be asked what migration makes of it. The next run() takes it off again. v3.6 knows no
  /// compound pages: there, chunks of several pages are split first, as the kernel splits a huge page
  /// before it migrates it.
  void mark_movable() {
    if (!is_marked_) mark_all(true);
  }

  /// Gives back everything.
  void free_all() {
    if (is_marked_) mark_all(false);
    for (auto& stream : streams_) {
      for (std::uint32_t code = 0; stream.take_any(code);) give(stream, Cpu{0}, code);
    }
  }

 private:
  static constexpr bool is_zone = std::is_same_v<Memory, Zone<Config>>;
  using StreamState = detail::ChurnStream;

  [[nodiscard]] static unsigned nr_cpus_of(const Zone<Config>& zone) { return zone.nr_cpus(); }
  [[nodiscard]] static unsigned nr_cpus_of(const Node<Config>& node) {
    return node.zones().empty() ? 0 : node.zones()[0].nr_cpus();
  }

  // Sums of turnovers, in 2^20ths of all.
  void choose_streams() {
    std::uint64_t all = 0;
    for (const Stream& stream : workload_.streams) all += stream.turnover;
    std::uint64_t sum = 0;
    for (const Stream& stream : workload_.streams) {
      sum += stream.turnover;
      until_.push_back(static_cast<std::uint32_t>((sum << 20) / all));
    }
  }

  void begin_phase(std::size_t number) {
    phase_ = number;
    static const Phase usual{};
    const Phase& phase = workload_.phases.empty() ? usual : workload_.phases[number];
    phase_end_ = workload_.phases.empty() ? std::numeric_limits<std::uint64_t>::max()
                                          : nr_operations_ + phase.operations;
    std::uint64_t shares = 0;
    for (const Stream& stream : workload_.streams) shares += stream.share;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const std::uint64_t level = i < phase.levels.size() ? phase.levels[i] : 1000;
      streams_[i].set_target(budget_ * workload_.streams[i].share / shares * level / 1000);
    }
  }

  //  bits of a draw:   20 stream | 12 CPU | 16 request or free | 16 order
  void step() {
    if (nr_operations_ >= phase_end_) begin_phase((phase_ + 1) % workload_.phases.size());
    for (int tries = 0; tries < 16; ++tries) {
      const std::uint64_t draw = random_();
      const auto choice = static_cast<std::uint32_t>(draw & 0xfffff);
      std::size_t i = 0;
      while (choice >= until_[i]) ++i;
      StreamState& stream = streams_[i];
      const Cpu cpu{static_cast<unsigned>((draw >> 20 & 0xfff) * options_.nr_cpus >> 12)};
      if (stream.wants_more(draw >> 32 & 0xffff)) return request(stream, cpu, draw >> 48);
      if (stream.stream->death == Death::never || stream.pages == 0) continue;
      return stream.stream->death == Death::together ? exit_process(stream) : free_one(stream, cpu);
    }
    ++nr_operations_;  // nobody wants anything
  }

  void request(StreamState& stream, Cpu cpu, std::uint64_t draw) {
    ++nr_operations_;
    const Order order = stream.order_of(draw);
    OptionalPfn pfn = take_chunk(memory_, cpu, order, stream.stream->gfp);
    if (!pfn && reclaim(cpu)) pfn = take_chunk(memory_, cpu, order, stream.stream->gfp);
    if (!pfn) {
      ++stream.nr_refused;
      return;
    }
    stream.add(code_.encode({*pfn, order}), order, cpu, random_);
    if (ledger_) ledger_->on_alloc(*pfn, order, stream.stream->gfp.migratetype);
  }

  void give(StreamState& stream, Cpu cpu, std::uint32_t code) {
    const Chunk chunk = code_.decode(code);
    give_chunk(memory_, cpu, chunk.pfn, chunk.order);
    stream.pages -= chunk.order.nr_pages();
    if (ledger_) ledger_->on_free(chunk.pfn, chunk.order, stream.stream->gfp.migratetype);
    ++nr_operations_;
  }

  void free_one(StreamState& stream, Cpu cpu) { give(stream, cpu, stream.take_one(random_)); }

  void exit_process(StreamState& stream) {
    const detail::ChurnProcess process = stream.take_process(random_);
    for (const std::uint32_t code : process.chunks) give(stream, process.cpu, code);
  }

  // Kernel: direct reclaim of SWAP_CLUSTER_MAX pages.
  bool reclaim(Cpu cpu) {
    std::uint64_t nr_reclaimed = 0;
    for (StreamState& stream : streams_) {
      while (stream.stream->is_reclaimable && nr_reclaimed < 32 && !stream.chunks.empty()) {
        const std::uint64_t before = stream.pages;
        give(stream, cpu, stream.chunks.pop_oldest());
        nr_reclaimed += before - stream.pages;
      }
    }
    return nr_reclaimed != 0;
  }

  void mark_all(bool on_lru) {
    is_marked_ = on_lru;
    for (StreamState& stream : streams_) {
      if (stream.stream->gfp.migratetype != MigrateType::movable) continue;
      if constexpr (!detail::has_compound_pages<Config>) {
        stream.split_all(code_, [&](const Chunk& chunk) {
          split_page(zone_of(memory_, chunk.pfn), chunk.pfn, chunk.order);
        });
      }
      stream.for_each([&](std::uint32_t code) {
        const Chunk chunk = code_.decode(code);
        pageblock::mark_movable(memory_, chunk.pfn, chunk.order, on_lru);
      });
    }
  }

  Memory& memory_;
  Workload workload_;
  ChurnOptions options_;
  CounterRandom random_;
  detail::ChunkCode code_;
  std::vector<StreamState> streams_;
  std::vector<std::uint32_t> until_;
  std::optional<BlockLedger> ledger_;
  std::uint64_t budget_ = 0;  // pages of all streams
  std::uint64_t nr_operations_ = 0;
  std::uint64_t due_ = 0;
  std::size_t phase_ = 0;
  std::uint64_t phase_end_ = 0;
  bool is_marked_ = false;
};

/// Returns at most how many bytes a zone of @p nr_pages and a Churn on it take.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t churn_bytes(const Workload& workload, std::uint64_t nr_pages,
                                        const ChurnOptions& options = {}) {
  std::uint64_t bytes = zone_bytes<Config>(nr_pages);
  std::uint64_t shares = 0;
  for (const Stream& stream : workload.streams) shares += stream.share;
  for (const Stream& stream : workload.streams) {
    const std::uint64_t pages = nr_pages * options.occupancy / 1000 * stream.share / shares;
    bytes += detail::ChurnStream::bytes_for(stream, pages, detail::has_compound_pages<Config>);
  }
  if (options.keeps_ledger) bytes += ((nr_pages >> Config::pageblock_order) + 2) * 16;
  return bytes;
}

}  // namespace pageblock
