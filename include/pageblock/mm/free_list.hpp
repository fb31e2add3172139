// SPDX-License-Identifier: MIT
/// One free list, to be walked.
///
/// Layer:  mm.
/// Kernel: list_for_each_entry() over a free_list of struct free_area.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/memmap.hpp"

namespace pageblock {

/// The chunks of one order and type, head first.
template <ZoneConfig Config>
struct FreeList {
  /// Walks the list from its head.
  class Iterator {
   public:
    using value_type = Pfn;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    /// Stands at @p pfn, with @p left chunks to come.
    Iterator(const Memmap<Config>& map, Pfn pfn, std::uint64_t left)
        : map_{&map}, pfn_{pfn}, left_{left} {}

    Pfn operator*() const { return pfn_; }
    Iterator& operator++() {
      if (--left_ != 0) pfn_ = map_->next(pfn_);
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    const Memmap<Config>* map_ = nullptr;
    Pfn pfn_{};
    std::uint64_t left_ = 0;
  };

  Iterator first;      ///< At the list's head.
  std::uint64_t size;  ///< How many chunks are on it.
  /// Returns the head.
  [[nodiscard]] Iterator begin() const { return first; }
  /// Returns what is behind the tail.
  [[nodiscard]] Iterator end() const { return {}; }
};

}  // namespace pageblock
