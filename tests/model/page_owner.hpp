// SPDX-License-Identifier: MIT
/// A notifier as a value.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/isolation/isolate_notifier.hpp"

namespace pageblock::test {

/// Somebody who owns pages and is asked when a block is isolated: counts the pages of the block
/// that are theirs, and answers with @p answer if there are any.
struct PageOwner {
  PfnRange pages;
  int answer = notify::okay;

  [[nodiscard]] std::uint64_t nr_pages_in(Pfn start, std::uint64_t nr_pages) const {
    return PfnRange{std::max(pages.start, start), std::min(pages.end, start + nr_pages)}.nr_pages();
  }

  /// The callback. The owner must outlive its registration.
  [[nodiscard]] IsolateNotifier notifier() {
    return {[](void* owner, MemoryIsolateNotify& arg) {
              const auto& self = *static_cast<const PageOwner*>(owner);
              const std::uint64_t found = self.nr_pages_in(arg.start_pfn, arg.nr_pages);
              arg.pages_found += found;
              return found != 0 ? self.answer : notify::done;
            },
            this};
  }
};

}  // namespace pageblock::test
