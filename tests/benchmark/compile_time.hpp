// SPDX-License-Identifier: MIT
/// C1: what including a header costs a translation unit.
#pragma once

#include <set>
#include <string>

namespace pageblock::benchmark {

/// Returns the headers of other libraries, "<array>" and so on, that @p header of the include
/// folder brings by itself or by way of others.
[[nodiscard]] std::set<std::string> foreign_headers(const std::string& folder,
                                                    const std::string& header);

}  // namespace pageblock::benchmark
