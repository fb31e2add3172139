// SPDX-License-Identifier: MIT
/// Makes a failing program small.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/program.hpp"

namespace pageblock::test {

/// Tries simpler programs as long as one of them still fails.
template <std::predicate<const Program&> Fails>
class Shrinker {
 public:
  Shrinker(Program program, Fails fails) : program_{std::move(program)}, fails_{std::move(fails)} {}

  [[nodiscard]] Program shrink() {
    do {
      has_changed_ = false;
      drop_runs(&Program::operations);
      simplify_operations();
      drop_runs(&Program::owners);
      simplify_layout();
    } while (has_changed_);
    return program_;
  }

 private:
  // Keeps @p candidate if it fails too.
  bool keep(Program candidate) {
    if (!fails_(std::as_const(candidate))) return false;
    program_ = std::move(candidate);
    has_changed_ = true;
    return true;
  }

  // Drops runs of elements, long ones first, down to single ones.
  template <typename Member>
  void drop_runs(Member member) {
    for (std::size_t length = elements(program_, member).size(); length > 0; length /= 2) {
      for (std::size_t i = 0; i + length <= elements(program_, member).size();) {
        Program candidate = program_;
        auto& all = elements(candidate, member);
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(i);
        all.erase(first, first + static_cast<std::ptrdiff_t>(length));
        if (!keep(std::move(candidate))) ++i;
      }
    }
  }
  template <typename T>
  static std::vector<T>& elements(Program& program, std::vector<T> Program::*member) {
    return program.*member;
  }
  template <typename T>
  static std::vector<T>& elements(Program& program, std::vector<T> ZoneLayout::*member) {
    return program.layout.*member;
  }

  // Each argument of each operation: the plain value, or else a smaller number.
  void simplify_operations() {
    for (std::size_t i = 0; i < program_.operations.size(); ++i) {
      const auto reset = [&](auto member) {
        Program candidate = program_;
        auto& argument = candidate.operations[i].*member;
        if (argument == Operation{}.*member) return;
        argument = Operation{}.*member;
        keep(std::move(candidate));
      };
      reset(&Operation::cpu);
      reset(&Operation::order);
      reset(&Operation::type);
      reset(&Operation::temperature);
      reset(&Operation::number);
      reset(&Operation::high);
      reset(&Operation::classzone_idx);
      reset(&Operation::flags);
      const auto lessen = [&](auto value, auto set) {
        for (std::uint64_t step = value(); step > 0; step /= 2) {
          while (step <= value()) {
            Program candidate = program_;
            set(candidate.operations[i], value() - step);
            if (!keep(std::move(candidate))) break;
          }
        }
      };
      lessen([&] { return program_.operations[i].number; },
             [](Operation& op, std::uint64_t to) { op.number = to; });
      lessen([&] { return program_.operations[i].high; },
             [](Operation& op, std::uint64_t to) { op.high = static_cast<std::uint32_t>(to); });
      lessen([&] { return program_.operations[i].order.value(); },
             [](Operation& op, std::uint64_t to) { op.order = Order{static_cast<unsigned>(to)}; });
      lessen(
          [&] {
            return PfnRange{program_.operations[i].pfn, program_.operations[i].end}.nr_pages();
          },
          [](Operation& op, std::uint64_t to) { op.end = op.pfn + to; });
    }
  }

  void simplify_layout() {
    drop_runs(&ZoneLayout::holes);
    drop_runs(&ZoneLayout::reserved);
    drop_runs(&ZoneLayout::in_use);
    drop_runs(&ZoneLayout::block_types);
    const auto reset = [&](auto member) {
      Program candidate = program_;
      if (candidate.layout.*member == ZoneLayout{}.*member) return;
      candidate.layout.*member = ZoneLayout{}.*member;
      keep(std::move(candidate));
    };
    reset(&ZoneLayout::type);
    reset(&ZoneLayout::mobility_grouping);
    reset(&ZoneLayout::populate_order);
    reset(&ZoneLayout::nr_cpus);
    for (std::size_t i = 0; i < program_.layout.in_use.size(); ++i) {
      Program candidate = program_;
      InUseRange& use = candidate.layout.in_use[i];
      if (use.count == 1 && !use.lru) continue;
      use.count = 1;
      use.lru = false;
      keep(std::move(candidate));
    }
    for (std::uint64_t cut = program_.layout.spanned_pages / 2; cut > 0; cut /= 2) {
      while (cut < program_.layout.spanned_pages && keep(with_end_cut(cut))) {
      }
    }
    for (std::uint64_t step = std::uint64_t{1} << 40; step > 0; step /= 2) {
      while (step <= program_.layout.start_pfn.value() && keep(moved_down(step))) {
      }
    }
  }

  // Calls visit(pfn) with every pfn of the layout but the zone's start.
  static void for_each_pfn(Program& program, auto visit) {
    const auto visit_range = [&](PfnRange& range) {
      visit(range.start);
      visit(range.end);
    };
    for (PfnRange& range : program.layout.holes) visit_range(range);
    for (PfnRange& range : program.layout.reserved) visit_range(range);
    for (InUseRange& use : program.layout.in_use) visit_range(use.range);
    for (BlockTypeRange& typed : program.layout.block_types) visit_range(typed.range);
  }

  [[nodiscard]] Program with_end_cut(std::uint64_t pages) const {
    Program cut = program_;
    cut.layout.spanned_pages -= pages;
    const Pfn end = cut.layout.start_pfn + cut.layout.spanned_pages;
    for_each_pfn(cut, [end](Pfn& pfn) { pfn = std::min(pfn, end); });
    return cut;
  }

  [[nodiscard]] Program moved_down(std::uint64_t pages) const {
    Program moved = program_;
    const auto move = [pages](Pfn& pfn) { pfn = Pfn{pfn.value() - std::min(pages, pfn.value())}; };
    move(moved.layout.start_pfn);
    for_each_pfn(moved, move);
    for (PageOwner& owner : moved.owners) {
      move(owner.pages.start);
      move(owner.pages.end);
    }
    for (Operation& op : moved.operations) {
      move(op.pfn);
      move(op.end);
    }
    return moved;
  }

  Program program_;
  Fails fails_;
  bool has_changed_ = false;
};

/// Returns a program that fails and of which no part can be left out or made plainer without that
/// it stops failing, as far as the Shrinker tries.
template <std::predicate<const Program&> Fails>
[[nodiscard]] Program shrink(Program program, Fails fails) {
  return Shrinker{std::move(program), std::move(fails)}.shrink();
}

}  // namespace pageblock::test
