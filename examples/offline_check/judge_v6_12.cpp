// SPDX-License-Identifier: MIT
#include "offline_check/judges.hpp"

namespace example {

pageblock::Judgement judge_v6_12(pageblock::Snapshot& snapshot,
                                 const pageblock::SnapshotFiles& files,
                                 pageblock::KernelVersion version) {
  return judge_by<pageblock::kernel::v6_12, 5, 6, 7, 8, 9, 10, 11, 12, 13>(snapshot, files,
                                                                           version);
}

}  // namespace example
