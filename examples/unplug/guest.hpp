// SPDX-License-Identifier: MIT
/// A guest that has been filled and has aged, and what it gives back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace example {

/// How memory leaves a guest.
enum class Mechanism {
  virtio_mem,  ///< Sub-blocks of a virtio-mem device.
  big_blocks,  ///< Its big blocks.
  blocks,      ///< Memory blocks, taken offline by hand.
  dimm,        ///< Whole DIMMs.
  balloon,     ///< Pages, one by one.
};
inline constexpr std::array all_mechanisms{Mechanism::virtio_mem, Mechanism::big_blocks,
                                           Mechanism::blocks, Mechanism::dimm, Mechanism::balloon};
[[nodiscard]] std::string_view to_string(Mechanism mechanism);

/// How memory that is plugged comes online.
enum class Online { kernel, movable, contig, automatic };
[[nodiscard]] std::string_view to_string(Online online);

/// What a guest is like. Sizes are pages; shares are percent unless they say otherwise.
struct GuestSettings {
  std::uint64_t memory = 1048576;
  /// That it booted with; the rest was plugged.
  std::uint64_t boot = 262144;
  /// What it used when it used most, and uses now.
  std::uint64_t peak = 95;
  std::uint64_t utilisation = 70;
  /// What the kernel and page cache have of that; programs have the rest.
  std::uint64_t kernel = 10;
  std::uint64_t cache = 40;
  /// Thousandths of the pages of programs and page cache that somebody holds besides.
  std::uint64_t pinned = 0;
  /// They are held for long: such pages leave ZONE_MOVABLE before they are pinned.
  bool long_term = false;
  /// How often, since the peak, memory of all its size was requested or freed, in hundredths.
  std::uint64_t age = 100;
  Online online = Online::automatic;
  std::uint64_t ratio = 301;
  /// The least of virtio-mem's device, and of a DIMM.
  std::uint64_t sub_block = 512;
  std::uint64_t dimm = 262144;
  /// What is asked back, of what is free.
  std::uint64_t want = 100;
  std::uint64_t seed = 1;
};

/// What is in the way of a range that stays: its first page in the way.
enum class Holder { kernel, pinned, no_copy, other };
inline constexpr std::size_t nr_holders = 4;
[[nodiscard]] std::string_view to_string(Holder holder);

/// What came back from one guest by one mechanism, in pages.
struct Row {
  GuestSettings guest{};
  Mechanism mechanism = Mechanism::virtio_mem;
  std::uint64_t movable = 0;  ///< that are in ZONE_MOVABLE
  std::uint64_t refused = 0;  ///< requests of the kernel and of programs that found nothing
  std::uint64_t free = 0;
  std::uint64_t wanted = 0;
  std::uint64_t back = 0;
  std::uint64_t tries = 0;   ///< ranges that were tried
  std::uint64_t failed = 0;  ///< of them, those that stayed
  std::uint64_t moved = 0;
  std::uint64_t dropped = 0;  ///< page cache that was given up instead
  /// What stays, by what holds it.
  std::array<std::uint64_t, nr_holders> held{};
};

/// The pages that come and go together.
[[nodiscard]] std::uint64_t step_of(const Row& row);

/// The share of what was wanted that came back, in tenths of a percent.
[[nodiscard]] std::uint64_t share_back(const Row& row);

/// The kernels that a guest can run.
[[nodiscard]] const std::vector<std::string>& kernel_names();

/// Returns what is wrong with settings; nothing if they make sense.
[[nodiscard]] std::string problem_of(const GuestSettings& settings);

/// Shrinks each guest by each mechanism. Calls @p progress(done, all) after each row.
[[nodiscard]] std::vector<Row> make_rows(
    std::string_view kernel, const std::vector<GuestSettings>& guests,
    const std::vector<Mechanism>& mechanisms,
    const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace example
