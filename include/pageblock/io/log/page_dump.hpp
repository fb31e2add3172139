// SPDX-License-Identifier: MIT
/// Reads the pages that the kernel's log shows because they stood in the way.
///
/// Layer:  io.
/// Kernel: dump_page() (mm/debug.c), called by has_unmovable_pages()'s callers, do_migrate_range() and
///         alloc_contig_dump_pages().
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/log_line.hpp"
#include "pageblock/io/text/page_pointer.hpp"

namespace pageblock {

/// A page as the log shows it.
struct PageDump {
  PagePointer page{};  ///< Which page, as far as the dump says.
  /// "unmovable page", "migration failure", ...
  std::string reason{};
  /// The names of its flags; "node=0" and the like are not among them.
  std::vector<std::string> flags{};
  std::optional<unsigned> node{};  ///< Its node, if the flags show it.
  /// The number of its zone, which on x86-64 counts DMA, DMA32, Normal, Movable.
  std::optional<unsigned> zone{};
  /// "slab", "buddy", "offline", ... where the kernel says it.
  std::string type{};
  std::uint64_t refcount = 0;  ///< References to it.
  std::int64_t mapcount = 0;   ///< How often it is mapped.
  bool is_anonymous = false;   ///< Whether it belongs to anonymous memory.
  bool is_of_file = false;     ///< Whether it belongs to a file.
  std::size_t line = 0;        ///< Where the dump begins, from 1.
  std::string stamp{};         ///< The time stamp, as it is there.

  /// Returns whether its flags include @p flag, as the dump spells it.
  [[nodiscard]] bool has(std::string_view flag) const {
    return std::ranges::find(flags, flag) != flags.end();
  }
  /// Returns what the page is, by the rules for /proc/kpageflags. Memory of boot is that, poisoned or
  /// not: so the search for unmovable pages looks at it, too.
  [[nodiscard]] PageKind kind() const;
};

/// How long a page stays where it is.
enum class PageStay : std::uint8_t {
  until_reboot,     ///< Memory of boot.
  while_in_use,     ///< As long as its user keeps it; it cannot be moved.
  for_a_moment,     ///< It could be moved, but somebody holds a reference, or is about to let go.
  until_given_back  ///< A balloon or virtio-mem has it.
};

/// Returns whether a page of this kind stays, and why.
[[nodiscard]] constexpr PageStay stay_of(PageKind kind) {
  switch (movability(kind)) {
    case Movability::free:
    case Movability::movable:
    case Movability::hole:
      return PageStay::for_a_moment;
    default:
      break;
  }
  if (kind == PageKind::reserved) return PageStay::until_reboot;
  if (kind == PageKind::offline) return PageStay::until_given_back;
  if (kind == PageKind::off_lru) return PageStay::for_a_moment;
  return PageStay::while_in_use;
}

inline PageKind PageDump::kind() const {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 19> words{{
      {"locked", kpf::bit(0)},      {"error", kpf::bit(1)},      {"referenced", kpf::bit(2)},
      {"uptodate", kpf::bit(3)},    {"dirty", kpf::bit(4)},      {"lru", kpf::lru},
      {"active", kpf::bit(6)},      {"slab", kpf::slab},         {"writeback", kpf::bit(8)},
      {"reclaim", kpf::bit(9)},     {"buddy", kpf::buddy},       {"swapcache", kpf::swapcache},
      {"swapbacked", kpf::bit(14)}, {"head", kpf::bit(15)},      {"unevictable", kpf::bit(18)},
      {"hwpoison", kpf::hwpoison},  {"reserved", kpf::reserved}, {"mlocked", kpf::bit(33)},
      {"private", kpf::bit(35)},
  }};
  std::uint64_t word = 0;
  for (const auto& [name, bit] : words) {
    if (has(name)) word |= bit;
  }
  if (has("reserved")) word = kpf::reserved;
  if (type == "slab") word |= kpf::slab;
  if (type == "buddy") word |= kpf::buddy;
  if (type == "offline") word |= kpf::offline;
  if (type == "table" || type == "pgtable") word |= kpf::pgtable;
  if (type == "hugetlb") word |= kpf::huge;
  if (is_anonymous) word |= kpf::anon;
  if (mapcount > 0) word |= kpf::mmap;
  if (is_of_file) word |= kpf::bit(3);
  return PageClassifier{}(word);
}

/// Collects the lines of page dumps; those of several CPUs may interleave if the log says which are
/// whose.
class PageDumpReader {
 public:
  /// Takes a line, and returns whether it is one of a page dump.
  bool take(const LogLine& line) {
    const std::string_view text = line.text;
    if (const auto pfn = unmovable_pfn(text)) {
      told_[line.caller] = Pfn{*pfn};
      if (text.find(" page:") == text.npos) return true;
    }
    if (const std::size_t at = text.find("page:"); at != text.npos && is_head(text, at)) {
      begin(text.substr(at + 5), line);
      return true;
    }
    const auto found = open_.find(line.caller);
    if (found == open_.end()) return false;
    return take_detail(found->second, text);
  }

  /// Returns the page that is complete, since its reason was given; nothing if there is none.
  [[nodiscard]] std::optional<PageDump> finished() { return std::exchange(finished_, {}); }

 private:
  // "migrating pfn 13ff00 failed ret:1", "failed to isolate pfn 13ff00" (v4.20 to v6.x).
  [[nodiscard]] static std::optional<std::uint64_t> unmovable_pfn(std::string_view text) {
    if (const auto pfn = detail::number_behind(text, "migrating pfn ", 16)) return pfn;
    return detail::number_behind(text, "failed to isolate pfn ", 16);
  }

