// SPDX-License-Identifier: MIT
/// Seeded layouts of zones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "pageblock/mm/zone_layout.hpp"

#include "model/naive_buddy.hpp"

namespace pageblock::test {

/// Random numbers that are the same with every standard library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_{seed} {}

  /// Returns a number below @p n, which is not 0.
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  MigrateType type_below(std::uint64_t n) { return static_cast<MigrateType>(below(n)); }

 private:
  std::mt19937_64 engine_;
};

/// Makes a layout for a geometry: any start and size, holes, reserved memory and pages in use
/// anywhere, all block types.
class LayoutMaker {
 public:
  LayoutMaker(ModelGeometry geometry, Dice& dice)
      : block_{std::uint64_t{1} << geometry.pageblock_order},
        top_{std::uint64_t{1} << (geometry.max_order - 1)},
        max_order_{geometry.max_order},
        types_{geometry.rules->types},
        dice_{dice} {}

  [[nodiscard]] ZoneLayout make() {
    ZoneLayout layout;
    start_ = random_start();
    span_ = random_span();
    layout.start_pfn = Pfn{start_};
    layout.spanned_pages = span_;
    if (dice_.one_in(2)) repeat(3, [&] { layout.holes.push_back(random_range()); });
    if (dice_.one_in(2)) repeat(3, [&] { layout.reserved.push_back(random_range()); });
    if (dice_.one_in(2)) {
      repeat(4, [&] {
        const auto count = static_cast<std::uint32_t>(dice_.one_in(3) ? dice_.between(1, 3) : 1);
        layout.in_use.push_back({random_range(), count, dice_.one_in(2)});
      });
    }
    if (dice_.one_in(2)) {
      repeat(5, [&] {
        layout.block_types.push_back({random_range(), types_[dice_.below(types_.size())]});
      });
    }
    const PfnRange all{Pfn{start_}, Pfn{start_ + span_}};
    if (dice_.one_in(30)) layout.holes = {all};
    if (dice_.one_in(30)) layout.reserved = {all};
    if (dice_.one_in(20)) layout.in_use = {{all, 1, dice_.one_in(2)}};
    layout.mobility_grouping = !dice_.one_in(6);
    if (dice_.one_in(6)) layout.type = ZoneType::movable;
    if (dice_.one_in(3))
      layout.populate_order = Order{static_cast<unsigned>(dice_.below(max_order_))};
    layout.nr_cpus = static_cast<unsigned>(dice_.between(1, 3));
    return layout;
  }

 private:
  void repeat(std::uint64_t most, auto action) {
    for (std::uint64_t i = dice_.between(1, most); i > 0; --i) action();
  }

  std::uint64_t random_start() {
    switch (dice_.below(5)) {
      case 0:
        return dice_.below(2);
      case 1:
        return dice_.below(8) * top_;
      case 2:
        return dice_.below(20) * block_;
      case 3:
        return dice_.between(1, 3) * top_ - std::min(top_, dice_.below(3 * block_ + 100));
      default:
        return (std::uint64_t{1} << 40) - dice_.below(3) * top_;
    }
  }

  // Few pages, so that a program has many operations for its time. Now and then a zone has several
  // of the largest chunks, even of 2^19 pages.
  std::uint64_t random_span() {
    if (dice_.one_in(6)) return dice_.between(1, 4);
    std::uint64_t most = std::clamp<std::uint64_t>(4 * top_, 64, 600);
    if (dice_.one_in(4)) most = std::min<std::uint64_t>(3 * top_, 3200);
    if (dice_.one_in(200)) most = 2 * top_ + 3 * block_;
    const std::uint64_t unit = dice_.one_in(2) ? 1 : dice_.one_in(2) ? block_ : top_;
    return unit * dice_.between(1, std::max<std::uint64_t>(most / unit, 1)) % (most + 1) + 1;
  }

  PfnRange random_range() {
    std::uint64_t start = start_ + dice_.below(span_);
    std::uint64_t end = start;
    switch (dice_.below(4)) {
      case 0:
        end += dice_.below(4);
        break;
      case 1:
        end += dice_.below(2 * block_);
        break;
      case 2:  // whole blocks
        start = std::max(start / block_ * block_, start_);
        end = (start / block_ + dice_.between(1, 3)) * block_;
        break;
      default:
        end = start_ + dice_.below(span_ + 1);
    }
    if (end < start) std::swap(start, end);
    return {Pfn{start}, Pfn{std::min(end, start_ + span_)}};
  }

  std::uint64_t block_;
  std::uint64_t top_;
  unsigned max_order_;
  const std::vector<MigrateType>& types_;
  Dice& dice_;
  std::uint64_t start_ = 0;
  std::uint64_t span_ = 0;
};

}  // namespace pageblock::test
