// SPDX-License-Identifier: MIT
#include "offline_check/judges.hpp"

namespace example {

pageblock::Judgement judge_v3_6(pageblock::Snapshot& snapshot,
                                const pageblock::SnapshotFiles& files,
                                pageblock::KernelVersion version) {
  return judge_by<pageblock::kernel::v3_6, 5, 8, 9, 10, 13>(snapshot, files, version);
}

}  // namespace example
