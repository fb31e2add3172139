// SPDX-License-Identifier: MIT
// The mechanisms on a copy of a machine. Devices of the library begin with a guest without their memory; here the
// memory is there, so the order in which the drivers take it stands here, and each step is the library's.
#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "pageblock/clients/balloon.hpp"
#include "pageblock/clients/fake_offline.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/clients/remove_memory.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/text/sparse_array.hpp"
#include "pageblock/mm/node.hpp"

#include "unplug/machine.hpp"
#include "unplug/with_kernel.hpp"

namespace example {

using namespace pageblock;

namespace {

// What pages on LRU lists hold, wherever they move. Who else holds them no file tells: all move.
class MachinePages : public AllMove {
 public:
  explicit MachinePages(const Machine& machine)
      : kinds_{machine.snapshot.kinds.size(), InUseKind::anon} {
    const SparseArray<std::uint64_t>& words = machine.files.kpageflags.words();
    InUseKind last = InUseKind::anon;
    const auto look = [&](std::uint64_t start, std::uint64_t end, std::uint64_t word) {
      // A tail is what its head is.
      if ((word & kpf::compound_tail) == 0 || (word & kpf::lru) != 0) last = kind_of(word);
      if (last != InUseKind::anon) kinds_.fill(start, end, last);
    };
    machine.snapshot.kinds.for_each_run(0, kinds_.size(),
                                        [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
                                          if (kind == PageKind::page_cache)
                                            words.for_each_run(start, end, look);
                                        });
  }

  [[nodiscard]] InUseKind kind(Pfn pfn) const { return kinds_[pfn.value()]; }
  void moved(Pfn from, OptionalPfn to, Order order) {
    for (std::uint64_t i = 0; to && i < order.nr_pages(); ++i) {
      kinds_.set((*to).value() + i, kinds_[from.value() + i]);
    }
  }

 private:
  // Shared memory is on the lists of anonymous memory.
  static InUseKind kind_of(std::uint64_t word) {
    constexpr std::uint64_t swap_backed = kpf::bit(14);
    constexpr std::uint64_t must_stay = kpf::bit(4) | kpf::bit(8) | kpf::bit(18);  // dirty, written
    if ((word & swap_backed) != 0) return InUseKind::anon;
    return (word & must_stay) != 0 ? InUseKind::file : InUseKind::file_clean;
  }

  SparseArray<InUseKind> kinds_;
};

// One copy of the machine, which one mechanism shrinks. Memory moves within its NUMA node.
template <typename Config>
class Shrinker {
 public:
  Shrinker(const Machine& machine, std::map<unsigned, Node<Config>> nodes, MachineRow& row)
      : machine_{machine}, nodes_{std::move(nodes)}, pages_{machine}, row_{row} {}

  void shrink() {
    if (row_.mechanism == Mechanism::blocks) take_blocks();
    if (row_.mechanism == Mechanism::virtio_mem) take_sub_blocks();
    if (row_.mechanism == Mechanism::big_blocks) take_big_blocks();
    if (row_.mechanism == Mechanism::balloon) inflate();
    std::map<std::string, std::uint64_t> held;
    for (const auto& [start, holder] : held_by_) {
      if (holder) held[*holder] += row_.step;
    }
    row_.held.assign(held.begin(), held.end());
    std::ranges::sort(row_.held, [](const Share& a, const Share& b) {
      return std::tie(b.second, a.first) < std::tie(a.second, b.first);
    });
  }

 private:
  // ZONE_MOVABLE first, from the highest down.
  static std::pair<bool, std::uint64_t> in_order(const MachineBlock& block) {
    return {!block.is_movable, ~block.range.start.value()};
  }
  [[nodiscard]] std::uint64_t left() const { return row_.wanted - row_.back; }
  Node<Config>& node_of(const MachineBlock& block) {
    return nodes_.at(machine_.snapshot.zones[block.zone].info.name.node);
  }

  // Memory blocks one by one, as somebody does by hand who knows what is easy.
  void take_blocks() {
    std::vector<MachineBlock> blocks = machine_.blocks;
    std::ranges::sort(blocks, {}, in_order);
    for (const MachineBlock& block : blocks) {
      if (left() < block.range.nr_pages()) break;
      Attempt attempt;
      const Pfn start = block.range.start + block.nr_memmap_pages;
      const Status ret = offline_pages(node_of(block), start, block.range.end - start, pages_,
                                       HotplugOptions{.rounds = 5}, &attempt);
      for (Candidate& place : attempt.candidates) place.range = block.range;
      if (ret == ok) row_.back += block.range.nr_pages();
      count(attempt);
    }
  }

