// SPDX-License-Identifier: MIT
/// The members of Semantics as a table: what each kernel has there, and which release brought it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "pageblock/base/semantics.hpp"

namespace pageblock::experiments {

/// A member of Semantics, or of one of its members that are rules themselves: migration.copies_first.
struct SemanticsRow {
  std::string_view member;
  /// The releases that changed it, oldest first: "v4.4, v5.14"; "by v6.1" where it is known of that
  /// one only. "build" where a kernel's configuration decides, "model" where the model does.
  std::string_view since;
  std::string_view meaning;
  std::string (*value)(const Semantics&);
};

/// Returns all members but the version itself, in the order in which they are declared.
[[nodiscard]] std::span<const SemanticsRow> semantics_table();

}  // namespace pageblock::experiments
