// SPDX-License-Identifier: MIT
// expect: LockIsLockable
#include <mutex>

#include "pageblock/mm/zone.hpp"

// A std::mutex cannot say whether it is held; StdLock can.
struct Config : pageblock::DefaultConfig {
#ifdef MUST_FAIL
  using Lock = std::mutex;
#else
  using Lock = pageblock::StdLock<std::mutex>;
#endif
};

pageblock::Zone<Config> zone;
