// SPDX-License-Identifier: MIT
/// A zone and operations on it, read from bytes. Every sequence of bytes is a program.
///
///     geometry | start, span, kind, how many ranges | ranges | owners | 5 bytes for each operation
///
/// Most arguments are near the zone, and those of half of the operations name what an earlier one
/// obtained: otherwise nearly all of them would be refused.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "pageblock/mm/zone_layout.hpp"

#include "model/page_owner.hpp"
#include "support/operation.hpp"

namespace pageblock::test {

/// Bytes one after the other; zeros behind the end.
class ByteSource {
 public:
  explicit ByteSource(std::span<const std::uint8_t> bytes) : rest_{bytes} {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t next() {
    if (rest_.empty()) return 0;
    const std::uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    return byte;
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }

 private:
  std::span<const std::uint8_t> rest_;
};

/// Near the zone, where the naive model comes to an end, or anything.
enum class Arguments { near, wild };

namespace detail {

inline PfnRange read_range(ByteSource& bytes, const ZoneLayout& layout) {
  const std::uint64_t start = bytes.below(layout.spanned_pages);
  const std::uint64_t length = bytes.below(layout.spanned_pages - start + 1);
  return {layout.start_pfn + start, layout.start_pfn + start + length};
}

}  // namespace detail

template <ZoneConfig Config>
[[nodiscard]] ZoneLayout read_layout(ByteSource& bytes, Arguments arguments) {
  ZoneLayout layout;
  const std::uint64_t start = bytes.next();
  const std::array<std::uint64_t, 4> bases{
      0, 0, std::uint64_t{1} << 32,
      arguments == Arguments::near ? std::uint64_t{1} << 40 : ~std::uint64_t{0} - 4095};
  const std::uint64_t base = bases[start >> 6];
  layout.start_pfn = Pfn{base + (start & 63)};
  layout.spanned_pages = 1 + bytes.below(96);

  const unsigned kind = bytes.next();
  if ((kind & 1) != 0) layout.type = ZoneType::movable;
  layout.mobility_grouping = (kind & 2) == 0;
  layout.nr_cpus = 1 + (kind >> 2) % 3;
  const unsigned populate_order = kind >> 4 & 7;
  if (populate_order != 0) layout.populate_order = Order{populate_order - 1};

  unsigned counts = bytes.next();
  const auto repeat = [&counts](auto read) {
    for (unsigned left = counts & 3; left != 0; --left) read();
    counts >>= 2;
  };
  repeat([&] { layout.holes.push_back(detail::read_range(bytes, layout)); });
  repeat([&] { layout.reserved.push_back(detail::read_range(bytes, layout)); });
  repeat([&] {
    const PfnRange range = detail::read_range(bytes, layout);
    const unsigned state = bytes.next();
    layout.in_use.push_back({range, 1 + (state & 3), (state & 4) != 0});
  });
  repeat([&] {
    const PfnRange range = detail::read_range(bytes, layout);
    constexpr auto types = Config::semantics.migratetypes;
    layout.block_types.push_back({range, types[bytes.below(types.size())]});
  });
  return layout;
}

[[nodiscard]] inline std::vector<PageOwner> read_owners(ByteSource& bytes,
                                                        const ZoneLayout& layout) {
  constexpr std::array<int, 4> answers{notify::okay, notify::done, notify::stop, notify::bad};
  std::vector<PageOwner> owners(bytes.below(3));
  for (PageOwner& owner : owners) {
    owner.pages = detail::read_range(bytes, layout);
    owner.answer = answers[bytes.below(answers.size())];
  }
  return owners;
}

/// Reads one operation after the other, with what they obtained in mind.
class OperationReader {
 public:
  OperationReader(ByteSource bytes, Arguments arguments, const ZoneLayout& layout,
                  std::uint64_t pages_per_block, bool is_later, bool is_tuned)
      : bytes_{bytes},
        arguments_{arguments},
        start_{layout.start_pfn},
        spanned_{layout.spanned_pages},
        block_{pages_per_block},
        is_later_{is_later} {
    for (std::size_t i = 0; i < nr_calls; ++i) {
      const auto call = static_cast<Call>(i);
      // With arguments that may be anything nobody tells what these have done: who waits, waits for ever.
      const bool is_tame = call == Call::prep_compound_page || call == Call::isolate_free_page ||
                           call == Call::putback_isolated_page || call == Call::zone_pcp_disable ||
                           call == Call::zone_pcp_enable;
      const bool is_left_out = is_tame && arguments == Arguments::wild;
      if (has_call(call, is_later, is_tuned) && !is_left_out) calls_.push_back(call);
    }
  }

  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  [[nodiscard]] Operation next() {
    const bool is_wild = arguments_ == Arguments::wild;
    Operation op;
    op.call = calls_[bytes_.below(calls_.size())];
    const unsigned small = bytes_.next();
    op.cpu = Cpu{small & 3};
    op.temperature = (small & 4) == 0 ? Temperature::hot : Temperature::cold;
    op.order = Order{small >> 3 & 7};
    const unsigned where = small >> 6;
    const std::uint64_t place = bytes_.next();
    op.pfn = less(start_ + place % (spanned_ + 4), 2);
    if (where == 1) op.pfn = Pfn{op.pfn.value() / block_ * block_};
    if (where >= 2 && !obtained_.empty()) {
      const Chunk& chunk = obtained_[place % obtained_.size()];
      op.pfn = chunk.pfn;
      if (op.call != Call::alloc_pages) op.order = chunk.order;
    }
    const unsigned type = bytes_.next();
    op.type = static_cast<MigrateType>(type & 7);
    op.number = type >> 3;
    const std::uint64_t end = bytes_.next();
    op.end = op.pfn + end % 48;
    if (end >= 96) op.end = Pfn{(op.pfn.value() / block_ + end % 6) * block_};
    if (end >= 240) op.end = less(op.pfn, end % 16);
    op.high = static_cast<std::uint32_t>(end % 16);
    op.high_max = static_cast<std::uint32_t>(end);
    op.classzone_idx = end % 5;
    op.flags = static_cast<unsigned>(end & 3) << 4;
    if (is_later_) read_later(op, small, type, end);
    if (is_wild) make_wild(op, place, type, end);
    // These are of one page, which is what is looked at to tell an unnoticed misuse.
    if (op.call == Call::set_page_lru || op.call == Call::clear_page_lru) op.order = Order{0};
    return op;
  }

