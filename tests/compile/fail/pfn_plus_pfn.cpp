// SPDX-License-Identifier: MIT
// expect: operator+
#include "pageblock/base/pfn.hpp"

constexpr pageblock::Pfn a{8};
constexpr pageblock::Pfn b{16};
static_assert(b - a == 8);

#ifdef MUST_FAIL
constexpr auto sum = a + b;
#endif
