// SPDX-License-Identifier: MIT
/// A real guest, read from a folder of its files, and what it could give back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/io/snapshot/snapshot.hpp"

#include "common/read_file.hpp"
#include "unplug/guest.hpp"

namespace example {

/// What is asked of a folder. Sizes are pages.
struct MachineQuestion {
  std::string folder;
  /// Whose rules; empty: those nearest to the files' own.
  std::string kernel{};
  std::vector<Mechanism> mechanisms{};
  std::vector<std::uint64_t> sub_blocks{};
  /// What is asked back, in percent of what is free.
  std::uint64_t want = 100;
};

/// An amount of pages, and what they have in common.
using Share = std::pair<std::string, std::uint64_t>;

/// What one mechanism got, in pages.
struct MachineRow {
  Mechanism mechanism = Mechanism::virtio_mem;
  std::uint64_t step = 1;
  std::uint64_t wanted = 0;
  std::uint64_t back = 0;
  std::uint64_t tries = 0;   ///< ranges that were tried; of the balloon, steps
  std::uint64_t failed = 0;  ///< of them, those that stayed
  std::uint64_t moved = 0;
  std::uint64_t dropped = 0;  ///< page cache that was given up instead
  /// The ranges that stay, by what their first page in the way is; the most first.
  std::vector<Share> held{};
};

/// A memory block that can be tried.
struct MachineBlock {
  pageblock::PfnRange range;
  std::size_t zone;               ///< by its index in the snapshot
  std::uint64_t nr_memmap_pages;  ///< at its start: its own memory map
  bool is_movable;                ///< in ZONE_MOVABLE
};

/// What a folder says, in pages.
struct MachineAnswer {
  std::string source;
  std::string kernel{};   ///< whose rules
  std::string because{};  ///< why these; empty if they were asked for
  std::uint64_t present = 0;
  std::uint64_t movable = 0;  ///< in ZONE_MOVABLE
  std::uint64_t free = 0;
  std::uint64_t memory_block = 0;
  std::uint64_t nr_blocks = 0;  ///< that can be tried
  /// Memory blocks that cannot be tried, by why.
  std::vector<Share> not_tried{};
  std::vector<MachineRow> rows{};
  /// Mechanisms of which the files do not tell, and why.
  std::vector<std::pair<Mechanism, std::string>> untold{};
  std::vector<std::string> notes{};
};

/// A folder that has been read.
struct Machine {
  const pageblock::SnapshotFiles& files;
  const pageblock::Snapshot& snapshot;
  std::vector<MachineBlock> blocks{};  ///< that can be tried
  /// The blocks that a virtio-mem device has or, where none is known, that one could have.
  std::vector<MachineBlock> device{};
};

/// The share of what was wanted that came back, in tenths of a percent.
[[nodiscard]] std::uint64_t share_back(const MachineRow& row);

/// Reads the folder and shrinks the guest by each mechanism. Throws ParseError, UsageError.
[[nodiscard]] MachineAnswer ask_machine(
    const MachineQuestion& question, const FileReader& read,
    const std::function<void(std::size_t, std::size_t)>& progress);

/// Fills in the rows of @p answer on copies of the machine.
void shrink_machine(const Machine& machine, const MachineQuestion& question, MachineAnswer& answer,
                    const std::function<void(std::size_t, std::size_t)>& progress);

[[nodiscard]] std::string machine_as_text(const MachineAnswer& answer);
/// A line of names and a line for each row. Sizes are pages, shares thousandths.
[[nodiscard]] std::string machine_as_csv(const MachineAnswer& answer);
/// The document that examples/schemas/unplug_from.json describes.
[[nodiscard]] std::string machine_as_json(const MachineAnswer& answer);

}  // namespace example