  // Whether the driver has the range already.
  [[nodiscard]] bool is_unplugged(const PfnRange& range) const {
    return machine_.snapshot.virtio_mem &&
           machine_.snapshot.kind(range.start) == PageKind::passed_over &&
           machine_.snapshot.kinds.end_of_run(range.start.value(), range.end.value()) ==
               range.end.value();
  }

  Status take(Node<Config>& node, const PfnRange& range) {
    Attempt attempt;
    const Status ret = fake_offline(node, Cpu{0}, range, pages_, attempt);
    count(attempt);
    return ret;
  }

  // Kernel: virtio_mem_sbm_unplug_request(): blocks that lack some first.
  void take_sub_blocks() {
    struct Block {
      MachineBlock of;
      std::uint64_t plugged;
    };
    std::vector<Block> blocks;
    for (const MachineBlock& block : machine_.device) {
      std::uint64_t plugged = 0;
      for_each_step(block, [&](const PfnRange& range) {
        plugged += is_unplugged(range) ? 0 : row_.step;
        return true;
      });
      if (plugged != 0) blocks.push_back({block, plugged});
    }
    std::ranges::sort(blocks, {}, [](const Block& block) {
      const bool is_whole = block.plugged == block.of.range.nr_pages();
      return std::tuple{is_whole, in_order(block.of)};
    });
    for (Block& block : blocks) {
      if (!take_from(block.of, block.plugged)) return;
    }
  }
  // Returns whether to go on.
  bool take_from(const MachineBlock& block, std::uint64_t& plugged) {
    Node<Config>& node = node_of(block);
    bool goes_on = true;
    const std::uint64_t size = block.range.nr_pages();
    if (plugged == size && left() >= size) {
      const Status ret = take(node, block.range);
      if (ret == -Err::nomem) return false;
      if (ret == ok) {
        row_.back += size;
        plugged = 0;
      }
    }
    if (plugged != 0) {
      for_each_step(block, [&](const PfnRange& range) {
        if (left() < row_.step) return false;
        if (is_unplugged(range)) return true;
        const Status ret = take(node, range);
        goes_on = ret != -Err::nomem;
        if (ret != ok) return goes_on;
        row_.back += row_.step;
        plugged -= row_.step;
        return true;
      });
    }
    if (plugged == 0) {
      AllMove nobody;  // all pages are the driver's
      static_cast<void>(offline_with_driver_pages(node, block.range, nobody, {}));
    }
    return goes_on && left() >= row_.step;
  }
  // From the highest down, while @p visit wants more.
  void for_each_step(const MachineBlock& block, auto visit) const {
    for (Pfn end = block.range.end; end > block.range.start;) {
      const Pfn start{end.value() - row_.step};
      if (!visit(PfnRange{start, end})) return;
      end = start;
    }
  }

  // Kernel: virtio_mem_bbm_unplug_request(): those of ZONE_MOVABLE first, then all that are left.
  void take_big_blocks() {
    std::vector<MachineBlock> blocks = machine_.device;
    std::ranges::sort(blocks, {}, in_order);
    for (const bool only_movable : {true, false}) {
      for (MachineBlock& block : blocks) {
        if (left() < row_.step) return;
        if (block.range.empty() || (only_movable && !block.is_movable)) continue;
        const Status ret = take_big_block(block);
        if (ret == -Err::nomem) return;
        if (ret != ok) continue;
        row_.back += row_.step;
        block.range.end = block.range.start;  // gone
      }
    }
  }
  // Section by section; the first that stays ends it.
  Status take_big_block(const MachineBlock& block) {
    Node<Config>& node = node_of(block);
    const std::uint64_t section = std::min<std::uint64_t>(32768, row_.step);
    std::vector<PfnRange> taken;
    Status ret = ok;
    Attempt attempt;
    for (Pfn pfn = block.range.start; pfn < block.range.end && ret == ok; pfn += section) {
      ret = fake_offline(node, Cpu{0}, {pfn, pfn + section}, pages_, attempt);
      if (ret == ok) taken.push_back({pfn, pfn + section});
    }
    for (Candidate& place : attempt.candidates) place.range = block.range;
    count(attempt);
    if (ret == ok) {
      AllMove nobody;
      Attempt unused;
      ret = offline_and_remove_memory(node, block.range, row_.step, nobody, {}, unused);
    }
    if (ret == ok) return ok;
    for (const PfnRange& part : taken) {
      fake_online(node, Cpu{0}, part, [](Pfn) { return false; });
    }
    return ret;
  }

