// SPDX-License-Identifier: MIT
// expect: pageblock::Status
#include "pageblock/base/status.hpp"

constexpr pageblock::Status refused = -pageblock::Err::busy;
static_assert(refused != pageblock::ok);

#ifdef MUST_FAIL
constexpr int truth = refused ? 1 : 0;
#endif
