// SPDX-License-Identifier: MIT
#include "kernel_versions/semantics_table.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pageblock::experiments {
namespace {

// The compiler's name of a value that a template has: "&pageblock::Semantics::move_to" as "move_to".
// A number that is no enumerator has none, but a cast: "(pageblock::ListEnd)7".
template <auto value>
constexpr std::string_view name_of() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("value = ") + std::string_view{"value = "}.size());
  text = text.substr(0, text.find_first_of(";]"));
  if (text.front() == '(') return {};
  return text.substr(text.rfind(':') + 1);
}

// The most enumerators that an enumeration of Semantics may have.
constexpr std::size_t most_enumerators = 16;

template <typename Enum>
requires std::is_enum_v<Enum> std::string text_of(Enum value) {
  return []<std::size_t... i>(Enum wanted, std::index_sequence<i...>) {
    std::string_view name;
    static_cast<void>((
        (static_cast<Enum>(i) == wanted && (name = name_of<static_cast<Enum>(i)>(), true)) || ...));
    return std::string{name};
  }
  (value, std::make_index_sequence<most_enumerators>{});
}
std::string text_of(bool value) { return value ? "yes" : "no"; }
std::string text_of(unsigned value) { return fmt::format("{}", value); }

char letter_of(MigrateType type) { return "URMVCIH"[index_of(type)]; }
template <std::size_t most>
std::string text_of(const Semantics::Types<most>& types) {
  std::string text;
  for (const MigrateType type : types) text += letter_of(type);
  return text;
}
std::string text_of(const std::array<Semantics::FallbackRow, nr_pcp_types>& fallbacks) {
  std::string text;
  for (const MigrateType type : pcp_types) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", letter_of(type),
                        text_of(fallbacks[index_of(type)]));
  }
  return text;
}

// A member, or one of a member that has some itself: "migration.copies_first".
template <auto... members>
std::string_view path_of() {
  static const std::string path =
      fmt::format("{}", fmt::join(std::array{name_of<members>()...}, "."));
  return path;
}

template <auto... members>
SemanticsRow row(std::string_view since, std::string_view meaning) {
  return {path_of<members...>(), since, meaning,
          [](const Semantics& semantics) { return text_of((semantics.*....*members)); }};
}

using S = Semantics;

using M = MigrationRules;
using C = CmaRules;
using R = ReclaimRules;
using Races = RaceRules;

