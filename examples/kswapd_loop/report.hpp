// SPDX-License-Identifier: MIT
/// What kswapd_loop says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kswapd_loop/scene.hpp"

namespace example {

/// Returns the scene, and each run with a line a step.
[[nodiscard]] std::string story_as_text(const std::vector<Run>& runs);

/// The runs of a table: isolated free pages by LRU pages, for each kernel.
struct Table {
  std::vector<std::uint64_t> isolated_free;
  std::vector<std::uint64_t> lru_pages;
  std::vector<std::string> kernels;
  /// Kernel by kernel, row by row.
  std::vector<Run> runs;
};
[[nodiscard]] Table run_table(const std::vector<std::string>& kernels, const Scene& scene);
[[nodiscard]] std::string table_as_text(const Table& table);

[[nodiscard]] std::string prices_as_text(const std::vector<Price>& prices);

/// Returns the document that examples/schemas/kswapd_loop.json describes.
[[nodiscard]] std::string as_json(const std::vector<Run>& runs, const std::vector<Price>& prices);

}  // namespace example
