// SPDX-License-Identifier: MIT
#include "pageblock/io/picture/block_look.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "support/catch.hpp"

namespace pageblock::test::block_look_cases {

namespace {

using Colour = std::array<double, 3>;
using Matrix = std::array<Colour, 3>;

// What the three kinds of colour blindness leave of linear RGB (Machado, Oliveira and Fernandes, 2009).
constexpr std::array<Matrix, 4> visions{{
    {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
    {{{0.152286, 1.052583, -0.204868},
      {0.114503, 0.786281, 0.099216},
      {-0.003882, -0.048116, 1.051998}}},
    {{{0.367322, 0.860646, -0.227968},
      {0.280085, 0.672501, 0.047413},
      {-0.011820, 0.042940, 0.968881}}},
    {{{1.255528, -0.076749, -0.178779},
      {-0.078411, 0.930809, 0.147602},
      {0.004733, 0.691367, 0.303900}}},
}};
constexpr Matrix to_xyz{{{0.4124564, 0.3575761, 0.1804375},
                         {0.2126729, 0.7151522, 0.0721750},
                         {0.0193339, 0.1191920, 0.9503041}}};

Colour times(const Matrix& matrix, const Colour& colour) {
  Colour result{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 3; ++k) result[i] += matrix[i][k] * colour[k];
  }
  return result;
}

// Lightness and two opponent colours: CIE L*a*b*, in which a distance of 2 is just seen.
Colour perceived(std::uint32_t rgb, const Matrix& vision) {
  Colour linear{};
  for (std::size_t i = 0; i < 3; ++i) {
    const double part = static_cast<double>((rgb >> (16 - 8 * i)) & 0xffU) / 255;
    linear[i] = part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
  }
  linear = times(vision, linear);
  for (double& part : linear) part = std::clamp(part, 0.0, 1.0);
  Colour xyz = times(to_xyz, linear);
  constexpr Colour white{0.95047, 1, 1.08883};
  for (std::size_t i = 0; i < 3; ++i) {
    const double part = xyz[i] / white[i];
    xyz[i] = part > 0.008856 ? std::cbrt(part) : 7.787 * part + 16.0 / 116;
  }
  return {116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])};
}

double distance(std::uint32_t a, std::uint32_t b, const Matrix& vision) {
  const Colour x = perceived(a, vision);
  const Colour y = perceived(b, vision);
  return std::hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

}  // namespace

TEST_CASE("No two colours look alike to anybody, nor like the paper", "[block_look]") {
  for (std::size_t vision = 0; vision < visions.size(); ++vision) {
    for (std::size_t i = 0; i < nr_block_looks; ++i) {
      const BlockStyle style = style_of(static_cast<BlockLook>(i));
      INFO(fmt::format("vision {}: {}", vision, style.meaning));
      CHECK(distance(style.rgb, 0xffffff, visions[vision]) > 12);
      CHECK(distance(style.rgb, 0x0d1117, visions[vision]) > 25);
      if (style.pattern != Pattern::none)
        CHECK(distance(style.rgb, style.ink, visions[vision]) > 40);
      for (std::size_t k = 0; k < i; ++k) {
        const BlockStyle other = style_of(static_cast<BlockLook>(k));
        INFO(other.meaning);
        CHECK(distance(style.rgb, other.rgb, visions[vision]) > 25);
      }
    }
  }
}

TEST_CASE("Each look and each kind of page has a character of its own", "[block_look]") {
  for (std::size_t i = 0; i < nr_block_looks; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      CHECK(style_of(static_cast<BlockLook>(i)).symbol !=
            style_of(static_cast<BlockLook>(k)).symbol);
    }
  }
  for (std::size_t i = 0; i < nr_page_looks; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      CHECK(style_of(static_cast<PageLook>(i)).letter != style_of(static_cast<PageLook>(k)).letter);
    }
  }
}

}  // namespace pageblock::test::block_look_cases
