// SPDX-License-Identifier: MIT
/// Reads the zones of "Mem-Info:" out of a log, word by word: where a line ends has no meaning, since
/// consoles and mail break lines and logs keep the parts of one as lines of their own.
///
/// Layer:  io.
/// Kernel: show_free_areas(), show_migration_types() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/io/log/mem_info.hpp"
#include "pageblock/io/text/log_line.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// Collects the zones of one report.
class MemInfoReader {
 public:
  /// @p file is where the lines come from, for complaints; it must outlive the reader.
  explicit MemInfoReader(const InputFile& file) : file_{&file} {}

  /// What a line was.
  enum class Taken : std::uint8_t {
    no,    ///< Nothing of this text: others may write between its lines.
    yes,   ///< A part of it.
    again  ///< It describes a zone that was described already: a part of another text. Not taken.
  };

  /// Returns whether a line that nothing stands before may be part of such a text.
  [[nodiscard]] static bool may_begin(std::string_view text) {
    return text.starts_with("Node ") || is_zone_name(text.substr(0, text.find_first_of(" :")));
  }

  /// Takes what a line says of zones. Throws ParseError at what no kernel prints.
  Taken take(const LogLine& line) {
    line_ = line.number;
    if (!may_belong(line.text)) return Taken::no;
    bool found = false;
    detail::Words words{line.text};
    for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
      if (take_word(word)) found = true;
      if (std::exchange(is_again_, false)) return Taken::again;
    }
    return found ? Taken::yes : Taken::no;
  }

  /// Returns a reader for another text that begins where this one is.
  [[nodiscard]] MemInfoReader restarted() const {
    MemInfoReader other{*file_};
    other.follow(*this);
    return other;
  }

  /// Goes to the node where @p other is: its number may stand in a line of its own.
  void follow(const MemInfoReader& other) { node_ = other.node_; }

  /// Returns whether anything was found, and whether every zone has counters and lists.
  [[nodiscard]] bool empty() const { return zones_.empty(); }
  /// Returns whether all parts of a report were seen.
  [[nodiscard]] bool is_complete() const {
    return !zones_.empty() && std::ranges::all_of(zones_, [](const MemInfoZone& zone) {
      return zone.line != 0 && zone.list_line != 0;
    });
  }

  /// Returns the zones, with what follows from all of them together.
  [[nodiscard]] MemInfo finish() const {
    MemInfo info;
    info.zones = zones_;
    info.kernel = guess_kernel_zones(zones_);
    std::uint64_t sum = 0;
    for (const MemInfoZone& zone : zones_) {
      sum += zone.free;
      if (zone.chunks.empty()) continue;
      info.page_kbytes = zone.chunks.front().kbytes;
      info.is_page_size_known = true;
    }
    if (!info.is_page_size_known && free_pages_.value_or(0) != 0) {
      for (const std::uint64_t kbytes : {4U, 8U, 16U, 64U}) {
        if (sum / kbytes / 2 < *free_pages_) break;
        info.page_kbytes = kbytes;
      }
    }
    std::erase_if(info.zones, [](const MemInfoZone& zone) { return zone.line == 0; });
    return info;
  }

 private:
  static constexpr std::array<std::string_view, 6> zone_names_{"DMA",     "DMA32",   "Normal",
                                                               "HighMem", "Movable", "Device"};
  enum class Section : std::uint8_t { none, counters, reserves, chunks };

  [[nodiscard]] static bool is_zone_name(std::string_view word) {
    return std::ranges::find(zone_names_, word) != zone_names_.end();
  }

  // Whether a line, seen alone, may be part of the text: nearly all lines of a log are not.
  [[nodiscard]] bool may_belong(std::string_view text) const {
    if (text.starts_with("Node ") || text.starts_with("lowmem_reserve[")) return true;
    const std::string_view word = text.substr(0, text.find_first_of(" :"));
    if (is_zone_name(word)) return true;
    if (text.starts_with("free:") || text.find(" free:") != text.npos) return true;
    if (text.find("kB") != text.npos) return section_ != Section::none;
    const auto only = [text](std::string_view set) {
      return text.find_first_not_of(set) == text.npos;
    };
    if (section_ == Section::reserves) return only("0123456789 ");
    if (section_ == Section::chunks) return text.starts_with('(') || only("= ");
    return false;
  }

  bool take_word(std::string_view word) {
    if (std::exchange(is_node_next_, false)) {
      if (const auto number = whole_number(word); number && *number < 1U << 16) {
        node_ = static_cast<unsigned>(*number);
        name_ = {};
        section_ = Section::none;
        return true;
      }
    }
    if (word == "Node") return is_node_next_ = true;
    if (word == "per-cpu:") {
      name_ = {};
      return true;
    }
    if (is_zone_name(word)) {
      name_ = word;
      return false;  // unless more follows
    }
    if (word.ends_with(':') && is_zone_name(word.substr(0, word.size() - 1))) {
      name_ = word.substr(0, word.size() - 1);
      return begin_chunks();
    }
    if (word.starts_with("lowmem_reserve[")) {
      if (zone_ == none || !zones_[zone_].lowmem_reserve.empty()) return false;
      section_ = Section::reserves;
      return true;
    }
    if (word.starts_with("free:")) return begin_counters(word);
    name_ = {};  // what follows the name of a zone is none of these
    switch (section_) {
      case Section::counters:
        return take_counter(word);
      case Section::reserves:
        return take_reserve(word);
      case Section::chunks:
        return take_chunk(word);
      default:
        return false;
    }
  }

  // "free:6496kB" behind the name of a zone; "free:41388", in pages, is the sum.
  bool begin_counters(std::string_view word) {
    if (const auto pages = whole_number(word.substr(5))) {
      free_pages_ = *pages;
      return true;
    }
    if (name_.empty() || !word.ends_with("kB") || !detail::is_digit(word[5])) return false;
    const std::size_t zone = zone_of(name_);
    if (zones_[zone].line != 0) {
      is_again_ = true;
      return false;
    }
    zone_ = zone;
    name_ = {};
    section_ = Section::counters;
    zones_[zone_].line = line_;
    return take_counter(word);
  }

  bool take_counter(std::string_view word) {
    if (!key_.empty()) {  // "present:" at the end of a line, its value on the next
      const std::string_view key = std::exchange(key_, {});
      if (!word.empty() && detail::is_digit(word.front())) return set(key, word);
    }
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view key = word.substr(0, colon);
    if (colon + 1 == word.size()) {
      key_ = counter_name(key);
      return !key_.empty();
    }
    return set(key, word.substr(colon + 1));
  }

  bool set(std::string_view key, std::string_view value) {
    const auto number = detail::take_number(value);
    if (!number || (value != "kB" && value != "KB")) return false;  // torn: counted as passed over
    if (counter_name(key).empty()) return true;
    if (*number > most_kbytes) {
      fail(fmt::format("{} kB of '{}' are more than any machine has", *number, key));
    }
    counter(key) = *number;
    return true;
  }

  // Returns the key if it is one of the counters that are read; else nothing.
  [[nodiscard]] static std::string_view counter_name(std::string_view key) {
    static constexpr std::array<std::string_view, 10> names{
        "free",    "boost",   "min",     "low", "high", "reserved_highatomic", "free_highatomic",
        "present", "managed", "free_cma"};
    const auto found = std::ranges::find(names, key);
    return found == names.end() ? std::string_view{} : *found;
  }
  [[nodiscard]] std::uint64_t& counter(std::string_view key) {
    MemInfoZone& zone = zones_[zone_];
    if (key == "free") return zone.free;
    if (key == "boost") return zone.boost;
    if (key == "min") return zone.min;
    if (key == "low") return zone.low;
    if (key == "high") return zone.high;
    if (key == "reserved_highatomic") return zone.reserved_highatomic;
    if (key == "free_highatomic") return zone.free_highatomic.emplace();
    if (key == "present") return zone.present;
    if (key == "managed") return zone.managed.emplace();
    return zone.free_cma;
  }

  bool take_reserve(std::string_view word) {
    const auto number = whole_number(word);
    auto& reserve = zones_[zone_].lowmem_reserve;
    if (!number || reserve.size() == zone_names_.size()) {
      section_ = Section::none;
      return false;
    }
    reserve.push_back(*number);
    return true;
  }

  bool begin_chunks() {
    const std::size_t zone = zone_of(name_);
    if (zones_[zone].list_line != 0) {
      is_again_ = true;
      return false;
    }
    zone_ = zone;
    name_ = {};
    section_ = Section::chunks;
    is_sum_next_ = false;
    return true;
  }

  // "17*4kB", "(UME)", "=", "6508kB".
  bool take_chunk(std::string_view word) {
    MemInfoZone& zone = zones_[zone_];
    if (word == "=") return is_sum_next_ = true;
    if (word.starts_with('(') && word.ends_with(')') && !zone.chunks.empty()) {
      return take_letters(word.substr(1, word.size() - 2), zone.chunks.back());
    }
    const auto number = detail::take_number(word);
    if (!number) return false;
    if (is_sum_next_ && word == "kB") {
      is_sum_next_ = false;
      zone.listed = *number;
      section_ = Section::none;
      return true;
    }
    if (!word.starts_with('*')) return false;
    word.remove_prefix(1);
    const auto size = detail::take_number(word);
    if (!size || word != "kB") return false;
    add_chunks(zone, *number, *size);
    return true;
  }

  void add_chunks(MemInfoZone& zone, std::uint64_t count, std::uint64_t kbytes) const {
    constexpr std::size_t most_orders = 20;
    const bool is_first = zone.chunks.empty();
    if (is_first) zone.list_line = line_;
    const bool fits = is_first ? (kbytes == 4 || kbytes == 8 || kbytes == 16 || kbytes == 64)
                               : kbytes == 2 * zone.chunks.back().kbytes;
    if (!fits) {
      fail(is_first ? fmt::format("the smallest chunks have {} kB, as no kernel's pages do", kbytes)
                    : fmt::format("chunks of {} kB behind those of {} kB", kbytes,
                                  zone.chunks.back().kbytes));
    }
    for (const MemInfoZone& other : zones_) {
      if (!is_first || other.chunks.empty() || other.chunks.front().kbytes == kbytes) continue;
      fail(fmt::format("pages of {} kB, but of {} kB in line {}", kbytes,
                       other.chunks.front().kbytes, other.list_line));
    }
    if (zone.chunks.size() == most_orders) fail("more orders than any kernel has");
    if (count > most_kbytes / kbytes) fail("more chunks than any machine has");
    zone.chunks.push_back({count, kbytes, TypeSet::all()});
  }

  // U unmovable, M movable, E reclaimable, H highatomic, R reserve (before v4.4), C CMA, I isolate.
  [[nodiscard]] static bool take_letters(std::string_view letters, MemInfoZone::Chunks& chunks) {
    constexpr std::string_view known = "UMEHRCI";
    constexpr std::array types{MigrateType::unmovable,   MigrateType::movable,
                               MigrateType::reclaimable, MigrateType::highatomic,
                               MigrateType::reserve,     MigrateType::cma,
                               MigrateType::isolate};
    TypeSet set;
    for (const char letter : letters) {
      const std::size_t at = known.find(letter);
      if (at == std::string_view::npos) return false;
      set.add(types[at]);
    }
    if (!set.empty()) chunks.types = set;
    return true;
  }

  [[nodiscard]] static std::optional<std::uint64_t> whole_number(std::string_view text) {
    const auto number = detail::take_number(text);
    return text.empty() ? number : std::nullopt;
  }

  [[nodiscard]] std::size_t zone_of(std::string_view name) {
    for (std::size_t i = 0; i < zones_.size(); ++i) {
      if (zones_[i].node == node_ && zones_[i].name == name) return i;
    }
    if (zones_.size() == most_zones) fail("more zones than any kernel has");
    zones_.push_back(MemInfoZone{node_, std::string{name}});
    return zones_.size() - 1;
  }

  [[noreturn]] void fail(std::string_view fault) const { throw file_->error_at_line(line_, fault); }

  static constexpr std::uint64_t most_kbytes = std::uint64_t{1} << 44;
  static constexpr std::size_t most_zones = 4096;
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  const InputFile* file_;
  std::vector<MemInfoZone> zones_;
  std::optional<std::uint64_t> free_pages_;
  std::size_t line_ = 0;
  // Where in the text the reader is.
  Section section_ = Section::none;
  std::size_t zone_ = none;
  unsigned node_ = 0;
  std::string_view name_;
  std::string_view key_;
  bool is_node_next_ = false;
  bool is_sum_next_ = false;
  bool is_again_ = false;
};

}  // namespace pageblock
