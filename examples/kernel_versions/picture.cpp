// SPDX-License-Identifier: MIT
#include "kernel_versions/picture.hpp"

#include <any>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "pageblock/io/picture/zone_map.hpp"

#include "common/program.hpp"
#include "kernel_versions/stage.hpp"
#include "kernel_versions/story.hpp"

namespace pageblock::experiments {
namespace {

std::any last_zone(const Experiment& experiment, std::size_t kernel) {
  Story story{.is_told = true, .is_drawn = true};
  static_cast<void>(experiment.in[kernel](story));
  if (story.scenes.empty()) {
    throw example::UsageError{fmt::format("--svg: there is no zone to draw of {} in {}",
                                          experiment.id, name_of(kernels[kernel]))};
  }
  return std::move(story.scenes.back().zone);
}

template <std::size_t kernel>
using ZoneIn = Zone<ConfigOf<kernels[kernel]>>;

using Draw = BlockMap (*)(const std::any&, const std::any&, const SideNames&);

// For each pair of kernels, how zones of their types are drawn.
template <std::size_t... pair>
constexpr std::array<Draw, sizeof...(pair)> draw_pairs(std::index_sequence<pair...>) {
  return {[](const std::any& left, const std::any& right, const SideNames& names) {
    return side_by_side(std::any_cast<const ZoneIn<pair / kernels.size()>&>(left),
                        std::any_cast<const ZoneIn<pair % kernels.size()>&>(right), names);
  }...};
}

}  // namespace

BlockMap picture_of(const Experiment& experiment, std::size_t left, std::size_t right) {
  static constexpr auto pairs =
      draw_pairs(std::make_index_sequence<kernels.size() * kernels.size()>{});
  return pairs[left * kernels.size() + right](last_zone(experiment, left),
                                              last_zone(experiment, right),
                                              {name_of(kernels[left]), name_of(kernels[right])});
}

}  // namespace pageblock::experiments
