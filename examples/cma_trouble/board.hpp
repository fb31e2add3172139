// SPDX-License-Identifier: MIT
/// A board with a CMA area that page cache has filled, and requests to the area.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/clients/attempt.hpp"

namespace example {

/// What the board is like when the requests come.
struct BoardSettings {
  std::uint64_t memory_pages = 65536;
  std::uint64_t area_pages = 4096;
  /// Of a bit of the area's map.
  unsigned order_per_bit = 0;
  /// The share of memory that is free, in percent.
  unsigned free_percent = 10;
  /// The share of page cache that need not be written, in percent: later kernels drop it.
  unsigned clean_percent = 50;
  /// The share of the area that other buffers have, in percent. They are of 64 pages, here and there.
  unsigned held_percent = 0;
  std::uint64_t seed = 1;
};

/// To what a request is aligned.
enum class Alignment { none, dma, size };
[[nodiscard]] std::string_view to_string(Alignment alignment);

/// A request, and the pages of the area that are pinned while it is made.
struct Request {
  std::uint64_t pages = 256;
  Alignment alignment = Alignment::dma;
  std::uint64_t pins = 0;
};

/// What came of one request.
struct Outcome {
  pageblock::Attempt attempt;
  /// Of the area as it was reserved: whole pageblocks, so it may be larger than what was asked for.
  std::uint64_t area_pages = 0;
  /// Pages of the area that were in use by page cache before, and pinned.
  std::uint64_t lent = 0;
  std::uint64_t pinned = 0;
  /// What the kernel's log says at boot, and if the request fails.
  std::string boot_log;
  std::string failure_log;
};

/// Sums over several tries, each with other pins on the same board.
struct Row {
  Request request;
  std::uint64_t tries = 0;
  std::uint64_t area_pages = 0;  ///< As in Outcome.
  /// Pages of the area that page cache had before.
  std::uint64_t lent = 0;
  std::uint64_t served = 0;
  std::uint64_t no_place = 0;  ///< failed since no place was free
  std::uint64_t places = 0;
  std::uint64_t moved = 0;
  std::uint64_t dropped = 0;
  /// Copies that were allocated for pages that did not move.
  std::uint64_t in_vain = 0;
};

/// The kernels that a board can run.
[[nodiscard]] const std::vector<std::string>& kernel_names();

/// Makes one request on a fresh board. Throws std::runtime_error if there is no place for the area.
[[nodiscard]] Outcome make_request(std::string_view kernel, const BoardSettings& settings,
                                   const Request& request);

/// Makes each request @p tries times. Calls @p progress(done, all) after each row.
[[nodiscard]] std::vector<Row> make_rows(
    std::string_view kernel, const BoardSettings& settings, const std::vector<Request>& requests,
    std::uint64_t tries, const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace example
