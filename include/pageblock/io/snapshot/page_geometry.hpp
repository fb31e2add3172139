// SPDX-License-Identifier: MIT
/// How many bytes a page has, and how many pages a memory block.
///
/// Layer:  io.
/// Kernel: none. No file says it, but several do together: zones are given in pages, memory blocks
///         and /proc/iomem in bytes. Sizes that are wrong by a factor put memory where no zone is.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/buddyinfo_reader.hpp"
#include "pageblock/io/text/iomem.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/text/pagetypeinfo_reader.hpp"
#include "pageblock/io/text/zoneinfo.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// Sizes, and where the page's is known from; empty if it is assumed.
struct PageGeometry {
  std::uint64_t page_size = 4096;  ///< In bytes.
  std::string evidence;            ///< What says so.
  std::uint64_t block_bytes = 0;   ///< Size of a memory block; 0 if nothing says it.
};

namespace detail {

/// Finds a PageGeometry.
class PageGeometryFinder {
 public:
  PageGeometryFinder(const SnapshotFiles& files, const std::vector<ZoneInfo>& zones,
                     const MemoryBlockList* blocks)
      : files_{files}, blocks_{blocks} {
    for (const ZoneInfo& zone : zones) {
      spans_.push_back(zone.range());
      nr_present_ += zone.present;
    }
    spans_ = merged(std::move(spans_));
  }

  [[nodiscard]] PageGeometry find() const {
    PageGeometry found;
    const std::uint64_t nr_block_pages =
        blocks_ != nullptr && !blocks_->block_bytes ? find_block_pages() : 0;
    if (files_.page_size) {
      found.page_size = *files_.page_size;
      found.evidence = "the machine says so";
    } else {
      found = find_page_size();
    }
    found.block_bytes = blocks_ == nullptr     ? assumed_block_bytes(found.page_size)
                        : blocks_->block_bytes ? *blocks_->block_bytes
                                               : nr_block_pages * found.page_size;
    return found;
  }

 private:
  static constexpr std::array<std::uint64_t, 3> page_sizes{4096, 16384, 65536};

  // The usual size of x86-64 and arm64.
  [[nodiscard]] static constexpr std::uint64_t assumed_block_bytes(std::uint64_t page_size) {
    return std::uint64_t{page_size == 65536 ? 512U : 128U} << 20;
  }

  // How well memory in pages fits the zones: nothing if less of it lies in them than they have.
  [[nodiscard]] std::optional<std::uint64_t> misfit(const std::vector<PfnRange>& memory) const {
    std::uint64_t nr_inside = 0;
    std::uint64_t nr_pages = 0;
    for (const PfnRange& range : memory) {
      nr_pages += range.nr_pages();
      for (const PfnRange& part : parts_within(spans_, range)) nr_inside += part.nr_pages();
    }
    if (nr_inside < nr_present_ / 4 * 3) return std::nullopt;
    return nr_pages - nr_inside;
  }

  [[nodiscard]] std::vector<PfnRange> online(std::uint64_t nr_block_pages) const {
    std::vector<PfnRange> ranges;
    if (nr_block_pages == 0) return ranges;  // a block is smaller than such a page
    for (const MemoryBlockList::Block& block : blocks_->blocks) {
      constexpr std::uint64_t most_pages = std::uint64_t{1} << 52;
      if (block.state != "online" || block.id >= most_pages / nr_block_pages) continue;
      const Pfn start{block.id * nr_block_pages};
      ranges.push_back({start, start + nr_block_pages});
    }
    return merged(std::move(ranges));
  }

