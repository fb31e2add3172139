// SPDX-License-Identifier: MIT
/// The judge of memory blocks, for each kernel's rules and all orders of pageblocks that machines have.
#pragma once

#include <string>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// A zone of one thread, with a kernel's rules and this order of pageblocks. How large chunks become
/// decides no answer, as long as a pageblock is one.
template <const pageblock::Semantics& rules, unsigned order>
struct JudgeConfig : pageblock::DefaultConfig {
  static constexpr unsigned pageblock_order = order;
  static constexpr unsigned max_order = order < 10 ? 11 : order + 1;
  static constexpr unsigned nr_cpus = 1;
  static constexpr pageblock::Semantics semantics = rules;
  using Lock = pageblock::NullLock;
};

/// Judges by @p rules, if the snapshot's pageblocks have one of @p orders. Throws ParseError.
template <const pageblock::Semantics& rules, unsigned... orders>
pageblock::Judgement judge_by(pageblock::Snapshot& snapshot, const pageblock::SnapshotFiles& files,
                              pageblock::KernelVersion version) {
  pageblock::Judgement judgement;
  const auto judge_if = [&]<unsigned order>() {
    if (snapshot.pageblock_order != order) return false;
    judgement = pageblock::judge<JudgeConfig<rules, order>>(snapshot, files, version);
    return true;
  };
  if ((judge_if.template operator()<orders>() || ...)) return judgement;
  const std::string fault =
      fmt::format("pageblocks have order {}, which no machine that this program knows has",
                  snapshot.pageblock_order);
  if (!snapshot.pagetypeinfo) throw files.zoneinfo.error_at_line(1, fault);
  throw files.pagetypeinfo->error_at_line(snapshot.pagetypeinfo->order_line, fault);
}

// Each of these takes a while to compile, so each is a file.
pageblock::Judgement judge_v3_6(pageblock::Snapshot& snapshot,
                                const pageblock::SnapshotFiles& files,
                                pageblock::KernelVersion version);
pageblock::Judgement judge_v6_1(pageblock::Snapshot& snapshot,
                                const pageblock::SnapshotFiles& files,
                                pageblock::KernelVersion version);
pageblock::Judgement judge_v6_12(pageblock::Snapshot& snapshot,
                                 const pageblock::SnapshotFiles& files,
                                 pageblock::KernelVersion version);

}  // namespace example
