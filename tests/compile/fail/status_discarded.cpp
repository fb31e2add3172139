// SPDX-License-Identifier: MIT
// expect: ignoring return
#include "pageblock/base/status.hpp"

#pragma GCC diagnostic error "-Wunused-result"

pageblock::Status isolate();

void user() {
  static_cast<void>(isolate());
#ifdef MUST_FAIL
  isolate();
#endif
}
