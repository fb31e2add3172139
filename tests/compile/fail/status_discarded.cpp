// expect: ignoring return
// SPDX-License-Identifier: MIT
#include "pageblock/base/status.hpp"

#pragma GCC diagnostic error "-Wunused-result"

pageblock::Status isolate();

void user() {
  static_cast<void>(isolate());
#ifdef MUST_FAIL
  isolate();
#endif
}
