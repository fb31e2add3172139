// SPDX-License-Identifier: MIT
/// Per-CPU page lists: chunks of small orders that a CPU keeps for itself.
///
/// Layer:  mm.
/// Kernel: struct per_cpu_pages (include/linux/mmzone.h).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/pcp_tuning.hpp"

namespace pageblock {

/// Which end of a per-CPU list: pages likely in the CPU's cache are at the head.
enum class Temperature { hot, cold };

/// A list of chunks of one order that are added and taken at both ends: a ring. What decides where a
/// chunk goes when it is drained stays in its first page (page_private). A list that was moved from
/// can only be assigned to.
class PcpList {
 public:
  PcpList() = default;
  PcpList(const PcpList& other) {
    if (other.empty()) return;
    reserve(other.size());
    for (std::size_t i = 0; i < other.size(); ++i) push_tail(other[i]);
  }
  PcpList(PcpList&&) noexcept = default;
  PcpList& operator=(PcpList other) noexcept {
    std::swap(head_, other.head_);
    std::swap(behind_, other.behind_);
    std::swap(mask_, other.mask_);
    ring_.swap(other.ring_);
    return *this;
  }
  ~PcpList() = default;

  [[nodiscard]] std::size_t size() const { return behind_ - head_; }
  [[nodiscard]] bool empty() const { return behind_ == head_; }

  /// Returns the page at position @p i from the head, or from the tail.
  [[nodiscard]] Pfn operator[](std::size_t i) const { return at(head_ + i); }
  [[nodiscard]] Pfn from_tail(std::size_t i) const { return at(behind_ - 1 - i); }

  /// Returns whether there is room for another page.
  [[nodiscard]] bool has_room() const { return size() < capacity(); }

  /// Makes room for @p more pages. Throws std::bad_alloc.
  void reserve(std::size_t more) {
    if (capacity() - size() < more) [[unlikely]]
      grow(more);
  }

  /// Adds a page, or several. Requires: there is room.
  void push_head(Pfn pfn) { at(--head_) = pfn; }
  void push_tail(Pfn pfn) { at(behind_++) = pfn; }
  /// Adds the chunks of @p order that make up a range, one by one, from low to high.
  void push_head(const PfnRange& pages, Order order) {
    for (Pfn pfn = pages.start; pfn != pages.end; pfn += order.nr_pages()) push_head(pfn);
  }
  void push_tail(const PfnRange& pages, Order order) {
    for (Pfn pfn = pages.start; pfn != pages.end; pfn += order.nr_pages()) push_tail(pfn);
  }

  /// Takes a page, or @p nr. Requires: the list has as many.
  Pfn pop_head() { return at(head_++); }
  Pfn pop_tail() { return at(--behind_); }
  void pop_tail(std::size_t nr) { behind_ -= nr; }

  friend bool operator==(const PcpList& a, const PcpList& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] Pfn& at(std::size_t position) const { return ring_[position & mask_]; }
  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

  [[gnu::noinline, gnu::cold]] void grow(std::size_t more) {
    const std::size_t nr = size();
    const std::size_t wider = std::bit_ceil(std::max<std::size_t>(nr + more, 8));
    std::unique_ptr<Pfn[]> ring{new Pfn[wider]};
    for (std::size_t i = 0; i < nr; ++i) ring[i] = (*this)[i];
    ring_ = std::move(ring);
    mask_ = wider - 1;
    head_ = 0;
    behind_ = nr;
  }

  // The list is [head_, behind_), positions that wrap at 2^64 and, in the ring, at its size, which is
  // 0 or a power of two.
  std::size_t head_ = 0;
  std::size_t behind_ = 0;
  std::size_t mask_ = ~std::size_t{0};  // the size, less one
  std::unique_ptr<Pfn[]> ring_;
};

/// The lists of one CPU. Changed under the CPU's lock. CPUs share no cache line.
template <ZoneConfig Config>
struct alignas(64) PerCpuPages
    : detail::PcpTuningOf<Config::semantics.pcp_tuning, Config::semantics.high_order_drain> {
  static constexpr Order top_order{Config::semantics.pcp_order};
  static constexpr std::size_t nr_small_lists = (top_order.value() + 1) * nr_pcp_types;
  static constexpr std::size_t nr_lists =
      nr_small_lists + (Config::semantics.pcp_huge_pages ? 2 : 0);

  /// Returns whether chunks of @p order are kept on per-CPU lists.
  [[nodiscard]] static constexpr bool has_lists(Order order) {
    return order <= top_order || are_huge(order);
  }

  /// Returns whether chunks of @p order are huge pages of which lists are kept.
  [[nodiscard]] static constexpr bool are_huge(Order order) {
    return Config::semantics.pcp_huge_pages && order == Geometry<Config>::pageblock_order;
  }

  /// Returns the index of the list for chunks of @p order and @p type, one of pcp_types: by order,
  /// then in the order of the kernel's numbers; of huge pages, the movable ones come last.
  /// Kernel: order_to_pindex().
  [[nodiscard]] static constexpr std::size_t index_of_list(Order order, MigrateType type) {
    if (order > top_order) return nr_small_lists + (type == MigrateType::movable ? 1 : 0);
    return order.value() * nr_pcp_types + number_of<Config>(type);
  }
  /// Kernel: pindex_to_order().
  [[nodiscard]] static constexpr Order order_of_list(std::size_t index) {
    if (nr_lists == nr_pcp_types) return Order{0};  // known to the compiler
    if (index >= nr_small_lists) return Geometry<Config>::pageblock_order;
    return Order{static_cast<unsigned>(index / nr_pcp_types)};
  }

  /// One list for each order and type that has one.
  std::array<PcpList, nr_lists> lists;

  [[nodiscard]] PcpList& list(MigrateType type, Order order = Order{0}) {
    return lists[index_of_list(order, type)];
  }
  [[nodiscard]] const PcpList& list(MigrateType type, Order order = Order{0}) const {
    return lists[index_of_list(order, type)];
  }

  /// Returns the list to which a chunk of a block of @p type is freed: that of movable ones for
  /// types that requests do not have.
  [[nodiscard]] PcpList& list_to_free_to(MigrateType type, Order order) {
    if (type == MigrateType::unmovable || type == MigrateType::reclaimable) [[unlikely]] {
      // Keeps this a branch: the processor guesses the list, and need not wait for the type.
      asm volatile("" : "+r"(type));
      return list(type, order);
    }
    return list(MigrateType::movable, order);
  }

  friend bool operator==(const PerCpuPages&, const PerCpuPages&) = default;
};

namespace detail {

// What the word in a page that comes to a per-CPU list says, which is to be drained to the list of @p
// type: that, if the drain heeds it.
template <ZoneConfig Config>
[[nodiscard]] constexpr unsigned pcp_mark(MigrateType type) {
  return Config::semantics.drain_type == DrainType::block ? 0 : number_of<Config>(type);
}

}  // namespace detail
}  // namespace pageblock
