// SPDX-License-Identifier: MIT
// The least that a user does: include, link, print.
#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

int main() { fmt::print("{} {}\n", pageblock::library_version, pageblock::Pfn{42}); }
