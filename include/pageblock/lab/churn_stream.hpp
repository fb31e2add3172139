// SPDX-License-Identifier: MIT
/// What one stream of a workload holds while it runs.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/chunk_ring.hpp"
#include "pageblock/lab/counter_random.hpp"
#include "pageblock/lab/workload.hpp"

namespace pageblock::detail {

// What a process has got, in that order, on its CPU.
struct ChurnProcess {
  std::vector<std::uint32_t> chunks{};
  std::size_t wanted = 0;  // as many make it complete; 0 if that is not drawn yet
  Cpu cpu{};
};

// Chunks are kept as ChunkCodes: in processes for Death::together, else in one ring.
struct ChurnStream {
  ChurnStream(const Stream& of, unsigned nr_cpus) : stream{&of} {
    if (of.death == Death::together) growing.resize(nr_cpus);
    std::uint64_t all = 0;
    for (const auto& [order, weight] : of.orders) {
      all += weight;
      largest = std::max(largest, std::uint64_t{1} << order);
    }
    std::uint64_t sum = 0;
    for (const auto& [order, weight] : of.orders) {
      sum += weight;
      until.emplace_back(static_cast<std::uint32_t>((sum << 16) / all), Order{order});
    }
  }

  void set_target(std::uint64_t new_target) {
    target = static_cast<std::int64_t>(new_target);
    const auto band = static_cast<std::int64_t>(std::max(new_target / 64, 2 * largest));
    slope = (std::int64_t{1} << 31) / band;
  }

  // One in two at the target; the further below, the more often, and always from a band's width on.
  [[nodiscard]] bool wants_more(std::uint64_t draw) const {
    const std::int64_t missing = target - static_cast<std::int64_t>(pages);
    if (stream->death == Death::never) return missing >= static_cast<std::int64_t>(largest);
    if (stream->death == Death::together) return missing > 0;
    return static_cast<std::int64_t>(draw) < (1 << 15) + (missing * slope >> 16);
  }

  // Orders that are rarer than one in 2^16 may be left out.
  [[nodiscard]] Order order_of(std::uint64_t draw) const {
    std::size_t i = 0;
    while (draw >= until[i].first) ++i;
    return until[i].second;
  }

  void add(std::uint32_t code, Order order, Cpu cpu, CounterRandom& random) {
    pages += order.nr_pages();
    if (stream->death != Death::together) return chunks.push(code);
    ChurnProcess& process = growing[cpu.id()];
    if (process.wanted == 0) {
      process.cpu = cpu;
      process.wanted = stream->process_varies ? random.exponential(stream->process_chunks) + 1
                                              : stream->process_chunks;
    }
    process.chunks.push_back(code);
    if (process.chunks.size() < process.wanted) return;
    complete.push_back(std::move(process));
    process = {};
  }

  // Requires: something is held.
  [[nodiscard]] std::uint32_t take_one(CounterRandom& random) {
    if (stream->death == Death::oldest) return chunks.pop_oldest();
    if (stream->death == Death::newest) return chunks.pop_newest();
    return chunks.pop(random.below(chunks.size()));
  }

  // A process that is complete exits, or one that is not if there is none.
  [[nodiscard]] ChurnProcess take_process(CounterRandom& random) {
    if (complete.empty()) {
      const auto most = std::ranges::max_element(
          growing, {}, [](const ChurnProcess& process) { return process.chunks.size(); });
      return std::exchange(*most, {});
    }
    std::swap(complete[random.below(complete.size())], complete.back());
    ChurnProcess process = std::move(complete.back());
    complete.pop_back();
    return process;
  }

  // Takes whatever is left; false if that is nothing.
  [[nodiscard]] bool take_any(std::uint32_t& code) {
    if (!chunks.empty()) {
      code = chunks.pop_newest();
      return true;
    }
    for (std::vector<ChurnProcess>* const of : {&complete, &growing}) {
      for (ChurnProcess& process : *of) {
        if (process.chunks.empty()) continue;
        code = process.chunks.back();
        process.chunks.pop_back();
        return true;
      }
      of->resize(of == &growing ? of->size() : 0);
    }
    return false;
  }

  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < chunks.size(); ++i) visit(chunks[i]);
    for (const std::vector<ChurnProcess>* const of : {&complete, &growing}) {
      for (const ChurnProcess& process : *of) std::ranges::for_each(process.chunks, visit);
    }
  }

  // Makes single pages of all chunks.
  template <typename Split>
  void split_all(const ChunkCode& chunk_code, Split split) {
    const auto each_page = [&](std::uint32_t code, auto add_page) {
      const Chunk chunk = chunk_code.decode(code);
      if (chunk.order != Order{0}) split(chunk);
      for (std::uint64_t i = 0; i < chunk.order.nr_pages(); ++i) {
        add_page(chunk_code.encode({chunk.pfn + i, Order{0}}));
      }
    };
    if (largest == 1) return;
    ChunkRing pages_of_ring;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      each_page(chunks[i], [&](std::uint32_t code) { pages_of_ring.push(code); });
    }
    chunks = std::move(pages_of_ring);
    for (std::vector<ChurnProcess>* const of : {&complete, &growing}) {
      for (ChurnProcess& process : *of) {
        std::vector<std::uint32_t> singles;
        for (const std::uint32_t chunk : process.chunks) {
          each_page(chunk, [&](std::uint32_t code) { singles.push_back(code); });
        }
        process.chunks = std::move(singles);
      }
    }
  }

  // At most what these pages take: rings double, and for a moment have their old half besides.
  [[nodiscard]] static std::uint64_t bytes_for(const Stream& of, std::uint64_t nr_pages,
                                               bool stay_whole) {
    unsigned smallest = of.orders.empty() ? 0 : of.orders.front().order;
    std::uint64_t largest = 1;
    for (const auto& [order, weight] : of.orders) {
      smallest = std::min(smallest, order);
      largest = std::max(largest, std::uint64_t{1} << order);
    }
    if (!stay_whole && of.gfp.migratetype == MigrateType::movable) smallest = 0;
    const std::uint64_t most = nr_pages + std::max(nr_pages / 64, 2 * largest) + largest;
    return std::bit_ceil((most >> smallest) + 64) * 6 + sizeof(ChurnStream);
  }

  const Stream* stream;
  std::uint64_t pages = 0;
  std::uint64_t nr_refused = 0;
  std::int64_t target = 0;
  std::int64_t slope = 0;  // in 2^31ths of a page
  std::uint64_t largest = 1;
  std::vector<std::pair<std::uint32_t, Order>> until{};
  ChunkRing chunks{};
  std::vector<ChurnProcess> complete{};
  std::vector<ChurnProcess> growing{};  // one for each CPU
};

}  // namespace pageblock::detail
