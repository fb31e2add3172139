// SPDX-License-Identifier: MIT
#include "cma_trouble/board.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "pageblock/clients/cma_area.hpp"
#include "pageblock/clients/cma_places.hpp"
#include "pageblock/clients/cma_reserve.hpp"
#include "pageblock/io/log/cma_log_writer.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

namespace example {

using namespace pageblock;

namespace {

constexpr Pfn dram{0x80000};  // at 2 GiB, as on many boards
constexpr Cpu cpu{0};
constexpr std::uint64_t kernel_pages = 2048;  // code and data of the kernel
constexpr std::uint64_t buffer_pages = 64;    // of those who hold a part of the area

// The same on every machine.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_{seed * 2 + 1} { (*this)(1); }
  std::uint64_t operator()(std::uint64_t sides) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return (state_ >> 33) % sides;
  }

 private:
  std::uint64_t state_;
};

template <const Semantics& kernel>
struct KernelConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 1;
  static constexpr Semantics semantics = kernel;
  using Lock = NullLock;
};

template <typename F>
auto with_kernel(std::string_view name, F f) {
  if (name == "v3.6") return f(KernelConfig<kernel::v3_6>{});
  if (name == "v6.1") return f(KernelConfig<kernel::v6_1>{});
  if (name == "v6.12") return f(KernelConfig<kernel::v6_12>{});
  if (name == "v7.2") return f(KernelConfig<kernel::v7_2>{});
  throw std::invalid_argument{fmt::format("no such kernel: {}", name)};
}

// Where the pages of the page cache are, and what they are: they go on knowing it when they move.
class PageCache : public AllMove {
 public:
  explicit PageCache(std::uint64_t nr_pages) : pages_(nr_pages) {}

  void add(Pfn pfn, bool is_clean) { state(pfn) = is_clean ? State::clean : State::dirty; }
  void remove(Pfn pfn) { state(pfn) = State::none; }
  void pin(Pfn pfn) { state(pfn) = State::pinned; }

  // The pages of a range that are page cache and not pinned.
  [[nodiscard]] std::vector<Pfn> in(const PfnRange& range) const {
    std::vector<Pfn> found;
    for (Pfn pfn = range.start; pfn < range.end; ++pfn) {
      const State is = pages_[pfn - dram];
      if (is == State::clean || is == State::dirty) found.push_back(pfn);
    }
    return found;
  }

  [[nodiscard]] InUseKind kind(Pfn pfn) const {
    return pages_[pfn - dram] == State::clean ? InUseKind::file_clean : InUseKind::file;
  }
  [[nodiscard]] Hindrance hindrance(Pfn pfn, MoveStep step) const {
    const bool is_pinned = pages_[pfn - dram] == State::pinned && step == MoveStep::move;
    return is_pinned ? Hindrance::pinned : Hindrance::none;
  }
  void moved(Pfn from, OptionalPfn to, Order) {
    if (to) state(*to) = state(from);
    remove(from);
  }

 private:
  enum class State : std::uint8_t { none, clean, dirty, pinned };
  [[nodiscard]] State& state(Pfn pfn) { return pages_[pfn - dram]; }

  std::vector<State> pages_;
};

// A value: each try is made on a copy.
template <typename Config>
struct Board {
  Node<Config> node;
  CmaArea area;
  PageCache cache;

  [[nodiscard]] Zone<Config>& zone() { return node.zones()[0]; }
};

// Other buffers take the area, and give most of it back.
template <typename Config>
void hold_area(Board<Config>& board, unsigned percent, Dice& dice) {
  std::vector<Pfn> buffers;
  while (const OptionalPfn pfn = cma_alloc(board.node, cpu, board.area, buffer_pages)) {
    buffers.push_back(*pfn);
  }
  const std::size_t kept = buffers.size() * percent / 100;
  while (buffers.size() > kept) {
    std::swap(buffers[dice(buffers.size())], buffers.back());
    cma_release(board.node, cpu, board.area, buffers.back(), buffer_pages);
    buffers.pop_back();
  }
}

// Programs read files and the kernel works, until nothing more is to be had. Then some of the files are
// forgotten again.
template <typename Config>
void fill(Board<Config>& board, const BoardSettings& settings, Dice& dice) {
  std::vector<Pfn> cached;
  while (true) {
    if (dice(10) == 0) {  // who cares whether the kernel gets it?
      static_cast<void>(
          alloc_pages(board.node, cpu, Order{static_cast<unsigned>(dice(3))}, gfp_kernel));
    }
    // As a kernel does before it gives up: what waits on per-CPU lists comes back. And kswapd makes up
    // for what steals have added to the watermarks.
    auto drain_once = [drained = false](Node<Config>& node, Order, const Gfp&) mutable {
      node.zones()[0].pressure().watermark_boost = 0;
      drain_all_pages(node.zones()[0]);
      return !std::exchange(drained, true);
    };
    const auto got = alloc_pages(board.node, cpu, Order{0}, gfp_highuser_movable, drain_once);
    if (!got.page) break;
    const Pfn pfn = got.page->pfn();
    set_page_lru(board.zone(), pfn, true);
    board.cache.add(pfn, dice(100) < settings.clean_percent);
    cached.push_back(pfn);
  }
  const auto wanted =
      static_cast<std::int64_t>(settings.memory_pages * settings.free_percent / 100);
  const auto nr_free = [&board] {
    return board.zone().nr_free_pages() + std::int64_t{board.zone().pcp(cpu).count};
  };
  while (nr_free() < wanted && !cached.empty()) {
    std::swap(cached[dice(cached.size())], cached.back());
    board.cache.remove(cached.back());
    static_cast<void>(put_page(board.zone(), cpu, cached.back()));
    cached.pop_back();
  }
  drain_all_pages(board.zone());
}

