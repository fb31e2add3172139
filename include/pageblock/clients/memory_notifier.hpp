// SPDX-License-Identifier: MIT
/// Who wants to know that memory comes or goes, and may object.
///
/// Layer:  clients.
/// Kernel: register_memory_notifier(), struct memory_notify (include/linux/memory.h).
#pragma once

#include <cstdint>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/notifier.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"

namespace pageblock {

/// What happens to a range. A callback may object to what is about to happen; who has been asked, and
/// who has not been asked before another objected, is told that it was called off.
enum class MemoryEvent : std::uint8_t {
  going_online,    ///< MEM_GOING_ONLINE
  cancel_online,   ///< MEM_CANCEL_ONLINE
  online,          ///< MEM_ONLINE
  going_offline,   ///< MEM_GOING_OFFLINE: all of it is isolated by now.
  cancel_offline,  ///< MEM_CANCEL_OFFLINE
  offline,         ///< MEM_OFFLINE
};

/// The argument of the chain.
struct MemoryNotify {
  MemoryEvent event;           ///< What happens.
  Pfn start_pfn;               ///< The first page.
  std::uint64_t nr_pages = 0;  ///< How many pages.
};

/// The callbacks.
using MemoryNotifierChain = NotifierChain<MemoryNotify>;

/// What who takes memory offline or brings it online says besides which.
struct HotplugOptions {
  /// The CPU that does it.
  Cpu cpu{};
  /// How often the loop of offlining goes round before a signal comes. Kernels since v5.0 have no other end for
  /// memory that does not become empty. In v3.6, which moves 256 pages a round and ends when its time is over,
  /// only rounds count in which nothing moves.
  std::uint64_t rounds = 16;
  /// Who is told, if anybody.
  const MemoryNotifierChain* notifiers = nullptr;
};

namespace detail {

// Calls the chain; returns the objection, if any.
[[nodiscard]] inline Status notify_memory(const HotplugOptions& options, MemoryEvent event,
                                          const PfnRange& range) {
  if (options.notifiers == nullptr) return ok;
  MemoryNotify arg{event, range.start, range.nr_pages()};
  const int ret = notifier_to_errno(options.notifiers->call(arg));
  return ret == 0 ? ok : -static_cast<Err>(-ret);
}

}  // namespace detail
}  // namespace pageblock
