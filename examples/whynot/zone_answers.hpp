// SPDX-License-Identifier: MIT
/// What zones answer to a request, in words and as JSON.
#pragma once

#include <string>
#include <string_view>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/log/allocation_verdict.hpp"
#include "pageblock/io/log/mem_info.hpp"

#include "common/json.hpp"

namespace example {

/// "served", "below_watermark", "no_chunk" or "no_memory".
[[nodiscard]] std::string_view answer_word(const pageblock::ZoneVerdict& zone);

[[nodiscard]] Json zone_json(const pageblock::ZoneVerdict& zone);

/// A line for each zone, in the order in which they are asked.
[[nodiscard]] std::string zone_table(const pageblock::AllocationVerdict& verdict,
                                     pageblock::Order order, const pageblock::MemInfo& info);

/// Which orders would be served, by whom.
[[nodiscard]] std::string served_text(const pageblock::AllocationVerdict& verdict);

/// "unmovable, movable" of the types with a chunk; empty if they are not known.
[[nodiscard]] std::string types_text(const pageblock::FreeChunks& chunks);

}  // namespace example