  [[nodiscard]] PageGeometry find_page_size() const {
    struct Candidate {
      std::uint64_t size;
      std::uint64_t misfit;
    };
    std::vector<Candidate> candidates;
    std::string_view what;
    const auto consider = [&](std::string_view name, auto memory_of) {
      if (!candidates.empty()) return;
      what = name;
      for (const std::uint64_t size : page_sizes) {
        if (const auto pages = misfit(memory_of(size))) candidates.push_back({size, *pages});
      }
    };
    if (blocks_ != nullptr && blocks_->block_bytes) {
      consider("memory blocks",
               [&](std::uint64_t size) { return online(*blocks_->block_bytes / size); });
    }
    if (files_.iomem) {
      consider("iomem", [&](std::uint64_t size) { return parse_iomem(*files_.iomem, size); });
    }
    const std::uint64_t hint = hinted_size();
    if (candidates.empty()) {
      if (hint != 0) return {hint, std::string{hint_evidence()}, 0};
      return {};
    }
    // Memory that is offline is in iomem as well, and in no zone.
    const bool is_exact = what == "memory blocks";
    const auto best = std::ranges::min_element(candidates, {}, [&](const Candidate& candidate) {
      const std::uint64_t is_other = candidate.size != hint ? 1 : 0;
      return is_exact ? std::pair{candidate.misfit, is_other}
                      : std::pair{is_other, candidate.misfit};
    });
    return {best->size, fmt::format("{} and zoneinfo fit no other size", what), 0};
  }

  // The name of a kernel or the number of orders says it too, though less surely.
  [[nodiscard]] std::uint64_t hinted_size() const {
    if (files_.version) {
      std::string text = files_.version->content;
      std::ranges::transform(text, text.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
      const auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
      if (has("16k")) return 16384;
      if (has("64k") || has("ppc64le")) return 65536;
      if (has("x86_64") || has("amd64")) return 4096;
    }
    if (!files_.buddyinfo) return 0;
    const std::size_t nr_orders = parse_buddyinfo(*files_.buddyinfo).front().nr_free.size();
    return nr_orders == 12 ? 16384 : nr_orders == 14 ? 65536 : nr_orders == 11 ? 4096 : 0;
  }
  [[nodiscard]] std::string_view hint_evidence() const {
    return files_.version ? "the kernel's name says so" : "kernels with as many orders have it";
  }

  // Without its size, a block has the number of pages that puts the blocks where the zones are.
  [[nodiscard]] std::uint64_t find_block_pages() const {
    std::uint64_t best = 0;
    std::optional<std::uint64_t> least;
    for (unsigned order = 8; order <= 24; ++order) {
      const std::uint64_t nr_pages = std::uint64_t{1} << order;
      const auto pages = misfit(online(nr_pages));
      if (!pages || (least && *least <= *pages)) continue;
      least = pages;
      best = nr_pages;
    }
    if (best == 0) {
      throw files_.memory_blocks->error(
          "no line says how large a block is (block_size_bytes), and no size fits zoneinfo");
    }
    return best;
  }

  const SnapshotFiles& files_;
  const MemoryBlockList* blocks_;
  std::vector<PfnRange> spans_;
  std::uint64_t nr_present_ = 0;
};

}  // namespace detail

/// Finds the sizes from what the files say of @p zones, all populated, and of @p blocks (null
/// without a list). Throws ParseError if the size of a block is neither said nor to be found.
[[nodiscard]] inline PageGeometry find_page_geometry(const SnapshotFiles& files,
                                                     const std::vector<ZoneInfo>& zones,
                                                     const MemoryBlockList* blocks) {
  return detail::PageGeometryFinder{files, zones, blocks}.find();
}

/// The order of a machine's pageblocks, and where it is known from; empty if it is assumed.
struct PageblockOrder {
  unsigned order = 9;    ///< The order of a pageblock.
  std::string evidence;  ///< What says so.
};

/// Returns what pagetypeinfo says, or else what kernels with this @p page_size and so many orders of
/// free chunks have: the order of a huge page, or the largest order if that is less. (A kernel
/// without huge pages has the largest order: nothing else tells.)
[[nodiscard]] inline PageblockOrder find_pageblock_order(const SnapshotFiles& files,
                                                         const std::optional<PageTypeInfo>& types,
                                                         std::size_t nr_orders,
                                                         std::uint64_t page_size) {
  if (types) return {static_cast<unsigned>(types->page_block_order), "pagetypeinfo says so"};
  unsigned huge_page = page_size == 4096 ? 9 : page_size == 16384 ? 11 : 13;
  if (files.version && files.version->content.find("s390x") != std::string::npos) huge_page = 8;
  if (nr_orders == 0) return {huge_page, {}};
  return {std::min(huge_page, static_cast<unsigned>(nr_orders) - 1), {}};
}

}  // namespace pageblock
