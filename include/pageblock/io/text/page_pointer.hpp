// SPDX-License-Identifier: MIT
/// Which page a pointer to a page descriptor stands for.
///
/// Layer:  io.
/// Kernel: vmemmap (arch/x86/include/asm/pgtable_64.h), %p (lib/vsprintf.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/log_line.hpp"

namespace pageblock {

/// A page as the log names it.
struct PagePointer {
  /// The address of its descriptor, as text; empty if only a pfn was printed.
  std::string address;
  std::optional<Pfn> pfn;  ///< The page's number, if the text shows it.
  /// The kernel printed the pfn (v5.9); else it follows from the address, on x86-64 without address
  /// randomisation and with 64 bytes a descriptor.
  bool is_pfn_printed = false;
};

/// Reads an address such as "ffffea0001200000". Those that the kernel hid (v4.15) or moved say
/// nothing of the pfn.
[[nodiscard]] inline PagePointer page_pointer(std::string_view text) {
  constexpr std::uint64_t base = 0xffffea0000000000;
  constexpr std::uint64_t size = std::uint64_t{1} << 40;
  constexpr std::uint64_t bytes = 64;
  PagePointer pointer{std::string{text}, {}, false};
  if (text.starts_with("0x")) text.remove_prefix(2);
  const auto address = detail::take_number(text, 16);
  if (address && text.empty() && *address - base < size && (*address - base) % bytes == 0) {
    pointer.pfn = Pfn{(*address - base) / bytes};
  }
  return pointer;
}

}  // namespace pageblock
