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
  CHECK(fault_of("memory1\n") == "blocks:1: memory1 lacks state or phys_index");
  CHECK(fault_of("memory1 state=online phys_index=1\n") ==
        "blocks: no line says how large a block is (block_size_bytes)");
  CHECK(fault_of("block_size_bytes 800\n") == "blocks:1: 0x800 bytes are no power of two of pages");
  CHECK(fault_of(head) == "blocks: no memory block is listed");
  CHECK(fault_of(head + "memory1 online\n") == "blocks:2: 'online' has no '='");
  CHECK(fault_of(head + "memory1 state=online\n") == "blocks:2: memory1 lacks state or phys_index");
  CHECK(fault_of(head + "memory1 state=online phys_index=2\n") ==
        "blocks:2: memory1 has phys_index 2");
  CHECK(fault_of(head + "memory1 state=online phys_index=1\nmemory01 state=online phys_index=1\n")
            .starts_with("blocks:3: memory"));
  CHECK(fault_of(head + "memory18446744073709551615 state=online phys_index=ffffffffffffffff\n") ==
        "blocks:2: memory18446744073709551615 lies beyond any address");
}

TEST_CASE("parse_memory_blocks knows the zone and the node of a block", "[memory_blocks]") {
  const auto memory = parse_memory_blocks(
      InputFile{"blocks",
                "block_size_bytes 8000000\n"
                "memory32 state=online phys_index=00000020 valid_zones=Normal Movable node=1\n"
                "memory33 state=online phys_index=00000021 valid_zones=none\n"});
  CHECK(memory.blocks[0].zone == "Normal");
  CHECK(memory.blocks[0].node == 1U);
  CHECK(memory.blocks[1].zone.empty());
  CHECK_FALSE(memory.blocks[1].node.has_value());
}

