// SPDX-License-Identifier: MIT
#include "pageblock/mm/pageblock_flags.hpp"

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace pageblock::test::pageblock_flags_cases {

using Flags = PageblockFlags<TinyConfig>;

TEST_CASE("PageblockFlags starts with movable blocks", "[pageblock_flags]") {
  const Flags flags{Pfn{0}, 32};
  CHECK(flags.size() == 4);
  for (std::size_t i = 0; i < flags.size(); ++i) CHECK(flags[i] == MigrateType::movable);
}

TEST_CASE("set writes each type to one block", "[pageblock_flags]") {
  for (std::size_t number = 0; number < nr_migratetypes; ++number) {
    const auto type = static_cast<MigrateType>(number);
    Flags flags{Pfn{0}, 32};
    flags.set(Pfn{13}, type);
    CHECK(flags.get(Pfn{8}) == type);
    CHECK(flags.get(Pfn{15}) == type);
    CHECK(flags[1] == type);
    CHECK(flags.get(Pfn{7}) == MigrateType::movable);
    CHECK(flags.get(Pfn{16}) == MigrateType::movable);
  }
}

TEST_CASE("PageblockFlags counts a block that the zone's end cuts", "[pageblock_flags]") {
  CHECK(Flags{Pfn{0}, 17}.size() == 3);
  CHECK(Flags{Pfn{0}, 16}.size() == 2);
  CHECK(Flags{}.size() == 0);
}

TEST_CASE("index counts blocks from the zone's start, aligned or not", "[pageblock_flags]") {
  // pfn      4      8     12     16     20
  // stored   |   block 0   |   block 1   |
  // aligned         |   8 .. 15   |
  Flags flags{Pfn{4}, 16};
  CHECK(flags.size() == 2);
  CHECK(flags.index(Pfn{11}) == 0);
  CHECK(flags.index(Pfn{12}) == 1);
  flags.set(Pfn{12}, MigrateType::isolate);
  CHECK(flags.get(Pfn{11}) == MigrateType::movable);
  CHECK(flags.get(Pfn{19}) == MigrateType::isolate);
}

struct SectionConfig : TinyConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};

TEST_CASE("index counts blocks from pfn 0 where the kernel has sections", "[pageblock_flags]") {
  // pfn      4      8     12     16     20
  // stored   |  0   |  block 1   |  2   |
  PageblockFlags<SectionConfig> flags{Pfn{4}, 16};
  CHECK(flags.size() == 3);
  CHECK(flags.index(Pfn{7}) == 0);
  CHECK(flags.index(Pfn{8}) == 1);
  CHECK(flags.index(Pfn{15}) == 1);
  CHECK(flags.index(Pfn{16}) == 2);
  flags.set(Pfn{15}, MigrateType::isolate);
  CHECK(flags.find_other(Pfn{8}, MigrateType::isolate) == Pfn{16});
}

TEST_CASE("PageblockFlags compares start and types", "[pageblock_flags]") {
  Flags flags{Pfn{0}, 32};
  CHECK(flags == Flags{Pfn{0}, 32});
  CHECK(!(flags == Flags{Pfn{16}, 32}));
  CHECK(!(flags == Flags{Pfn{0}, 40}));
  flags.set(Pfn{31}, MigrateType::cma);
  CHECK(!(flags == Flags{Pfn{0}, 32}));
  flags.set(Pfn{31}, MigrateType::movable);
  CHECK(flags == Flags{Pfn{0}, 32});
}

}  // namespace pageblock::test::pageblock_flags_cases
