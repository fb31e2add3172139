// SPDX-License-Identifier: MIT
// Compiles with nothing of pageblock in sight but the single header, which has lab/ and io/ too.
#include <pageblock_single.hpp>

int main() {
  const pageblock::Zone<> zone{{.spanned_pages = 16384}};
  fmt::print("{}", pageblock::buddyinfo(zone));
  return pageblock::verify(zone).empty() ? 0 : 1;
}
