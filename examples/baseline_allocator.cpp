// SPDX-License-Identifier: MIT
// An allocator of one's own beside the kernel's, behind one interface: first fit on a bitmap against
// the buddy allocator, for the same requests.
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

// What an experiment needs of an allocator.
template <typename A>
concept PageAllocator = requires(A& allocator, Pfn pfn, Order order) {
  { allocator.alloc(order) } -> std::same_as<std::optional<Pfn>>;
  allocator.free(pfn, order);
};

class Buddy {
 public:
  explicit Buddy(std::uint64_t nr_pages) : zone_{{.spanned_pages = nr_pages}} {}

  std::optional<Pfn> alloc(Order order) {
    const auto page = alloc_pages(zone_, Cpu{0}, order, MigrateType::movable);
    return page ? std::optional{page->pfn()} : std::nullopt;
  }
  void free(Pfn pfn, Order order) { free_pages(zone_, Cpu{0}, pfn, order); }

 private:
  struct Config : DefaultConfig {
    static constexpr Semantics semantics = kernel::v6_1;
    using Lock = NullLock;
  };
  Zone<Config> zone_;
};

// The lowest free pages that are aligned and enough.
class FirstFit {
 public:
  explicit FirstFit(std::uint64_t nr_pages) : used_(nr_pages) {}

  std::optional<Pfn> alloc(Order order) {
    for (std::size_t start = 0; start < used_.size(); start += order.nr_pages()) {
      if (!is_free(start, order)) continue;
      fill(start, order, true);
      return Pfn{start};
    }
    return std::nullopt;
  }
  void free(Pfn pfn, Order order) { fill(pfn.value(), order, false); }

 private:
  [[nodiscard]] bool is_free(std::size_t start, Order order) const {
    for (std::size_t i = start; i < start + order.nr_pages(); ++i) {
      if (used_[i]) return false;
    }
    return true;
  }
  void fill(std::size_t start, Order order, bool used) {
    for (std::size_t i = start; i < start + order.nr_pages(); ++i) used_[i] = used;
  }

  std::vector<bool> used_;
};

// Fills memory with small chunks, frees a part at random, and asks how many huge pages there are.
template <PageAllocator A>
std::size_t huge_pages_after(A allocator, unsigned percent_freed) {
  std::mt19937 dice{2};
  std::vector<std::pair<Pfn, Order>> held;
  const auto roll = [&dice](unsigned below) { return static_cast<unsigned>(dice() % below); };
  for (Order order{0}; const auto pfn = allocator.alloc(order); order = Order{roll(4)}) {
    held.emplace_back(*pfn, order);
  }
  for (const auto& [pfn, order] : held) {
    if (roll(100) < percent_freed) allocator.free(pfn, order);
  }
  std::size_t nr = 0;
  while (allocator.alloc(Order{9})) ++nr;
  return nr;
}

int main() {
  constexpr std::uint64_t nr_pages = 16384;
  fmt::print("freed   buddy   first fit   of {} huge pages\n", nr_pages / 512);
  for (const unsigned percent : {50U, 98U, 99U, 100U}) {
    fmt::print("{:>4}%   {:>5}   {:>9}\n", percent, huge_pages_after(Buddy{nr_pages}, percent),
               huge_pages_after(FirstFit{nr_pages}, percent));
  }
}
