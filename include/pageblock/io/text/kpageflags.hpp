// SPDX-License-Identifier: MIT
/// Reads /proc/kpageflags and /proc/kpagecount: what each page is.
///
/// Layer:  io.
/// Kernel: stable_page_flags() (fs/proc/page.c), include/uapi/linux/kernel-page-flags.h.
///
/// A word is classified by the first line of this table that fits:
///
///     NOPAGE                    hole          the kernel has no page there
///     RESERVED                  reserved      boot memory, firmware, the memory map; with MMAP what
///                                             the kernel maps into processes, with ZERO_PAGE zeros.
///                                             Every kernel asks for this first, so also if poisoned
///     POISON                    poisoned      memory errors; v3.6 cannot take such a page away
///     OFFLINE                   offline       a balloon or virtio-mem holds it; v3.6 sees a user
///     SLAB                      slab          also its tails; ANON and KSM there are stray bits of
///                                             a word that slabs use otherwise
///     PGTABLE                   page table
///     HUGE                      hugetlb       also its tails; movable only since v3.12
///     BUDDY                     free          on every page of a free chunk since v4.6, on its
///                                             first page before; UPTODATE and the like may be left
///                                             from the last user
///     ZERO_PAGE                 zero page     the huge page of zeros
///     TAIL                      as its head   the nearest HEAD below, if only tails lie between;
///                                             the tails of a huge page may or may not repeat LRU
///     LRU                       page cache or anonymous (ANON): can be migrated, also if it is
///                                             locked, dirty, written back, unevictable or a HEAD
///     ANON, KSM or SWAPCACHE    anonymous     on its way to or from an LRU list
///     MMAP                      mapped        as ANON; some drivers' pages look the same
///     REFERENCED, UPTODATE,     off its LRU   page cache on its way to or from an LRU list, or a
///     DIRTY, ACTIVE, ...                      kernel page: nothing tells which
///     HEAD                      compound      of the kernel: per-CPU lists hold no compound pages
///     any other                 kernel page   freeing clears PRIVATE and its like, so it is in use
///     none                      unknown       a kernel page (stack, vmalloc, driver) or a free
///                                             page on a per-CPU list
///
/// Bits that say nothing of this (LOCKED, IDLE, ...) and bits without a name here are ignored.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/sparse_array.hpp"

namespace pageblock {

/// The bits of a word of /proc/kpageflags: the kernel's numbers, as masks.
namespace kpf {
/// Returns the mask of the bit with this number.
inline constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }
inline constexpr std::uint64_t slab = bit(7);            ///< In a slab.
inline constexpr std::uint64_t lru = bit(5);             ///< On an LRU list.
inline constexpr std::uint64_t buddy = bit(10);          ///< The first page of a free chunk.
inline constexpr std::uint64_t mmap = bit(11);           ///< Mapped by a process.
inline constexpr std::uint64_t anon = bit(12);           ///< Anonymous memory.
inline constexpr std::uint64_t swapcache = bit(13);      ///< In the swap cache.
inline constexpr std::uint64_t compound_head = bit(15);  ///< First page of a compound page.
inline constexpr std::uint64_t compound_tail = bit(16);  ///< Another page of a compound page.
inline constexpr std::uint64_t huge = bit(17);           ///< Of a hugetlb page.
inline constexpr std::uint64_t hwpoison = bit(19);       ///< Broken hardware.
inline constexpr std::uint64_t nopage = bit(20);         ///< There is no page.
inline constexpr std::uint64_t ksm = bit(21);            ///< Shared by KSM.
inline constexpr std::uint64_t offline = bit(23);        ///< Logically offline, as in a balloon.
inline constexpr std::uint64_t zero_page = bit(24);      ///< The page of zeros.
inline constexpr std::uint64_t idle = bit(25);           ///< Not used since it was marked.
inline constexpr std::uint64_t pgtable = bit(26);        ///< A page table.
inline constexpr std::uint64_t reserved = bit(32);       ///< Reserved.
inline constexpr std::uint64_t owner_private = bit(37);  ///< Marked by its owner.

/// What users of the page cache leave in a page: LOCKED, ERROR, REFERENCED, UPTODATE, DIRTY,
/// ACTIVE, WRITEBACK, RECLAIM, SWAPBACKED, UNEVICTABLE, MLOCKED.
inline constexpr std::uint64_t cache_bits = bit(0) | bit(1) | bit(2) | bit(3) | bit(4) | bit(6) |
                                            bit(8) | bit(9) | bit(14) | bit(18) | bit(33);
}  // namespace kpf

