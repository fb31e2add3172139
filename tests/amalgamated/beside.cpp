// SPDX-License-Identifier: MIT
// Compiled with the headers in sight, the single header first or last: in either order both can be included.
#ifdef SINGLE_FIRST
#include <pageblock_single.hpp>
#endif
#include <pageblock/lab/verify.hpp>
#include <pageblock/pageblock.hpp>
#ifndef SINGLE_FIRST
#include <pageblock_single.hpp>
#endif

int main() {
  const pageblock::Zone<> zone{{.spanned_pages = 16384}};
  fmt::print("{}", pageblock::buddyinfo(zone));
  return pageblock::verify(zone).empty() ? 0 : 1;
}
