// SPDX-License-Identifier: MIT
/// Counters that are read without a lock.
///
/// Layer:  mm.
/// Kernel: zone_page_state() (include/linux/vmstat.h), without the per-CPU differentials: the
///         counters here are exact.
#pragma once

#include <cstdint>

#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {

/// An exact counter: changed under zone->lock, read by anybody.
class ZoneCounter {
 public:
  ZoneCounter() = default;
  /// Copies the value.
  ZoneCounter(const ZoneCounter& other) : value_{other.get()} {}
  ZoneCounter& operator=(const ZoneCounter& other) {
    set(other.get());
    return *this;
  }

  /// Returns the value; needs no lock.
  [[nodiscard]] std::int64_t get() const { return detail::read_once(value_); }
  /// Adds @p change; the zone's lock is held.
  [[gnu::always_inline]] void add(std::int64_t change) { set(get() + change); }

  friend bool operator==(const ZoneCounter& a, const ZoneCounter& b) { return a.get() == b.get(); }

 private:
  [[gnu::always_inline]] void set(std::int64_t value) { detail::write_once(value_, value); }

  std::int64_t value_ = 0;
};

}  // namespace pageblock