/// Returns the names of the bits of @p flags, such as "UPTODATE|LRU"; "none" for none.
[[nodiscard]] inline std::string kpageflags_names(std::uint64_t flags) {
  constexpr std::string_view from_bit_0 =
      "LOCKED ERROR REFERENCED UPTODATE DIRTY LRU ACTIVE SLAB WRITEBACK RECLAIM BUDDY MMAP ANON "
      "SWAPCACHE SWAPBACKED COMPOUND_HEAD COMPOUND_TAIL HUGE UNEVICTABLE HWPOISON NOPAGE KSM THP "
      "OFFLINE ZERO_PAGE IDLE PGTABLE ";
  constexpr std::string_view from_bit_32 =
      "RESERVED MLOCKED MAPPEDTODISK PRIVATE PRIVATE_2 OWNER_PRIVATE ARCH UNCACHED SOFTDIRTY "
      "ARCH_2 ARCH_3 ";
  std::string text;
  std::string_view names = from_bit_0;
  for (unsigned number = 0; number < 64; ++number) {
    if (number == 32) names = from_bit_32;
    const std::string_view name = names.substr(0, names.find(' '));
    names.remove_prefix(names.empty() ? 0 : name.size() + 1);
    if ((flags & kpf::bit(number)) == 0) continue;
    if (!text.empty()) text += '|';
    text += name.empty() ? fmt::format("bit {}", number) : std::string{name};
  }
  return text.empty() ? "none" : text;
}

/// What a page is.
enum class PageKind : std::uint8_t {
  hole,
  free,
  per_cpu,
  page_cache,
  anonymous,
  mapped,
  slab,
  page_table,
  reserved,
  hugetlb,
  compound,
  offline,
  poisoned,
  zero_page,
  kernel,
  off_lru,
  unknown,
  // What kernels make of some of these: snapshot_rules.hpp.
  huge_movable,
  passed_over,
  balloon,
  /// The memory block's own memory map: it goes with the block.
  own_memmap,
};
/// How many kinds of pages there are.
inline constexpr std::size_t nr_page_kinds = 21;

/// Whether memory without the page can be had.
enum class Movability : std::uint8_t { hole, free, movable, unmovable, unknown };
/// How many of them there are.
inline constexpr std::size_t nr_movabilities = 5;

/// Returns the name of a kind of page.
[[nodiscard]] constexpr std::string_view to_string(PageKind kind) {
  constexpr std::array<std::string_view, nr_page_kinds> names{"hole",
                                                              "free",
                                                              "free, on a per-CPU list",
                                                              "page cache",
                                                              "anonymous",
                                                              "mapped",
                                                              "slab",
                                                              "page table",
                                                              "reserved",
                                                              "hugetlb",
                                                              "kernel compound page",
                                                              "offline: balloon or virtio-mem",
                                                              "hardware poison",
                                                              "zero page",
                                                              "kernel page",
                                                              "unknown: kernel or off its LRU",
                                                              "unknown: kernel or per-CPU list",
                                                              "hugetlb, can move",
                                                              "offline or poisoned: passed over",
                                                              "offline: a balloon's",
                                                              "the block's own memory map"};
  return names[static_cast<std::size_t>(kind)];
}

/// Returns whether memory without a page of this kind can be had.
[[nodiscard]] constexpr Movability movability(PageKind kind) {
  switch (kind) {
    case PageKind::hole:
      return Movability::hole;
    case PageKind::free:
    case PageKind::per_cpu:
      return Movability::free;
    case PageKind::page_cache:
    case PageKind::anonymous:
    case PageKind::mapped:
    case PageKind::huge_movable:
    case PageKind::passed_over:
    case PageKind::own_memmap:
      return Movability::movable;
    case PageKind::off_lru:
    case PageKind::unknown:
      return Movability::unknown;
    default:
      return Movability::unmovable;
  }
}

/// Classifies the words of /proc/kpageflags one after the other, from the lowest pfn up: a tail is
/// what its head is.
class PageClassifier {
 public:
  /// Classifies the next @p nr_pages pages, all of which have the same word.
  [[nodiscard]] PageKind operator()(std::uint64_t flags, std::uint64_t nr_pages = 1) {
    const bool is_tail = (flags & kpf::compound_tail) != 0;
    PageKind kind = by_own_flags(flags);
    if (is_tail && kind == PageKind::unknown) {
      kind = head_;
      if (head_ == PageKind::unknown) nr_lone_tails_ += nr_pages;
    }
    if (!is_tail) head_ = (flags & kpf::compound_head) != 0 ? kind : PageKind::unknown;
    return kind;
  }

  /// Returns how many tails had no head; they count as unknown.
  [[nodiscard]] std::uint64_t nr_lone_tails() const { return nr_lone_tails_; }

