// SPDX-License-Identifier: MIT
// Compiles with nothing of pageblock in sight but the single header.
#include <pageblock_single.hpp>

int main() {}
