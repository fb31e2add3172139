// SPDX-License-Identifier: MIT
/// Draws a block map as PPM (P6), which every tool for pictures reads, and into which a program can
/// draw on.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"
#include "pageblock/io/picture/block_map_layout.hpp"
#include "pageblock/io/picture/point_font.hpp"

namespace pageblock {

/// How a block map is drawn as points.
struct BlockMapPpm {
  bool dark = false;
  std::size_t scale = 1;      ///< How many times as wide and high as the SVG.
  std::size_t per_line = 64;  ///< blocks; longer rows are broken
};

namespace detail {

/// A sheet of coloured points.
class PointSheet {
 public:
  PointSheet(std::size_t width, std::size_t height, std::uint32_t rgb)
      : width_{width}, height_{height}, bytes_(width * height * 3, '\0') {
    fill(0, 0, width, height, rgb);
  }

  void fill(std::size_t x, std::size_t y, std::size_t width, std::size_t height,
            std::uint32_t rgb) {
    for (std::size_t row = y; row < std::min(y + height, height_); ++row) {
      for (std::size_t column = x; column < std::min(x + width, width_); ++column) {
        char* const point = bytes_.data() + (row * width_ + column) * 3;
        for (unsigned i = 0; i < 3; ++i) {
          point[i] = static_cast<char>(static_cast<unsigned char>((rgb >> (16 - 8 * i)) & 0xffU));
        }
      }
    }
  }

  [[nodiscard]] std::string write() const {
    return fmt::format("P6\n{} {}\n255\n", width_, height_) + bytes_;
  }

 private:
  std::size_t width_;
  std::size_t height_;
  std::string bytes_;
};

/// Draws what a layout has.
class PpmWriter {
 public:
  PpmWriter(const MapLayout& layout, const BlockMapPpm& options)
      : scale_{std::max<std::size_t>(options.scale, 1)},
        paper_{options.dark ? 0x0d1117U : 0xffffffU},
        ink_{options.dark ? 0xddddddU : 0x222222U},
        sheet_{layout.width * scale_, layout.height * scale_, paper_} {
    for (const MapLayout::Run& run : layout.runs) draw(run);
    for (const MapLayout::Run& run : layout.legend) draw(run);
    for (const MapLayout::Mark& mark : layout.marks) draw(mark, options.dark ? 0xffffff : 0);
    for (const MapLayout::Label& label : layout.labels) draw(label);
  }

  [[nodiscard]] std::string write() const { return sheet_.write(); }

 private:
  static constexpr std::size_t side = MapLayout::side;

  void fill(std::size_t x, std::size_t y, std::size_t width, std::size_t height,
            std::uint32_t rgb) {
    sheet_.fill(x * scale_, y * scale_, width * scale_, height * scale_, rgb);
  }

  void draw(const MapLayout::Run& run) {
    const BlockStyle style = style_of(run.look);
    fill(run.x, run.y, run.nr_blocks * side, side, style.rgb);
    for (std::size_t i = 0; i < run.nr_blocks; ++i) {
      const std::size_t x = run.x + i * side;
      if (i != 0 && !run.is_shared_out) fill(x, run.y, 1, side, paper_);
      for (std::size_t at = 2; at < side - 2; ++at) {
        const bool crosses = style.pattern == Pattern::cross;
        if (crosses) fill(x + at, run.y + at, 1, 1, style.ink);
        if (crosses || style.pattern == Pattern::slash) {
          fill(x + at, run.y + side - 1 - at, 1, 1, style.ink);
        }
      }
      if (style.pattern == Pattern::dot) fill(x + 4, run.y + 4, 3, 3, style.ink);
    }
  }

  void draw(const MapLayout::Mark& mark, std::uint32_t rgb) {
    const std::size_t width = mark.nr_blocks * side;
    fill(mark.x - 1, mark.y - 1, width + 2, 2, rgb);
    fill(mark.x - 1, mark.y + side - 1, width + 2, 2, rgb);
    fill(mark.x - 1, mark.y - 1, 2, side + 2, rgb);
    fill(mark.x + width - 1, mark.y - 1, 2, side + 2, rgb);
  }

  void draw(const MapLayout::Label& label) {
    for (std::size_t i = 0; i < label.text.size(); ++i) {
      for (std::size_t y = 0; y < letter_height; ++y) {
        for (std::size_t x = 0; x < letter_width; ++x) {
          if (!is_inked(label.text[i], x, y)) continue;
          fill(label.x + i * MapLayout::letter + x, label.y + 2 + y, 1, 1, ink_);
        }
      }
    }
  }

  std::size_t scale_;
  std::uint32_t paper_;
  std::uint32_t ink_;
  PointSheet sheet_;
};

}  // namespace detail

/// Returns the picture as the bytes of a PPM file.
[[nodiscard]] inline std::string to_ppm(const BlockMap& map, const BlockMapPpm& options = {}) {
  return detail::PpmWriter{detail::MapLayout{map, options.per_line}, options}.write();
}

}  // namespace pageblock
