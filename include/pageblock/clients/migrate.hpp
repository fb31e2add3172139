// SPDX-License-Identifier: MIT
/// Moving a list of pages.
///
/// Layer:  clients.
/// Kernel: migrate_pages() (mm/migrate.c), in sync mode.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/page_mover.hpp"

namespace pageblock {

/// Units in the order in which they are tried.
using MigrationList = std::vector<MigrationUnit>;

namespace detail {

// What came of a try.
enum class Moved : std::uint8_t { moved, again, failed, no_memory, stuck };

// In sync mode who migrates waits for locks and the disk from this pass on, counted from 0.
inline constexpr unsigned first_waiting_pass = 3;

// Whether a page can be locked in a pass. What is waited for comes.
template <typename Mover>
Moved lock_unit(Mover& mover, MigrationUnit& unit, bool waits) {
  unit.hindrance = mover.pages().hindrance(unit.pfn, MoveStep::lock);
  if (unit.hindrance == Hindrance::none) return Moved::moved;
  if (!waits) return Moved::again;
  if (unit.hindrance == Hindrance::stuck) return Moved::stuck;
  unit.hindrance = Hindrance::none;
  return Moved::moved;
}

// Whether a locked page can be moved.
template <typename Mover>
Moved ask_to_move(Mover& mover, MigrationUnit& unit) {
  unit.hindrance = mover.pages().hindrance(unit.pfn, MoveStep::move);
  if (unit.hindrance == Hindrance::none) return Moved::moved;
  return unit.hindrance == Hindrance::pinned ? Moved::again : Moved::failed;
}

// Tries one page with a copy of its own. Kernel: unmap_and_move() of v3.6 and v6.1.
template <typename Mover>
Moved try_unit(Mover& mover, MigrationUnit& unit, unsigned pass) {
  const auto copy = mover.alloc_copy_for(unit);
  if (!copy) return Moved::no_memory;
  ++unit.tries;
  Moved result = lock_unit(mover, unit, pass >= first_waiting_pass);
  if (result == Moved::moved && !Mover::rules.contig_moves_ksm &&
      mover.purpose() == MigrationPurpose::contig &&
      mover.pages().kind(unit.pfn) == InUseKind::ksm) {
    unit.hindrance = Hindrance::refuses;
    result = Moved::failed;
  }
  if (result == Moved::moved) result = ask_to_move(mover, unit);
  if (result == Moved::moved) {
    mover.move(unit, *copy);
  } else {
    mover.drop_copy(*copy, unit);
  }
  return result;
}

// Does what visit says with each unit of a list; keeps those that are to be tried again, and moves those
// that failed for good to failed. Returns no_memory or stuck if that ends it, with the rest kept.
template <typename Visitor>
Moved visit_units(MigrationList& list, MigrationList& failed, Visitor visit) {
  auto kept = list.begin();
  Moved end = Moved::moved;
  for (auto unit = list.begin(); unit != list.end(); ++unit) {
    if (end == Moved::moved) {
      const Moved result = visit(*unit);
      if (result == Moved::moved) continue;
      if (result == Moved::failed) {
        failed.push_back(*unit);
        continue;
      }
      if (result != Moved::again) end = result;
    }
    if (kept != unit) *kept = *unit;
    ++kept;
  }
  list.erase(kept, list.end());
  return end;
}

// One page after the other, in ten passes over all that did not move. Kernel: v3.6, v6.1.
template <typename Mover>
Moved migrate_one_by_one(Mover& mover, MigrationList& piece, MigrationList& failed) {
  constexpr unsigned nr_passes = 10;
  for (unsigned pass = 0; pass < nr_passes && !piece.empty(); ++pass) {
    const Moved end = visit_units(piece, failed,
                                  [&](MigrationUnit& unit) { return try_unit(mover, unit, pass); });
    if (end != Moved::moved) return end;
  }
  return Moved::moved;
}

// All copies first, without waiting for anything; then all that could be unmapped moves, in the same
// order, with up to three tries each. Kernel: migrate_pages_batch() in async mode (v6.3).
template <typename Mover>
Moved migrate_batch(Mover& mover, MigrationList& piece, MigrationList& failed) {
  constexpr unsigned nr_passes = 3;
  struct Unmapped {
    MigrationUnit unit;
    Pfn copy;
  };
  std::vector<Unmapped> unmapped;
  MigrationList left;  // under writeback: they are waited for later
  Moved end = Moved::moved;
  for (unsigned pass = 0; pass < nr_passes && !piece.empty() && end == Moved::moved; ++pass) {
    end = visit_units(piece, failed, [&](MigrationUnit& unit) {
      const auto copy = mover.alloc_copy_for(unit);
      if (!copy) return Moved::no_memory;
      const Moved result = lock_unit(mover, unit, false);
      if (result == Moved::moved) {
        unmapped.push_back({unit, *copy});
        return result;
      }
      ++unit.tries;
      mover.drop_copy(*copy, unit);
      if (unit.hindrance != Hindrance::writeback) return result;
      left.push_back(unit);
      return Moved::moved;
    });
  }
  for (unsigned pass = 0; pass < nr_passes && !unmapped.empty(); ++pass) {
    std::erase_if(unmapped, [&](Unmapped& of) {
      if (of.unit.hindrance == Hindrance::refuses) return false;
      ++of.unit.tries;
      const Moved result = ask_to_move(mover, of.unit);
      if (result == Moved::moved) mover.move(of.unit, of.copy);
      return result == Moved::moved;
    });
  }
  for (const Unmapped& of : unmapped) {
    mover.drop_copy(of.copy, of.unit);
    (of.unit.hindrance == Hindrance::refuses ? failed : left).push_back(of.unit);
  }
  piece.insert(piece.end(), left.begin(), left.end());
  return end;
}

// One page with one copy, waiting for locks and the disk, and seven tries to move it.
template <typename Mover>
Moved migrate_single(Mover& mover, MigrationUnit& unit) {
  constexpr unsigned nr_tries = 7;
  const auto copy = mover.alloc_copy_for(unit);
  if (!copy) return Moved::no_memory;
  Moved result = lock_unit(mover, unit, true);
  if (result == Moved::moved) {
    for (unsigned i = 0; i < nr_tries; ++i) {
      ++unit.tries;
      result = ask_to_move(mover, unit);
      if (result != Moved::again) break;
    }
  }
  if (result == Moved::moved) {
    mover.move(unit, *copy);
  } else {
    mover.drop_copy(*copy, unit);
  }
  return result;
}

// Kernel: migrate_pages_sync() (v6.3).
template <typename Mover>
Moved migrate_in_batches(Mover& mover, MigrationList& piece, MigrationList& failed) {
  const Moved end = migrate_batch(mover, piece, failed);
  if (end != Moved::moved) return end;
  return visit_units(piece, failed,
                     [&](MigrationUnit& unit) { return migrate_single(mover, unit); });
}

// Cuts off what is tried together: until it has 512 pages or, page by page, as long as it has no more.
template <typename Mover>
MigrationList::iterator piece_end(MigrationList& list, MigrationList::iterator begin) {
  constexpr std::uint64_t most = 512;
  std::uint64_t nr_pages = 0;
  auto end = begin;
  while (end != list.end()) {
    nr_pages += end->order.nr_pages();
    if (!Mover::rules.copies_first && nr_pages > most && end != begin) break;
    ++end;
    if (nr_pages >= most) break;
  }
  return end;
}

// Takes huge pages off a list and moves them, before all others, one by one; those that stay go to rest. If
// that ends it, the list has them all again. Kernel: migrate_hugetlbs() (v6.3), where it is a function.
template <typename Mover>
Status migrate_huge(Mover& mover, MigrationList& list, MigrationList& rest) {
  const auto is_huge = [&](const MigrationUnit& unit) {
    return unit.order != Order{0} && mover.pages().kind(unit.pfn) == InUseKind::hugetlb;
  };
  if (std::none_of(list.begin(), list.end(), is_huge)) return ok;
  MigrationList huge;
  std::copy_if(list.begin(), list.end(), std::back_inserter(huge), is_huge);
  std::erase_if(list, is_huge);
  const Moved end = migrate_one_by_one(mover, huge, rest);
  rest.insert(rest.end(), huge.begin(), huge.end());
  if (end == Moved::moved) return ok;
  list.insert(list.begin(), rest.begin(), rest.end());
  return end == Moved::stuck ? -Err::intr : -Err::nomem;
}

// Moves the units of a list, as far as they move; the others stay on it, with what hindered them.
// Returns ok if all moved; -EBUSY, where the kernel returns how many did not; -ENOMEM without memory for
// a copy, which ends it; -EINTR if it would wait for ever.
template <typename Mover>
Status migrate_list(Mover& mover, MigrationList& list) {
  ++mover.record().nr_rounds;
  MigrationList rest;
  const Status ret = migrate_huge(mover, list, rest);
  if (ret != ok) return ret;
  for (auto next = list.begin(); next != list.end();) {
    const auto end_of_piece = piece_end<Mover>(list, next);
    MigrationList piece{next, end_of_piece};
    next = end_of_piece;
    const Moved end = Mover::rules.copies_first ? migrate_in_batches(mover, piece, rest)
                                                : migrate_one_by_one(mover, piece, rest);
    rest.insert(rest.end(), piece.begin(), piece.end());
    if (end == Moved::moved) continue;
    rest.insert(rest.end(), next, list.end());
    list = std::move(rest);
    return end == Moved::stuck ? -Err::intr : -Err::nomem;
  }
  list = std::move(rest);
  return list.empty() ? ok : -Err::busy;
}

}  // namespace detail

/// Moves the pages of @p list, which are on LRU lists and in @p zone, to memory that is allocated from
/// @p memory on @p cpu, one copy for each: ten passes over what does not move, in v6.12 all copies before
/// the first page moves. Their places are freed at once, in v3.6 when 14 pages wait to be put on an LRU
/// list, and at the end. A page moves with all its references. What did not move stays on the list, with what
/// hindered it at the last try.
/// Requires: cpu < zone.nr_cpus().
/// Returns:  ok; -EBUSY if some did not move (the kernel says how many); -ENOMEM as soon as there is no
///           memory for a copy; -EINTR where the kernel would wait for ever (Hindrance::stuck).
/// Locking:  as alloc_pages() and put_page(), for each page.
/// Kernel:   migrate_pages(). Large pages are not split where there is no memory for all of one; a huge page of
///           hugetlbfs gets memory from the buddy allocator, as where its pool has none that is free.
template <Memory M, PageMovability Pages = AllMove>
Status migrate_pages(M& memory, Zone<typename M::Config>& zone, Cpu cpu, MigrationList& list,
                     Pages&& pages = {}, MigrationPurpose purpose = MigrationPurpose::contig,
                     Candidate* record = nullptr) {
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU");
  Candidate unused;
  using Policy = std::remove_reference_t<Pages>;
  detail::PageMover<M, Policy> mover{memory, zone,    cpu,
                                     pages,  purpose, record != nullptr ? *record : unused};
  const Status ret = detail::migrate_list(mover, list);
  mover.drain_lru();
  return ret;
}

}  // namespace pageblock
