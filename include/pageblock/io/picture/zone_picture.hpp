// SPDX-License-Identifier: MIT
/// A picture of any zone or node in one call.
///
/// Layer:  io.
/// Kernel: none.
///
///     fmt::print("{}", block_map(zone));
///     write_svg("zone.svg", zone);
///     write_ppm("two.ppm", side_by_side(before, after));
#pragma once

#include <concepts>
#include <string>

#include "pageblock/io/picture/block_map.hpp"
#include "pageblock/io/picture/block_map_ppm.hpp"
#include "pageblock/io/picture/block_map_svg.hpp"
#include "pageblock/io/picture/picture_file.hpp"
#include "pageblock/io/picture/zone_map.hpp"

namespace pageblock {

namespace detail {

inline const BlockMap& as_map(const BlockMap& map) { return map; }
template <typename Memory>
[[nodiscard]] BlockMap as_map(const Memory& memory) {
  return block_map(memory);
}

}  // namespace detail

/// What can be drawn: a block map, or what block_map() makes one of.
template <typename T>
concept Drawable = requires(const T& what) {
  { detail::as_map(what) } -> std::convertible_to<BlockMap>;
};

/// Writes a picture of a zone, a node or a block map to a file. Throws std::system_error.
void write_svg(const std::string& file, const Drawable auto& what) {
  detail::write_file(file, to_svg(detail::as_map(what)));
}

/// The same, as points.
void write_ppm(const std::string& file, const Drawable auto& what,
               const BlockMapPpm& options = {}) {
  detail::write_file(file, to_ppm(detail::as_map(what), options));
}

}  // namespace pageblock