 private:
  [[nodiscard]] static PageKind by_own_flags(std::uint64_t flags) {
    const auto has = [flags](std::uint64_t bits) { return (flags & bits) != 0; };
    if (has(kpf::nopage)) return PageKind::hole;
    if (has(kpf::reserved)) return PageKind::reserved;
    if (has(kpf::hwpoison)) return PageKind::poisoned;
    if (has(kpf::offline)) return PageKind::offline;
    if (has(kpf::slab)) return PageKind::slab;
    if (has(kpf::pgtable)) return PageKind::page_table;
    if (has(kpf::huge)) return PageKind::hugetlb;
    if (has(kpf::buddy)) return PageKind::free;
    if (has(kpf::zero_page)) return PageKind::zero_page;
    if (has(kpf::compound_tail)) return PageKind::unknown;  // until its head is asked
    if (has(kpf::lru)) return has(kpf::anon) ? PageKind::anonymous : PageKind::page_cache;
    if (has(kpf::anon | kpf::ksm | kpf::swapcache)) return PageKind::anonymous;
    if (has(kpf::mmap)) return PageKind::mapped;
    if (has(kpf::cache_bits)) return PageKind::off_lru;
    if (has(kpf::compound_head)) return PageKind::compound;
    return (flags & ~kpf::idle) != 0 ? PageKind::kernel : PageKind::unknown;
  }

  PageKind head_ = PageKind::unknown;
  std::uint64_t nr_lone_tails_ = 0;
};

/// A file of native 64-bit words, one for each pfn from 0. Most words are those of no memory if
/// memory begins at a high address; they take no room.
class PageWords {
 public:
  PageWords() = default;

  /// Takes a file that was read as a whole. Throws as finish() does.
  PageWords(const InputFile& file) : PageWords{file.name} {  // NOLINT(*-explicit-*): it is the same
    append(file.content);
    finish();
  }

  /// A file to append() to; finish() when all is there.
  explicit PageWords(std::string name) : file_{std::move(name), {}} {}

  /// Adds the words in @p bytes behind the others; a word may be cut by the end.
  void append(std::string_view bytes) {
    if (!torn_.empty()) {  // the first bytes of a word came before
      const std::size_t missing = std::min<std::size_t>(word - torn_.size(), bytes.size());
      torn_ += bytes.substr(0, missing);
      bytes.remove_prefix(missing);
      if (torn_.size() < word) return;
      append_words(torn_);
      torn_.clear();
    }
    const std::size_t whole = bytes.size() / word * word;
    append_words(bytes.substr(0, whole));
    torn_ = bytes.substr(whole);
  }

  /// Throws ParseError if the file is empty or ends inside a word.
  void finish() const {
    if (words_.empty() && torn_.empty()) throw file_.error_at_byte(0, "the file is empty");
    if (torn_.empty()) return;
    throw file_.error_at_byte(words_.size() * word,
                              "the file ends inside a 64-bit word, so it was cut off");
  }

  /// Returns the number of words, which is the first pfn without one.
  [[nodiscard]] std::uint64_t size() const { return words_.size(); }

  [[nodiscard]] std::uint64_t operator[](std::uint64_t pfn) const { return words_[pfn]; }
  /// Returns the words, one for each page from pfn 0.
  [[nodiscard]] const SparseArray<std::uint64_t>& words() const { return words_; }

  /// Returns the bytes of memory that it takes, about.
  [[nodiscard]] std::uint64_t nr_bytes() const { return words_.nr_bytes(); }

  /// Returns the file's name, as it was given.
  [[nodiscard]] const std::string& name() const { return file_.name; }
  /// Returns the file's name without folders and ending.
  [[nodiscard]] std::string base_name() const { return file_.base_name(); }

  /// Returns the error that @p fault lies at the offset @p byte.
  [[nodiscard]] ParseError error_at_byte(std::uint64_t byte, std::string_view fault) const {
    return file_.error_at_byte(byte, fault);
  }

  static constexpr std::uint64_t word = sizeof(std::uint64_t);  ///< Bytes of a word.

 private:
  void append_words(std::string_view bytes) {
    std::array<std::uint64_t, 512> some{};
    while (!bytes.empty()) {
      const std::size_t size = std::min(bytes.size(), sizeof some);
      std::memcpy(some.data(), bytes.data(), size);
      words_.append(std::span{some}.first(size / word));
      bytes.remove_prefix(size);
    }
  }

  InputFile file_;  // only its name
  SparseArray<std::uint64_t> words_;
  std::string torn_;
};

}  // namespace pageblock