TEST_CASE("parse_memory_blocks reads what lsmem prints", "[memory_blocks]") {
  const std::string all =
      "$ lsmem --split ZONES --output-all\n"
      "RANGE                                  SIZE  STATE REMOVABLE BLOCK NODE   ZONES\n"
      "0x0000000000000000-0x0000000007ffffff  128M online       yes     0    0    None\n"
      "0x0000000100000000-0x000000010fffffff  256M online       yes 32-33    1 Movable\n"
      "0x0000000110000000-0x0000000117ffffff  128M offline           34\n"
      "\n"
      "Memory block size:       128M\n"
      "Total online memory:     384M\n"
      "Total offline memory:    128M\n";
  SkippedLines skipped;
  const auto memory = parse_memory_blocks(InputFile{"blocks", all}, 4096, &skipped);
  CHECK(skipped.first() == std::vector<std::size_t>{1});
  CHECK(memory.nr_pages == 32768);
  REQUIRE(memory.blocks.size() == 4);
  CHECK(memory.blocks[0].zone.empty());
  CHECK(memory.blocks[2].name == "memory33");
  CHECK(memory.blocks[2].range == PfnRange{Pfn{0x108000}, Pfn{0x110000}});
  CHECK(memory.blocks[2].zone == "Movable");
  CHECK(memory.blocks[2].node == 1U);
  CHECK(memory.blocks[2].line == 4);
  CHECK_FALSE(memory.blocks[3].is_online());

  SECTION("without the summary the numbers of blocks say how large one is") {
    const auto few = parse_memory_blocks(
        InputFile{"blocks",
                  "RANGE SIZE STATE REMOVABLE BLOCK\n"
                  "0x0000000100000000-0x000000013fffffff 1G online yes 32-39\n"});
    CHECK(few.nr_pages == 32768);
    CHECK(few.blocks.size() == 8);
  }
  SECTION("JSON and pairs say the same, without a summary") {
    const std::string json =
        "$ lsmem -J --output-all\n"
        "{\n"
        "   \"memory\": [\n"
        "      {\n"
        "         \"range\": \"0x0000000000000000-0x0000000007ffffff\",\n"
        "         \"size\": \"128M\",\n"
        "         \"state\": \"online\",\n"
        "         \"removable\": true,\n"
        "         \"block\": \"0\",\n"
        "         \"node\": 0,\n"
        "         \"zones\": \"None\"\n"
        "      },{\n"
        "         \"range\": \"0x0000000100000000-0x000000010fffffff\", \"state\": \"online\",\n"
        "         \"block\": \"32-33\", \"node\": \"1\", \"zones\": \"Movable\"\n"
        "      },\n"
        "{\"range\":\"0x0000000110000000-0x0000000117ffffff\",\"state\":\"offline\",\"removable\":"
        "null,"
        "\"block\":\"34\",\"node\":null,\"zones\":null}\n"
        "   ]\n"
        "}\n";
    const std::string pairs =
        "$ lsmem -P\n"
        "RANGE=\"0x0000000000000000-0x0000000007ffffff\" STATE=\"online\" REMOVABLE=\"yes\" "
        "BLOCK=\"0\" NODE=\"0\" ZONES=\"None\"\n"
        "RANGE=\"0x0000000100000000-0x000000010fffffff\" STATE=\"online\" BLOCK=\"32-33\" "
        "NODE=\"1\" ZONES=\"Movable\"\n"
        "RANGE=\"0x0000000110000000-0x0000000117ffffff\" STATE=\"offline\" REMOVABLE=\"\" "
        "BLOCK=\"34\" NODE=\"\" ZONES=\"\"\n";
    for (const std::string& text : {json, pairs}) {
      SkippedLines passed_over;
      const auto same = parse_memory_blocks(InputFile{"blocks", text}, 4096, &passed_over);
      CHECK(passed_over.first() == std::vector<std::size_t>{1});
      CHECK(same.nr_pages == 32768);
      REQUIRE(same.blocks.size() == 4);
      for (std::size_t i = 0; i < 4; ++i) {
        CHECK(same.blocks[i].name == memory.blocks[i].name);
        CHECK(same.blocks[i].range == memory.blocks[i].range);
        CHECK(same.blocks[i].zone == memory.blocks[i].zone);
        CHECK(same.blocks[i].is_online() == memory.blocks[i].is_online());
      }
      CHECK(same.blocks[2].node == 1U);
    }
    CHECK(fault_of("{\"memory\": [{\"range\": \"0x0-0x7ffffff\", \"block\": \"0\"}]}\n") ==
          "blocks:1: no STATE behind the range");
    CHECK(fault_of("\"range\": \"0x0\n") == "blocks:1: a quotation mark is missing");
    CHECK(fault_of("{\"range\": \"128M\"}\n") == "blocks:1: expected '0x<start>-0x<end>'");
    CHECK(fault_of("{\"range\": \"0x0-0xffffffffffffffff\"}\n") ==
          "blocks:1: no machine has that much memory");
  }
  SECTION("what cannot be is refused") {
    const std::string head = "RANGE SIZE STATE\n";
    CHECK(fault_of(head + "0x0-0x7ffffff 128M online\n") ==
          "blocks:2: neither 'Memory block size' nor a column BLOCK says how large a block is");
    CHECK(fault_of(head + "0x0-0x7fffffe 128M online\nMemory block size: 128M\n") ==
          "blocks:2: the range is not one of whole blocks");
    CHECK(fault_of(head + "0x8000000-0x7ffffff 128M online\n") ==
          "blocks:2: the range ends before it begins");
    CHECK(fault_of(head + "0x0-0x7ffffff 128M online\n0x0-0x7ffffff 128M online\n"
                          "Memory block size: 128M\n") == "blocks:3: memory0 is listed twice");
  }
}

TEST_CASE("parse_memory_blocks reads what grep prints of the folder in sysfs", "[memory_blocks]") {
  const std::string folder = "/sys/devices/system/memory/";
  const std::string attributes =
      folder + "memory32/phys_index:00000020\n" + folder + "memory32/state:online\n" + folder +
      "memory32/valid_zones:Normal Movable\n" + "grep: " + folder +
      "memory32/node1: Is a directory\n" + "grep: " + folder + "memory32/power: Is a directory\n" +
      folder + "memory4/state:offline\n" + folder + "memory4/phys_index:4\n";
  const auto memory =
      parse_memory_blocks(InputFile{"blocks", folder + "block_size_bytes:8000000\n" + attributes});
  REQUIRE(memory.blocks.size() == 2);
  CHECK(memory.blocks[0].name == "memory4");
  CHECK_FALSE(memory.blocks[0].is_online());
  CHECK(memory.blocks[1].zone == "Normal");
  CHECK(memory.blocks[1].node == 1U);

  const auto list = parse_memory_block_list(InputFile{"blocks", attributes});
  CHECK_FALSE(list.block_bytes.has_value());
  CHECK(list.blocks.size() == 2);
  CHECK(list.skipped.count() == 0);
  CHECK(fault_of(folder + "memory4/removable:1\n") == "blocks:1: memory4 lacks state");
  CHECK(fault_of(attributes + attributes) == "blocks:9: memory32 is listed twice");
  CHECK(fault_of(folder + "memory4/phys_index:5\n") == "blocks:1: memory4 has phys_index 5");
}

}  // namespace pageblock::test::memory_blocks_cases