  /// Keeps in mind what @p op obtained or gave back.
  void note(const Operation& op, const Result& result) {
    if (result.is_bug || result.value < 0) return;
    const auto value = static_cast<std::uint64_t>(result.value);
    switch (op.call) {
      case Call::alloc_pages:
        return obtained_.push_back({Pfn{value}, op.order});
      case Call::isolate_free_page:
        if (value != 0)
          obtained_.push_back({op.pfn, Order{static_cast<unsigned>(std::countr_zero(value))}});
        return;
      case Call::free_pages:
      case Call::put_page:
        return forget(op.pfn);
      case Call::split_page:
        forget(op.pfn);
        return add_pages(op.pfn, op.order.nr_pages());
      case Call::split_free_page:
        return add_pages(op.pfn, value);
      case Call::alloc_contig_range:
        return add_pages(op.pfn, op.end - op.pfn);
      default:
        return;
    }
  }

 private:
  struct Chunk {
    Pfn pfn;
    Order order;
  };

  // pfn - pages, but not below 0.
  [[nodiscard]] static Pfn less(Pfn pfn, std::uint64_t pages) {
    return pfn - std::min(pages, pfn.value());
  }

  void add_pages(Pfn pfn, std::uint64_t nr_pages) {
    for (std::uint64_t i = 0; i < nr_pages; ++i) obtained_.push_back({pfn + i, Order{0}});
  }
  void forget(Pfn pfn) {
    const auto found = std::ranges::find(obtained_, pfn, &Chunk::pfn);
    if (found != obtained_.end()) obtained_.erase(found);
  }

  // What v6.1 asks besides. The flags of a request, of a watermark and of isolation are other bits.
  void read_later(Operation& op, unsigned small, unsigned type, std::uint64_t end) const {
    op.temperature = Temperature::hot;
    op.start = (small & 4) == 0 ? Pfn{op.pfn.value() / block_ * block_} : op.pfn;
    const unsigned bits = type >> 3;
    switch (op.call) {
      case Call::alloc_pages:
      case Call::alloc_pages_bulk:
      case Call::zone_watermark_ok: {
        constexpr std::array flags{alloc_flags::cma, alloc_flags::kswapd, alloc_flags::no_fragment,
                                   alloc_flags::highatomic, alloc_flags::oom};
        op.flags = (end & 1) == 0 ? 0 : alloc_flags::non_block;
        if ((end & 2) != 0) op.flags |= alloc_flags::min_reserve;
        for (std::size_t i = 0; i < flags.size(); ++i) {
          if ((bits >> i & 1) != 0) op.flags |= flags[i];
        }
        if (op.call == Call::alloc_pages_bulk) op.number = end % 24;
        return;
      }
      case Call::set_migratetype_isolate:
      case Call::start_isolate_page_range:
      case Call::has_unmovable_pages:
      case Call::test_pages_isolated:
        op.flags = bits & 3;
        return;
      case Call::offline_pages:
      case Call::online_pages:
        op.pfn = Pfn{op.pfn.value() / block_ * block_};
        op.number = (end & 3) * block_;
        return;
      default:
        return;
    }
  }

  // Numbers at the ends of their types, for one value in sixteen of each byte.
  static void make_wild(Operation& op, std::uint64_t place, unsigned type, std::uint64_t end) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    constexpr std::array<std::uint64_t, 8> numbers{0,
                                                   most,
                                                   most - 1,
                                                   most / 2,
                                                   most / 2 + 1,
                                                   std::uint64_t{1} << 32,
                                                   (1ULL << 32) - 1,
                                                   most - 4095};
    if (place % 16 == 15) op.pfn = Pfn{numbers[place / 16 % numbers.size()]};
    if (end % 16 == 15) op.end = Pfn{numbers[end / 16 % numbers.size()]};
    if (type % 16 == 15) op.number = numbers[type / 16 % numbers.size()];
    if (type % 16 == 14) op.high = std::numeric_limits<std::uint32_t>::max();
    if (type % 16 == 13) op.classzone_idx = numbers[type / 16 % numbers.size()];
    if (end % 16 == 14) op.cpu = Cpu{std::numeric_limits<unsigned>::max()};
    if (end % 16 == 13) op.order = Order{std::numeric_limits<unsigned>::max() >> (end / 16)};
  }

  ByteSource bytes_;
  Arguments arguments_;
  Pfn start_;
  std::uint64_t spanned_;
  std::uint64_t block_;
  bool is_later_;
  std::vector<Call> calls_;
  std::vector<Chunk> obtained_;
};

}  // namespace pageblock::test
