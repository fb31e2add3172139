// SPDX-License-Identifier: MIT
/// The memory isolate notifier: who else owns pages of a block that is to be isolated.
///
/// Layer:  isolation.
/// Kernel: register_memory_isolate_notifier(), MEM_ISOLATE_COUNT (drivers/base/memory.c); removed
///         in v5.5.
#pragma once

#include "pageblock/base/notifier.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// A callback of the chain. It may add to arg.pages_found (a balloon does: pages that it could give
/// back), and refuse with notifier_from_errno(). It runs under zone.lock, so it may read pages and
/// counters but must not call what takes a lock of the zone (reported), and it must have no
/// effects, since explaining a refusal asks it too. An exception passes through the caller: a block
/// is left unchanged, a range is rolled back as if the block had been refused.
using IsolateNotifier = NotifierBlock<MemoryIsolateNotify>;

/// Adds @p notifier to the zone's chain, behind those of higher or equal priority. The zone does
/// not own its context. v6.1 has no notifiers, and asks none. Throws std::bad_alloc.
/// Requires: a function; not called from a callback of the chain.
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
void register_memory_isolate_notifier(Zone<Config>& zone, const IsolateNotifier& notifier) {
  const IrqSaveGuard guard{zone.lock()};
  zone.isolate_notifiers().add(notifier);
}

/// Removes the notifier with this function and context.
/// Returns:  ok, or -ENOENT if there is none.
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
Status unregister_memory_isolate_notifier(Zone<Config>& zone, const IsolateNotifier& notifier) {
  const IrqSaveGuard guard{zone.lock()};
  return zone.isolate_notifiers().remove(notifier) ? ok : -Err::noent;
}

}  // namespace pageblock
