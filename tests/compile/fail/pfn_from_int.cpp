// SPDX-License-Identifier: MIT
// expect: pageblock::Pfn
#include "pageblock/base/pfn.hpp"

constexpr pageblock::Pfn start{8};

#ifdef MUST_FAIL
constexpr pageblock::Pfn next = 9;
#endif
