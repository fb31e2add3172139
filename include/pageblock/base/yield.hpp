// SPDX-License-Identifier: MIT
/// Where another CPU may come between: nothing, unless the lock of a zone is that of an explorer of
/// interleavings.
///
/// Layer:  base.
/// Kernel: the edges of critical sections, and reads outside them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pageblock/base/config.hpp"

namespace pageblock {

/// A place at which another CPU may come between.
enum class Yield : std::uint8_t {
  begin,         ///< An operation of a thread begins.
  zone_lock,     ///< zone->lock is about to be taken.
  zone_unlock,   ///< It was given back.
  pcp_lock,      ///< The lock of a CPU's lists is about to be taken.
  pcp_unlock,    ///< It was given back.
  mutex_lock,    ///< Another lock is about to be taken.
  mutex_unlock,  ///< It was given back.
  type_read,     ///< A block's type is about to be read without zone->lock.
  type_used,     ///< It was, and is about to be acted upon.
  count_read,    ///< The number of pages on a CPU's lists is about to be read without its lock.
  page_read,     ///< A page is about to be looked at without zone->lock.
  page_write,    ///< Half of what is known of a page was written.
  limits,        ///< The limits of the per-CPU lists are about to be written.
  wait,          ///< Nothing to do until somebody else does something.
  step           ///< A scenario's own.
};
/// How many there are.
inline constexpr std::size_t nr_yields = 15;

/// Returns the name of a place.
[[nodiscard]] constexpr std::string_view to_string(Yield where) {
  constexpr std::array<std::string_view, nr_yields> names{
      "begin",      "zone_lock",    "zone_unlock", "pcp_lock",  "pcp_unlock",
      "mutex_lock", "mutex_unlock", "type_read",   "type_used", "count_read",
      "page_read",  "page_write",   "limits",      "wait",      "step"};
  return names[static_cast<std::size_t>(where)];
}

namespace detail {

/// Whether an explorer decides what runs next in zones of @p Config.
template <ZoneConfig Config>
inline constexpr bool is_interleaved = requires {
  Config::Lock::may_switch(Yield::step);
};

/// Lets the explorer, if there is one, run another CPU.
template <ZoneConfig Config>
[[gnu::always_inline]] inline void may_switch([[maybe_unused]] Yield where) {
  if constexpr (is_interleaved<Config>) Config::Lock::may_switch(where);
}

}  // namespace detail
}  // namespace pageblock