  void inflate() {
    for (auto& [id, node] : nodes_) {
      Balloon balloon;
      std::uint64_t got = 0;
      do {
        got = balloon.inflate(node, left());
        row_.back += got;
        row_.tries += got == 0 ? 0 : 1;
      } while (got == Balloon::step_pages);
    }
  }

  void count(const Attempt& attempt) {
    for (const Candidate& place : attempt.candidates) {
      ++row_.tries;
      if (place.status != ok) ++row_.failed;
      if (place.range.nr_pages() == row_.step) held_by_[place.range.start] = holder_of(place);
    }
    row_.moved += attempt.nr_migrated();
    row_.dropped += attempt.nr_reclaimed();
  }
  // What the first page in the way is: pages that do not move are still what the files say.
  [[nodiscard]] std::optional<std::string> holder_of(const Candidate& place) const {
    if (place.status == ok) return std::nullopt;
    if (place.status == -Err::nomem) return "no memory for a copy";
    if (place.blockers.empty()) return std::string{to_string(place.stage)};
    const Blocker& blocker = place.blockers.front();
    if (blocker.reason == Reason::no_copy) return "no memory for a copy";
    const PageKind kind = machine_.snapshot.kind(blocker.pfn);
    const Movability can = movability(kind);
    const bool is_known = can == Movability::unmovable || can == Movability::unknown ||
                          kind == PageKind::passed_over || kind == PageKind::own_memmap;
    return std::string{is_known ? to_string(kind) : to_string(blocker.reason)};
  }

  const Machine& machine_;
  std::map<unsigned, Node<Config>> nodes_;
  MachinePages pages_;
  MachineRow& row_;
  // What holds each range of one step that was tried, or nothing: the last try says.
  std::map<Pfn, std::optional<std::string>> held_by_{};
};

template <typename Config>
std::map<unsigned, Node<Config>> rebuilt_nodes(const Machine& machine) {
  std::map<unsigned, std::vector<Zone<Config>>> zones;
  for (const SnapshotZone& zone : machine.snapshot.zones) {
    zones[zone.info.name.node].push_back(
        rebuild<Config>(machine.snapshot, zone, machine.files.kpagecount));
  }
  std::map<unsigned, Node<Config>> nodes;
  for (auto& [id, of_node] : zones) nodes.emplace(id, Node<Config>{std::move(of_node)});
  return nodes;
}

}  // namespace

void shrink_machine(const Machine& machine, const MachineQuestion& question, MachineAnswer& answer,
                    const std::function<void(std::size_t, std::size_t)>& progress) {
  std::vector<MachineRow> rows;
  std::uint64_t device_pages = 0;  // what it has already counts no more
  for (const MachineBlock& block : machine.device) {
    machine.snapshot.kinds.for_each_run(block.range.start.value(), block.range.end.value(),
                                        [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
                                          if (kind != PageKind::passed_over)
                                            device_pages += end - start;
                                        });
  }
  const std::uint64_t wanted = answer.free * question.want / 100;
  for (const Mechanism mechanism : question.mechanisms) {
    const auto add = [&](std::uint64_t step, std::uint64_t most) {
      rows.push_back({.mechanism = mechanism, .step = step, .wanted = std::min(wanted, most)});
    };
    if (mechanism == Mechanism::virtio_mem) {
      for (const std::uint64_t step : question.sub_blocks) add(step, device_pages);
    } else if (mechanism == Mechanism::big_blocks) {
      add(answer.memory_block, device_pages);
    } else if (mechanism == Mechanism::blocks) {
      add(answer.memory_block, machine.blocks.size() * answer.memory_block);
    } else if (mechanism == Mechanism::balloon) {
      add(1, wanted);
    }
  }
  with_kernel(answer.kernel, [&]<typename Config>(Config) {
    const auto nodes = rebuilt_nodes<Config>(machine);
    for (MachineRow& row : rows) {
      Shrinker<Config> shrinker{machine, nodes, row};
      shrinker.shrink();
      answer.rows.push_back(row);
      progress(answer.rows.size(), rows.size());
    }
  });
}

}  // namespace example
