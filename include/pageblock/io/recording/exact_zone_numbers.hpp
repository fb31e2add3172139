// SPDX-License-Identifier: MIT
/// The numbers that a *.state file has of a zone, by their names.
///
/// Layer:  io.
/// Kernel: struct zone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/exact_state.hpp"

namespace pageblock::detail {

/// Takes the numbers of one zone, and knows which are missing.
class ExactZoneNumbers {
 public:
  [[nodiscard]] static bool has(std::string_view key) { return find(key) != fields.end(); }

  /// Requires: has(key).
  void take(ExactZone& zone, std::string_view key, std::uint64_t value) {
    const auto* const field = find(key);
    taken_[static_cast<std::size_t>(field - fields.begin())] = true;
    if (key == "start_pfn") zone.start_pfn = Pfn{value};
    if (key == "pageset_high_min") zone.tunes_lists = true;
    if (field->member != nullptr) zone.*(field->member) = value;
  }

  /// Returns the name of a number that a zone must have and that was not taken; empty if there is none.
  [[nodiscard]] std::string_view missing() const {
    const bool tunes_lists = is_taken("pageset_high_min");
    for (const Field& field : fields) {
      const bool is_wanted =
          field.of == Of::all || field.of == (tunes_lists ? Of::tuned : Of::fixed);
      if (is_wanted && !is_taken(field.key)) return field.key;
    }
    return {};
  }

 private:
  /// Which kernels' zones have a number: of those that tune their per-CPU lists (v6.7), or not.
  enum class Of : std::uint8_t { all, fixed, tuned, some };
  struct Field {
    std::string_view key;
    Of of;
    std::uint64_t ExactZone::*member;  // null: nothing here needs it
  };

  static constexpr std::array fields{
      Field{"va", Of::all, &ExactZone::address},
      Field{"start_pfn", Of::all, nullptr},
      Field{"spanned", Of::all, &ExactZone::spanned},
      Field{"present", Of::all, &ExactZone::present},
      Field{"managed", Of::all, &ExactZone::managed},
      Field{"nr_free_pages", Of::all, &ExactZone::nr_free_pages},
      Field{"nr_isolate_pageblock", Of::all, &ExactZone::nr_isolate_pageblock},
      Field{"nr_reserved_highatomic", Of::all, &ExactZone::nr_reserved_highatomic},
      Field{"watermark_boost", Of::all, &ExactZone::watermark_boost},
      Field{"wmark_min", Of::all, &ExactZone::wmark_min},
      Field{"wmark_low", Of::all, &ExactZone::wmark_low},
      Field{"wmark_high", Of::all, &ExactZone::wmark_high},
      Field{"flags", Of::all, &ExactZone::flags},
      Field{"pageset_high", Of::fixed, &ExactZone::pageset_high},
      Field{"pageset_high_min", Of::tuned, &ExactZone::pageset_high},
      Field{"pageset_high_max", Of::tuned, &ExactZone::pageset_high_max},
      Field{"pageset_batch", Of::all, &ExactZone::pageset_batch},
      Field{"lru_inactive_anon", Of::all, &ExactZone::lru_inactive_anon},
      Field{"lru_active_anon", Of::all, &ExactZone::lru_active_anon},
      Field{"lru_inactive_file", Of::all, &ExactZone::lru_inactive_file},
      Field{"lru_active_file", Of::all, &ExactZone::lru_active_file},
      Field{"unevictable", Of::all, &ExactZone::unevictable},
      Field{"nr_free_highatomic", Of::some, &ExactZone::nr_free_highatomic},
      Field{"wmark_promo", Of::some, nullptr},
      Field{"vm_stat_free", Of::some, nullptr},
      Field{"vm_stat_free_cma", Of::some, nullptr},
      Field{"nr_free_cma", Of::some, nullptr},
      Field{"nr_free_pages_blocks", Of::some, nullptr}};

  [[nodiscard]] static const Field* find(std::string_view key) {
    return std::ranges::find(fields, key, &Field::key);
  }
  [[nodiscard]] bool is_taken(std::string_view key) const {
    return taken_[static_cast<std::size_t>(find(key) - fields.begin())];
  }

  std::array<bool, fields.size()> taken_{};
};

}  // namespace pageblock::detail
