// SPDX-License-Identifier: MIT
/// Letters of 5 by 7 points, for pictures that have nothing but points.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// The letters from ' ' to '~'. A letter is 35 bits: seven rows of five points, the upper left one
/// first.
inline constexpr std::size_t letter_width = 5;
inline constexpr std::size_t letter_height = 7;
inline constexpr std::array<std::uint64_t, 95> letters{
    0x0,         0x108421004, 0x294a00000, 0x295f57d4a, 0x11f4717c4, 0x632222263, 0x32544564d,
    0x108800000, 0x88842082,  0x208210888, 0x9575480,   0x84f9080,   0x3088,      0xf8000,
    0x18c,       0x2222200,   0x3a33ae62e, 0x11842108e, 0x3a211111f, 0x7c441062e, 0x8ca97c42,
    0x7e1e0862e, 0x1910f462e, 0x7c2222108, 0x3a317462e, 0x3a317844c, 0x18c03180,  0x18c03088,
    0x88882082,  0x1f07c00,   0x208208888, 0x3a2111004, 0x3a216d6ae, 0x3a318fe31, 0x7a31f463e,
    0x3a308422e, 0x72518c65c, 0x7e10f421f, 0x7e10f4210, 0x3a30bc62f, 0x4631fc631, 0x38842108e,
    0x1c4210a4c, 0x4654c5251, 0x42108421f, 0x4775ac631, 0x4639ace31, 0x3a318c62e, 0x7a31f4210,
    0x3a318d64d, 0x7a31f5251, 0x3e107043e, 0x7c8421084, 0x46318c62e, 0x46318c544, 0x4631ad6aa,
    0x462a22a31, 0x463151084, 0x7c222221f, 0x39084210e, 0x20820820,  0x38421084e, 0x115100000,
    0x1f,        0x208200000, 0xe0be2f,    0x4216cc63e, 0xe8422e,    0x42d9c62f,  0xe8fe0e,
    0x1928e2108, 0x1f18bc2e,  0x4216cc631, 0x100c2108e, 0x80610a4c,  0x4212a6292, 0x30842108e,
    0x1aad631,   0x16cc631,   0xe8c62e,    0x1e8fa10,   0xd9bc21,    0x16cc210,   0xe8383e,
    0x211c42126, 0x118c66d,   0x118c544,   0x118d6aa,   0x1151151,   0x118bc2e,   0x1f1111f,
    0x88441082,  0x108421084, 0x208411088, 0x8a8800,
};

/// Returns whether a letter is black at a point; what has no letter is a box.
[[nodiscard]] constexpr bool is_inked(char letter, std::size_t x, std::size_t y) {
  const std::size_t index = static_cast<std::size_t>(static_cast<unsigned char>(letter)) - ' ';
  const std::uint64_t bits = index < letters.size() ? letters[index] : 0x7fffffffff;
  return ((bits >> (letter_width * letter_height - 1 - (y * letter_width + x))) & 1U) != 0;
}

}  // namespace pageblock::detail
