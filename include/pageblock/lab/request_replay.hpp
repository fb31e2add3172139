// SPDX-License-Identifier: MIT
/// Makes requests that somebody else decides: a trace of another allocator, or a program.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/lab_memory.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/split_page.hpp"

namespace pageblock {

/// A request, or a free of what an earlier one got.
struct PageRequest {
  bool is_alloc = true;  ///< Else a free.
  Cpu cpu{};             ///< Where it is made.
  /// What it is called: in a trace, the page that the other allocator gave. The pages of a chunk have
  /// the numbers from this on.
  std::uint64_t id = 0;
  Order order{};                   ///< Of the chunk, or of the part of it that is freed.
  Gfp gfp = gfp_highuser_movable;  ///< Of a request.
};

/// Makes requests on a Zone or a Node and remembers what each got. A part of a chunk may be freed, or
/// several together, as traces of kernels have it. It refers to the memory and gives nothing back at the
/// end.
template <LabMemory Memory>
class RequestReplay {
 public:
  explicit RequestReplay(Memory& memory) : memory_{memory} {}

  /// Returns whether the request got something, or something was freed.
  /// Requires: the memory has the CPU and the order.
  bool apply(const PageRequest& request) {
    return request.is_alloc ? allocate(request) : release(request);
  }

  /// Returns where something is now. Of a chunk, its first page has a number, and after a part of it was
  /// freed each.
  [[nodiscard]] OptionalPfn find(std::uint64_t id) const {
    const auto found = held_.find(id);
    return found == held_.end() ? OptionalPfn{} : OptionalPfn{found->second.pfn};
  }
  /// Returns how many requests found no memory.
  [[nodiscard]] std::uint64_t nr_refused() const { return nr_refused_; }
  /// Returns how many frees were of what no request had got: what was there before a trace began.
  [[nodiscard]] std::uint64_t nr_unknown() const { return nr_unknown_; }
  /// Returns how many requests had the number of something that was not yet freed, which a trace has if it
  /// lost events; it is freed then.
  [[nodiscard]] std::uint64_t nr_lost_frees() const { return nr_lost_frees_; }

 private:
  struct Held {
    Pfn pfn;
    Order order;
  };

  bool allocate(const PageRequest& request) {
    if (free_pages_of(request)) ++nr_lost_frees_;
    const auto pfn = take_chunk(memory_, request.cpu, request.order, request.gfp);
    if (!pfn) {
      ++nr_refused_;
      return false;
    }
    held_[request.id] = {*pfn, request.order};
    return true;
  }

  bool release(const PageRequest& request) {
    if (free_pages_of(request)) return true;
    ++nr_unknown_;
    return false;
  }

  // Frees what is held of these numbers, in the pieces that were handed out where they match.
  bool free_pages_of(const PageRequest& request) {
    bool has_freed = false;
    const std::uint64_t end = request.id + request.order.nr_pages();
    for (std::uint64_t id = request.id; id < end;) {
      auto found = held_.find(id);
      if (found == held_.end() || id + found->second.order.nr_pages() > end) {
        split_around(id);
        found = held_.find(id);
      }
      if (found == held_.end()) {
        ++id;
        continue;
      }
      const Held held = found->second;
      held_.erase(found);
      give_chunk(memory_, request.cpu, held.pfn, held.order);
      id += held.order.nr_pages();
      has_freed = true;
    }
    return has_freed;
  }

  // Makes single pages of the chunk that has this number.
  void split_around(std::uint64_t id) {
    for (Order order{0}; order <= Geometry<typename Memory::Config>::top_order; ++order) {
      const auto found = held_.find(Pfn{id}.align_down(order).value());
      if (found == held_.end() || found->second.order == Order{0} ||
          id - found->first >= found->second.order.nr_pages()) {
        continue;
      }
      const auto [first, held] = *found;
      split_page(zone_of(memory_, held.pfn), held.pfn, held.order);
      for (std::uint64_t i = 0; i < held.order.nr_pages(); ++i) {
        held_[first + i] = {held.pfn + i, Order{0}};
      }
      return;
    }
  }

  Memory& memory_;
  std::unordered_map<std::uint64_t, Held> held_;
  std::uint64_t nr_refused_ = 0;
  std::uint64_t nr_unknown_ = 0;
  std::uint64_t nr_lost_frees_ = 0;
};

}  // namespace pageblock