template <typename Config>
Board<Config> make_board(const BoardSettings& settings) {
  std::array<ZoneLayout, 1> machine{ZoneLayout{.start_pfn = dram,
                                               .spanned_pages = settings.memory_pages,
                                               .reserved = {{dram, dram + kernel_pages}}}};
  const CmaRequest request{.name = "camera",
                           .nr_pages = settings.area_pages,
                           .order_per_bit = Order{settings.order_per_bit}};
  const auto area = cma_declare_contiguous<Config>(machine, request);
  if (!area) throw std::runtime_error{"the memory has no place for the area"};
  std::vector<Zone<Config>> zones;
  const std::uint64_t min = settings.memory_pages / 256;
  zones.emplace_back(machine[0])
      .set_watermarks({.min = min, .low = min * 5 / 4, .high = min * 3 / 2});
  Board<Config> board{Node<Config>{std::move(zones)}, *area, PageCache{settings.memory_pages}};
  if (!cma_activate_area(board.node, board.area)) {
    throw std::runtime_error{"the area could not be activated"};
  }
  Dice dice{settings.seed};
  if (settings.held_percent != 0) hold_area(board, settings.held_percent, dice);
  fill(board, settings, dice);
  return board;
}

Order align_of(const Request& request) {
  if (request.alignment == Alignment::none) return Order{0};
  if (request.alignment == Alignment::dma) return cma_alignment(request.pages);
  return cma_alignment(request.pages, Order{31});
}

template <typename Config>
Outcome request_on(Board<Config> board, const Request& request, Dice& dice, bool has_log) {
  Outcome outcome;
  if (has_log) outcome.boot_log = cma_reserved_line(board.area, Config::semantics);
  std::vector<Pfn> lent = board.cache.in(board.area.span());
  outcome.lent = lent.size();
  outcome.area_pages = board.area.span().nr_pages();
  outcome.pinned = std::min<std::uint64_t>(request.pins, lent.size());
  for (std::uint64_t i = 0; i < outcome.pinned; ++i) {
    std::swap(lent[dice(lent.size())], lent.back());
    board.cache.pin(lent.back());
    get_page(board.zone(), lent.back());
    lent.pop_back();
  }
  const OptionalPfn pfn = cma_alloc(board.node, cpu, board.area, request.pages, align_of(request),
                                    board.cache, &outcome.attempt);
  if (has_log && !pfn) {
    outcome.failure_log = cma_failure_lines(board.area, Config::semantics, request.pages,
                                            outcome.attempt.status, true);
  }
  return outcome;
}

}  // namespace

std::string_view to_string(Alignment alignment) {
  constexpr std::array<std::string_view, 3> names{"none", "dma", "size"};
  return names[static_cast<std::size_t>(alignment)];
}

const std::vector<std::string>& kernel_names() {
  static const std::vector<std::string> names{"v3.6", "v6.1", "v6.12", "v7.2"};
  return names;
}

Outcome make_request(std::string_view kernel, const BoardSettings& settings,
                     const Request& request) {
  return with_kernel(kernel, [&]<typename Config>(Config) {
    Dice dice{settings.seed + 1};
    return request_on(make_board<Config>(settings), request, dice, true);
  });
}

std::vector<Row> make_rows(std::string_view kernel, const BoardSettings& settings,
                           const std::vector<Request>& requests, std::uint64_t tries,
                           const std::function<void(std::size_t, std::size_t)>& progress) {
  return with_kernel(kernel, [&]<typename Config>(Config) {
    const Board<Config> board = make_board<Config>(settings);
    const std::uint64_t lent = board.cache.in(board.area.span()).size();
    const std::uint64_t area_pages = board.area.span().nr_pages();
    std::vector<Row> rows;
    for (const Request& request : requests) {
      Row row{.request = request, .tries = tries, .area_pages = area_pages, .lent = lent};
      for (std::uint64_t i = 0; i < tries; ++i) {
        Dice dice{settings.seed + 1 + i};  // the same pins for each request
        const Attempt attempt = request_on(board, request, dice, false).attempt;
        if (attempt.status == ok) ++row.served;
        if (attempt.stage == AttemptStage::place) ++row.no_place;
        row.places += attempt.candidates.size();
        row.moved += attempt.nr_migrated();
        row.dropped += attempt.nr_reclaimed();
        row.in_vain += attempt.nr_copies() - attempt.nr_migrated();
      }
      rows.push_back(row);
      progress(rows.size(), requests.size());
    }
    return rows;
  });
}

}  // namespace example