const std::array rows{
    row<&S::migratetypes>("v4.4", "the types in the order of their numbers"),
    row<&S::zone_relative_blocks>("build", "pageblocks are counted from the zone's start"),
    row<&S::holes_are_reserved>("build",
                                "what a pageblock has beside its memory is reserved pages"),
    row<&S::special_types_ungrouped>("v3.13",
                                     "blocks can be isolated where mobility grouping is off"),
    row<&S::fallbacks>("v4.4", "where requests of each type fall back to"),
    row<&S::pcp_order>("v5.14", "the largest order on per-CPU lists"),
    row<&S::pcp_huge_pages>("v5.14", "per-CPU lists hold huge pages, too"),
    row<&S::pcp_tuning>("v5.14, v6.7", "how the sizes of per-CPU lists follow what the CPU does"),
    row<&S::pcp_needs_cma_flag>("v5.8, by v6.6",
                                "movable requests that may not use CMA pass the lists by"),
    row<&S::pcp_checks_first_page>("v4.7, v6.6", "a free to the lists checks the first page"),
    row<&S::frees_behind_shared>("v5.10", "pages behind a shared first page are freed"),
    row<&S::high_order_drain>("v6.16", "when chunks of order 1 to 3 drain all of a CPU's lists"),
    row<&S::drains_in_batches>("v6.19", "a free drains batch by batch"),
    row<&S::freezes_slab>("v6.14", "single pages of slab are in use with count 0"),
    row<&S::batch_free>("v4.15, v6.9", "what can be freed together, in a batch"),
    row<&S::drain_order>("v5.18", "in what turn lists are drained"),
    row<&S::drain_type>("v3.16, v3.18, v6.10", "to which type's list a page is drained"),
    row<&S::zone_locked_names_list>("v5.19", "mm_page_alloc_zone_locked names the list"),
    row<&S::drains_remotely>("v6.0", "lists of other CPUs are drained without those"),
    row<&S::frees_by_block>("v6.10", "a chunk of several blocks is freed block by block"),
    row<&S::merge_rule>("v3.18, v4.6, v5.18, v6.10", "which free chunks may merge"),
    row<&S::steal_rule>("v4.1, v4.13, v6.12", "how a request takes memory of another type"),
    row<&S::move_rule>("v6.10", "how a block's free chunks move to another type's lists"),
    row<&S::highatomic_rule>("v6.8", "how much is reserved for urgent requests"),
    row<&S::urgent_from_buddy>("v7.0", "urgent requests of several pages fill no per-CPU list"),
    row<&S::urgent_at_once>("v7.3", "such requests are urgent from their first try on"),
    row<&S::take_moves_rest>("v6.10", "taking a chunk for nobody moves the rest of its block"),
    row<&S::move_to>("v5.10", "the end of a list to which chunks move"),
    row<&S::counts_isolated>("v3.7", "NR_FREE_PAGES counts isolated pages"),
    row<&S::counts_cma>("v3.7", "NR_FREE_CMA_PAGES is counted"),
    row<&S::counts_each_taken>("v6.10", "each chunk of a refill is counted by itself"),
    row<&S::counts_free_blocks>("v6.15", "what is free in whole blocks is counted"),
    row<&S::counts_free_highatomic>("v6.12", "of what is reserved, what is free is left out"),
    row<&S::high_ignores_boost>("v6.3", "urgent requests do not heed the boost"),
    row<&S::kswapd_bit_needs_flag>("v6.5", "a request must say that it may wake kswapd"),
    row<&S::movable_min_capped>("v6.6", "the movable zone has a small lowest watermark"),
    row<&S::reserve_follows_managed>("v6.13", "lowmem reserves follow each change of memory"),
    row<&S::watermark_rule>("v4.4", "what a request of several pages needs besides the mark"),
    row<&S::watermark_share>("v3.9, v4.6", "how watermarks follow from a zone's size"),
    row<&S::isolate_says>("v3.8, v5.0, v5.19, v6.17",
                          "what who isolates says besides which blocks"),
    row<&S::isolate_mark>("v6.17", "how a block is marked as isolated"),
    row<&S::unmovable_search>("v4.15, v5.5", "how unmovable pages of a block are found"),
    row<&S::isolates_again>("v4.17", "isolating an isolated block succeeds"),
    row<&S::isolate_drains>("v5.11", "isolating a block drains the per-CPU lists"),
    row<&S::isolate_splits>("v5.19, v6.10", "where chunks that reach out are split"),
    row<&S::isolate_range>("v5.19", "in what order the blocks of a range are isolated"),
    row<&S::undo_merges>("v3.18", "a block that is given back may merge"),
    row<&S::test_passes>("v4.3, v5.8", "which pages pass the test though they are not free"),
    row<&S::test_names_block>("by v6.1", "the test names a block by its first pfn"),
    row<&S::take_mark>("by v6.1", "which watermark holds when a chunk is taken for nobody"),
    row<&S::compound_pages>("model", "the model has compound pages"),
    row<&S::contig_granule>("v5.19", "to what a contiguous range is rounded"),
    row<&S::contig_refuses_lru>("by v6.1", "a page that cannot move refuses a range at once"),
    row<&S::contig_start_covers>("by v6.1",
                                 "the chunk in which a range begins must reach its start"),
    row<&S::contig_release>("v6.9", "how a range is given back that cannot be taken"),
    row<&S::frees_runs_as_chunks>("v7.0", "single pages side by side are freed as chunks"),
    row<&S::contig_passes_unmovable>("v7.0",
                                     "contiguous: places with unmovable pages are passed over"),
    row<&S::contig_compound>("v6.12", "a range can be one compound page"),
    row<&S::offline_leaves>("by v6.1", "what becomes of pages that go offline"),
    row<&S::removes_again>("by v6.12", "virtio-mem tries again to remove an empty block"),
    row<&S::migration, &M::copies_first>("v6.3",
                                         "copies are allocated before the first page moves"),
    row<&S::migration, &M::frees_late>("by v6.1",
                                       "pages that have moved wait before they are freed"),
    row<&S::migration, &M::offline_descends>("v6.12", "offlining moves the highest page first"),
    row<&S::migration, &M::offline_loop>("v5.0", "when an attempt to take memory offline ends"),
    row<&S::migration, &M::contig_drains_first>("by v6.1",
                                                "contiguous: lists are drained at first"),
    row<&S::migration, &M::contig_looks_by_block>("by v6.1",
                                                  "contiguous: cut blocks are passed over"),
    row<&S::migration, &M::contig_skips_pinned>("by v6.1", "contiguous: pinned pages are left out"),
    row<&S::migration, &M::contig_moves_mlocked>("by v6.1", "contiguous: locked memory can move"),
    row<&S::migration, &M::contig_moves_ksm>("by v6.1", "contiguous: KSM's pages can move"),
    row<&S::migration, &M::contig_clean_pages>("v3.8, v6.12",
                                               "contiguous: what clean page cache does"),
    row<&S::cma, &C::no_place>("v3.16, v6.15", "CMA: what is said when no place is left"),
    row<&S::cma, &C::place>("v5.11", "CMA: where an area goes"),
    row<&S::cma, &C::most_align>("v3.16", "CMA: the largest alignment of a request"),
    row<&S::cma, &C::most_ranges>("v6.15", "CMA: how many ranges an area may have"),
    row<&S::cma, &C::aligned_to_chunks>("v5.19", "CMA: areas are multiples of the largest chunk"),
    row<&S::cma, &C::frees_what_fails>("by v6.1", "CMA: an area that is given up is freed"),
    row<&S::reclaim, &R::charges_isolated>("v3.6", "kswapd does not count isolated blocks as free"),
    row<&S::reclaim, &R::futile>("v3.13, v4.7", "who says that reclaim is futile"),
    row<&S::races, &Races::scan>("v2.6.27", "how the test of isolated pages looks at them"),
    row<&S::races, &Races::isolated_pass_pcp>("v2.6.32",
                                              "pages of isolated blocks pass per-CPU lists by"),
    row<&S::races, &Races::drain_counts_by_block>(
        "model", "a drained page is counted by its block (v3.7 to v3.17)"),
    row<&S::races, &Races::drain_skips_empty>("model", "a drain looks at counts without a lock"),
    row<&S::races, &Races::disable_then_drain>("model", "limits are written before the drain"),
    row<&S::races, &Races::disable_drains_all>("model", "and every CPU is drained then"),
    row<&S::races, &Races::failed_start_undoes>(
        "model", "contiguous: what was refused is given back (not v4.17 to v5.18)"),
    row<&S::races, &Races::unreserve_asks_type>("model",
                                                "only a reserved block is subtracted (v4.10)"),
    row<&S::races, &Races::border>("model", "how a chunk across a border is looked for"),
};

}  // namespace

std::span<const SemanticsRow> semantics_table() { return rows; }

}  // namespace pageblock::experiments
