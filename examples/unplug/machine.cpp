// SPDX-License-Identifier: MIT
#include "unplug/machine.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "pageblock/io/snapshot/kernel_release.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot_folder.hpp"
#include "pageblock/io/snapshot/snapshot_reader.hpp"
#include "pageblock/io/snapshot/snapshot_rules.hpp"
#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/kernel_version.hpp"

#include "common/kernel_release.hpp"
#include "common/program.hpp"
#include "common/read_page_words.hpp"

namespace example {

using namespace pageblock;

namespace {

// The rules of a kernel, and the first release that follows them rather than those before. (In v6.17 isolation became
// a bit beside the type.)
struct Rules {
  std::string_view name;
  KernelVersion exact;
  KernelVersion since;
};
constexpr std::array all_rules{Rules{"v6.1", {6, 1}, {4, 15}}, Rules{"v6.12", {6, 12}, {6, 12}},
                               Rules{"v7.2", {7, 2}, {6, 17}}};
constexpr KernelVersion first_virtio_mem{5, 8};

// Returns the kernel whose eyes see the pages, and says in the answer whose rules are followed.
KernelVersion choose_rules(const MachineQuestion& question, const InputFolder& input,
                           const SnapshotFiles& files, const Snapshot& snapshot,
                           MachineAnswer& answer) {
  const auto release = find_release(input, files);
  const auto known = release ? release : guess_release(snapshot);
  const Rules* rules = &all_rules.front();
  if (!question.kernel.empty()) {
    rules = std::ranges::find(all_rules, question.kernel, &Rules::name);
  } else if (known) {
    if (known->version < rules->since) {
      throw ParseError{fmt::format(
          "{}: {}: rules are known of v4.15 and later; --kernel says whose to follow all the same",
          question.folder, known->evidence)};
    }
    rules = &all_rules.back();
    while (known->version < rules->since) --rules;
  }
  answer.kernel = rules->name;
  if (question.kernel.empty()) {
    answer.because = known ? known->evidence : "nothing says which kernel it was";
  }
  if (release && release->version != rules->exact) {
    answer.notes.push_back(fmt::format("the kernel is Linux {}.{}, the rules are those of {}",
                                       release->version.major, release->version.minor,
                                       answer.kernel));
  }
  return question.kernel.empty() && known ? known->version : rules->exact;
}

void refuse_unknown_sizes(const MachineQuestion& question, const Snapshot& snapshot) {
  if (snapshot.page_size != 4096 || snapshot.pageblock_order != 9) {
    throw ParseError{fmt::format(
        "{}: pages of {} bytes and pageblocks of order {}: only pages of 4096 bytes and "
        "order 9 are known here (offline_check knows all)",
        question.folder, snapshot.page_size, snapshot.pageblock_order)};
  }
  const std::uint64_t size = snapshot.memory.nr_pages;
  if (size < 1024) {
    throw ParseError{fmt::format("{}: a memory block of {} pages is less than two pageblocks",
                                 question.folder, size)};
  }
  for (const std::uint64_t sub_block : question.sub_blocks) {
    if (sub_block < size) continue;
    throw UsageError{fmt::format("--sub-block: {}M is no part of a memory block, which is {}M here",
                                 sub_block / 256, size / 256)};
  }
}

std::vector<MachineBlock> find_blocks(const Snapshot& snapshot, MachineAnswer& answer) {
  std::vector<MachineBlock> blocks;
  std::map<std::string, std::uint64_t> not_tried;
  for (const MemoryBlock& block : snapshot.memory.blocks) {
    const BlockJudgement place = locate(snapshot, block);
    if (!place.not_tried.empty() || place.zones.empty()) {
      const bool has_holes = place.verdict == Verdict::invalid && place.zones.size() < 2;
      not_tried[has_holes                 ? "not all of it is memory"
                : place.not_tried.empty() ? "in no zone"
                                          : place.not_tried] += block.range.nr_pages();
      continue;
    }
    const std::size_t zone = place.zones.front();
    blocks.push_back(
        {block.range, zone, place.nr_memmap_pages, snapshot.zones[zone].type == ZoneType::movable});
  }
  answer.nr_blocks = blocks.size();
  answer.not_tried.assign(not_tried.begin(), not_tried.end());
  return blocks;
}

// Which blocks virtio-mem is asked for, with what has to be said about that.
std::vector<MachineBlock> find_device(const Snapshot& snapshot,
                                      const std::vector<MachineBlock>& blocks,
                                      MachineAnswer& answer) {
  const auto& known = snapshot.virtio_mem;
  const bool has_device = known && !known->empty();
  std::vector<MachineBlock> device;
  std::ranges::copy_if(blocks, std::back_inserter(device), [&](const MachineBlock& block) {
    if (has_device) return !parts_within(*known, block.range).empty();
    return block.nr_memmap_pages == 0;  // a device's block has its map elsewhere
  });
  if (has_device) {
    answer.notes.push_back(
        fmt::format("virtio-mem, big-blocks: iomem shows {} memory blocks of a device; only they "
                    "are asked for. "
                    "How large its own blocks are the files do not say",
                    device.size()));
  } else {
    answer.notes.push_back(
        fmt::format("virtio-mem, big-blocks: {}; what is said is what would come if {} memory "
                    "blocks were one's",
                    known ? "iomem shows no such device"
                          : "without iomem nothing says whether there is a device",
                    device.size()));
  }
  return device;
}

bool asks_virtio_mem(const MachineQuestion& question) {
  return std::ranges::any_of(question.mechanisms, [](Mechanism one) {
    return one == Mechanism::virtio_mem || one == Mechanism::big_blocks;
  });
}

}  // namespace

std::uint64_t share_back(const MachineRow& row) {
  return row.wanted == 0 ? 0 : 1000 * row.back / row.wanted;
}

MachineAnswer ask_machine(const MachineQuestion& question, const FileReader& read,
                          const std::function<void(std::size_t, std::size_t)>& progress) {
  MachineAnswer answer{.source = question.folder};
  const InputFolder input = snapshot_folder_in(InputFolder{question.folder, read});
  const SnapshotFiles files =
      read_snapshot_files(input, [&](const auto& path) { return read_page_words(read, path); });
  Snapshot snapshot = read_snapshot(files);
  refuse_unknown_sizes(question, snapshot);
  const KernelVersion asked = choose_rules(question, input, files, snapshot, answer);
  apply_kernel_rules(snapshot, files.kpageflags, asked);
  for (const SnapshotZone& zone : snapshot.zones) {
    answer.present += zone.counts.nr_present();
    answer.free += zone.counts[Movability::free];
    if (zone.type == ZoneType::movable) answer.movable += zone.counts.nr_present();
  }
  answer.memory_block = snapshot.memory.nr_pages;
  Machine machine{files, snapshot, find_blocks(snapshot, answer)};
  if (std::ranges::count(question.mechanisms, Mechanism::dimm) != 0) {
    answer.untold.emplace_back(Mechanism::dimm,
                               "the files do not say which memory blocks are one DIMM's; a DIMM "
                               "goes if all its blocks do");
  }
  if (asks_virtio_mem(question)) {
    machine.device = find_device(snapshot, machine.blocks, answer);
    if (asked < first_virtio_mem) {
      answer.notes.emplace_back("virtio-mem, big-blocks: kernels before 5.8 have no such driver");
    }
  }
  if (snapshot.memory_is_assumed) {
    answer.notes.push_back(fmt::format("memory blocks of {} MiB are assumed: nothing lists them",
                                       snapshot.memory.nr_pages / 256));
  }
  answer.notes.emplace_back(
      "who holds a page besides its owner (a pin) the files do not say: all on LRU lists move. "
      "Movable huge pages move page by page here. kswapd does not run");
  answer.notes.insert(answer.notes.end(), snapshot.notes.begin(), snapshot.notes.end());
  shrink_machine(machine, question, answer, progress);
  return answer;
}

}  // namespace example