  // "page:<address> refcount:1 ..." and "page: refcount:1 ...", "count:1" before v4.19.
  [[nodiscard]] static bool is_head(std::string_view text, std::size_t at) {
    const std::string_view behind = text.substr(at);
    return (at == 0 || text[at - 1] == ' ') && behind.find("count:") != behind.npos;
  }

  void begin(std::string_view text, const LogLine& line) {
    PageDump& dump = open_[line.caller] = PageDump{};
    dump.line = line.number;
    dump.stamp = line.stamp;
    if (const std::string_view address = text.substr(0, text.find(' ')); !address.empty()) {
      dump.page = page_pointer(address);
    }
    if (const auto pfn = detail::number_behind(text, " pfn:", 16)) {
      dump.page.pfn = Pfn{*pfn};
      dump.page.is_pfn_printed = true;
    } else if (const auto told = told_.find(line.caller); told != told_.end()) {
      dump.page.pfn = told->second;
      dump.page.is_pfn_printed = true;
    }
    told_.erase(line.caller);
    dump.refcount = detail::number_behind(text, "refcount:")
                        .value_or(detail::number_behind(text, "count:").value_or(0));
    dump.mapcount = static_cast<std::int64_t>(detail::number_behind(text, "mapcount:").value_or(0));
    // A free page keeps that in the place of its map count: -128, since v4.18 -129; one more is shown.
    if (text.find("mapcount:-127") != text.npos || text.find("mapcount:-128") != text.npos) {
      dump.type = "buddy";
    }
  }

  bool take_detail(PageDump& dump, std::string_view text) {
    constexpr std::string_view because = "page dumped because: ";
    if (const std::size_t at = text.find(because); at != text.npos) {
      dump.reason = text.substr(at + because.size());
      finished_ = std::move(dump);
      std::erase_if(open_, [&](const auto& entry) { return &entry.second == &dump; });
      return true;
    }
    if (const std::size_t at = text.find("flags: 0x"); at != text.npos) {
      dump.is_anonymous |= text.substr(0, at).ends_with("anon ") || text.starts_with("ksm");
      take_flags(dump, in_brackets(text.substr(at)));
      return true;
    }
    if (text.starts_with("page_type:")) {
      dump.type = in_brackets(text);
      if (dump.type.empty())
        dump.type = text.substr(std::min(text.find_first_not_of(' ', 10), text.size()));
      if (dump.type.starts_with("0x")) dump.type.clear();
      return true;
    }
    if (text == "anon" || text == "anon " || text == "ksm") return dump.is_anonymous = true;
    if (text.starts_with("aops:")) {
      if (text.find("hugetlbfs_aops") != text.npos) dump.type = "hugetlb";
      // Pages that have a mapping, and so operations, so that they can be migrated (v3.8 to v5.19).
      if (text.find("balloon_aops") != text.npos) {
        dump.type = "offline";
        return true;
      }
      return dump.is_of_file = true;
    }
    constexpr std::array<std::string_view, 8> others{
        "raw:",          "head:", "memcg:", "order:", "page->mem_cgroup:", "compound_mapcount",
        "pages's memcg", "flags:"};
    return std::ranges::any_of(others, [text](auto word) { return text.starts_with(word); });
  }

  [[nodiscard]] static std::string_view in_brackets(std::string_view text) {
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    if (open == text.npos || close == text.npos || close < open) return {};
    return text.substr(open + 1, close - open - 1);
  }

  static void take_flags(PageDump& dump, std::string_view names) {
    if (!dump.flags.empty()) return;  // of the head of a compound page
    for (std::size_t end = 0; end != names.npos;
         names.remove_prefix(end == names.npos ? 0 : end + 1)) {
      end = names.find('|');
      const std::string_view name = names.substr(0, end);
      if (name.starts_with("node=") || name.starts_with("zone=")) {
        const auto number = detail::number_behind(name, "=");
        auto& place = name.starts_with('n') ? dump.node : dump.zone;
        if (number) place = static_cast<unsigned>(*number);
      } else if (!name.empty() && name.find('=') == name.npos) {
        dump.flags.emplace_back(name);
      }
    }
  }

  std::map<std::string_view, PageDump> open_;  // by the lines' writer
  std::map<std::string_view, Pfn> told_;
  std::optional<PageDump> finished_;
};

/// A range of memory that did not go offline, in bytes: "memory offlining [mem
/// 0x48000000-0x4fffffff] failed due to failure to isolate range".
struct OfflineFailure {
  std::uint64_t start = 0;  ///< The first byte of the range.
  std::uint64_t end = 0;    ///< The last byte of the range, as the log gives it.
  std::string reason;       ///< Why, in the kernel's words.
};

/// Reads a line of the kernel log; returns nothing if it tells no failure to take memory offline.
[[nodiscard]] inline std::optional<OfflineFailure> parse_offline_failure(std::string_view text) {
  constexpr std::string_view because = " failed due to ";
  const std::size_t at = text.find("memory offlining [mem 0x");
  const std::size_t why = text.find(because);
  if (at == text.npos || why == text.npos || why < at) return std::nullopt;
  const auto start = detail::number_behind(text.substr(at), "[mem 0x", 16);
  const auto last = detail::number_behind(text.substr(at), "-0x", 16);
  if (!start || !last || *last <= *start || *last + 1 == 0) return std::nullopt;
  return OfflineFailure{*start, *last + 1, std::string{text.substr(why + because.size())}};
}

}  // namespace pageblock
