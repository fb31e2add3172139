// SPDX-License-Identifier: MIT
#include "pageblock/io/text/memory_blocks.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::memory_blocks_cases {

namespace {

std::string fault_of(const std::string& content) {
  return test::fault_in([&] { return parse_memory_blocks(InputFile{"blocks", content}); });
}

}  // namespace

TEST_CASE("parse_memory_blocks reads blocks and sorts them by number", "[memory_blocks]") {
  const auto memory = parse_memory_blocks(
      InputFile{"blocks",
                "block_size_bytes 8000000\n"
                "memory32 state=online removable=1 phys_index=00000020 valid_zones=Normal Movable\n"
                "\n"
                "memory4 state=offline removable=0 phys_index=00000004 valid_zones=none\n"});
  CHECK(memory.nr_pages == 32768);
  REQUIRE(memory.blocks.size() == 2);
  CHECK(memory.blocks[0].name == "memory4");
  CHECK(memory.blocks[0].range == PfnRange{Pfn{0x20000}, Pfn{0x28000}});
  CHECK_FALSE(memory.blocks[0].is_online());
  CHECK(memory.blocks[0].line == 4);
  CHECK(memory.blocks[1].range == PfnRange{Pfn{0x100000}, Pfn{0x108000}});
  CHECK(memory.blocks[1].is_online());
}

TEST_CASE("parse_memory_blocks names the line of what is wrong", "[memory_blocks]") {
  const std::string head = "block_size_bytes 8000000\n";
  CHECK(fault_of("") == "blocks: the file is empty");
  CHECK(fault_of("memory1\n") == "blocks:1: expected 'block_size_bytes <hex number>'");
  CHECK(fault_of("block_size_bytes 800\n") == "blocks:1: 0x800 bytes are no power of two of pages");
  CHECK(fault_of(head) == "blocks: no memory block is listed");
  CHECK(fault_of(head + "disk1 state=online\n") == "blocks:2: expected 'memory<number> state=...'");
  CHECK(fault_of(head + "memory1 online\n") == "blocks:2: 'online' has no '='");
  CHECK(fault_of(head + "memory1 state=online\n") == "blocks:2: memory1 lacks state or phys_index");
  CHECK(fault_of(head + "memory1 state=online phys_index=2\n") ==
        "blocks:2: memory1 has phys_index 2");
  CHECK(fault_of(head + "memory1 state=online phys_index=1\nmemory01 state=online phys_index=1\n")
            .starts_with("blocks:3: memory"));
  CHECK(fault_of(head + "memory18446744073709551615 state=online phys_index=ffffffffffffffff\n") ==
        "blocks:2: memory18446744073709551615 lies beyond any address");
}

}  // namespace pageblock::test::memory_blocks_cases
