// SPDX-License-Identifier: MIT
// How much memory does a guest give back, by which mechanism, and what holds the rest?
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/program.hpp"
#include "common/progress.hpp"
#include "common/read_file.hpp"
#include "unplug/guest.hpp"
#include "unplug/machine.hpp"
#include "unplug/report.hpp"

namespace {

using namespace example;

constexpr std::uint64_t page_size = 4096;

// The parts of "a,b,c".
std::vector<std::string> parts_of(std::string_view option, std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    if (part.empty()) throw UsageError{fmt::format("{} has an empty part", option)};
    parts.emplace_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::uint64_t> numbers_of(std::string_view option, std::string_view text,
                                      std::uint64_t least, std::uint64_t most) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& part : parts_of(option, text)) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc{} || end != part.data() + part.size() || number < least || number > most)
      throw UsageError{
          fmt::format("{}: \"{}\" is no number from {} to {}", option, part, least, most)};
    numbers.push_back(number);
  }
  return numbers;
}

std::vector<std::uint64_t> sub_blocks_of(std::string_view text) {
  std::vector<std::uint64_t> sizes;
  for (const std::string& part : parts_of("--sub-block", text)) {
    const auto bytes = parse_size(part);
    const std::uint64_t pages = bytes.value_or(0) / page_size;
    const bool is_power = pages != 0 && (pages & (pages - 1)) == 0 && *bytes % page_size == 0;
    if (!is_power || pages < 512 || pages > 16384)
      throw UsageError{fmt::format("--sub-block: \"{}\" is none of 2M, 4M, ... 64M", part)};
    sizes.push_back(pages);
  }
  return sizes;
}

// Names by what they stand for.
template <typename Values>
auto named(std::string_view option, std::string_view text, const Values& values) {
  std::vector<typename Values::value_type> found;
  for (const std::string& part : parts_of(option, text)) {
    const auto is_it = [&](auto value) { return to_string(value) == part; };
    const auto it = std::find_if(values.begin(), values.end(), is_it);
    if (it == values.end())
      throw UsageError{fmt::format("{}: nothing is called \"{}\"", option, part)};
    found.push_back(*it);
  }
  return found;
}

std::uint64_t pages_of(std::string_view option, const std::optional<std::uint64_t>& bytes,
                       std::uint64_t otherwise) {
  if (!bytes) return otherwise;
  if (*bytes % page_size != 0) throw UsageError{fmt::format("{} is whole pages", option)};
  return *bytes / page_size;
}

constexpr std::array all_onlines{Online::kernel, Online::movable, Online::contig,
                                 Online::automatic};

}  // namespace

int main(int argc, char** argv) {
  std::string kernel;
  std::string by = "virtio-mem,big-blocks,blocks,dimm,balloon";
  std::string online;
  std::string ratios;
  std::string utilisations;
  std::string sub_blocks = "2M";
  std::string ages;
  std::string svg;
  std::string from;
  std::optional<std::uint64_t> input_limit;
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> boot;
  std::optional<std::uint64_t> dimm;
  std::optional<std::uint64_t> peak;
  std::optional<std::uint64_t> kernel_share;
  std::optional<std::uint64_t> cache;
  std::optional<std::uint64_t> pinned;
  std::optional<std::uint64_t> want;
  std::optional<std::uint64_t> seed;
  bool long_term = false;
  bool json = false;
  bool csv = false;
  Program program{
      {.name = "unplug",
       .usage = {"[OPTION]...", "--from FOLDER [OPTION]..."},
       .about =
           "Fills the memory of a guest, lets it age, and asks memory back by each mechanism: how "
           "much comes back, after how many tries and moves, and what holds the rest?\n\n"
           "With --from the guest is a real one: FOLDER holds what it reports, as for "
           "offline_check, whose collect.sh makes such a folder.\n\n"
           "Options that take a LIST, such as 50,70,90, are tried in all combinations.",
       .more = "Exit status: 0; 1 if FOLDER lacks a file, or a file is damaged or contradicts "
               "another; 2 "
               "if the arguments are wrong.\n"}};
  program.choice("--kernel", kernel_names(), kernel,
                 "whose rules (default v6.1; with --from, those nearest to the guest's own)");
  program.option("--from", "FOLDER", from,
                 "ask a real guest; of the options below, --by, --sub-block, --want, --json, --csv "
                 "and --input-limit go with it");
  program.size("--memory", memory, "the guest (default 4G)");
  program.size("--boot", boot, "of it, what it booted with; the rest was plugged (default 1G)");
  program.option("--by", "LIST", by,
                 "of virtio-mem, big-blocks (of virtio-mem), blocks (offline, by hand), dimm, "
                 "balloon (default all)");
  program.option("--online", "LIST", online,
                 "how plugged memory comes online: of online_kernel, online_movable, online (the "
                 "policy contig-zones), auto-movable (the default)");
  program.option("--ratio", "LIST", ratios,
                 "of auto-movable: percent of ZONE_MOVABLE to what the kernel has (default 301)");
  program.option("--utilisation", "LIST", utilisations,
                 "percent of memory that is in use (default 70)");
  program.option("--sub-block", "LIST", sub_blocks, "of virtio-mem, 2M to 64M (default 2M)");
  program.size("--dimm", dimm, "of a DIMM (default 1G)");
  program.option("--age", "LIST", ages,
                 "requests and frees since the use fell, in percent of the guest's pages (default "
                 "100)");
  program.number("--peak", "PERCENT", peak, 1, 98,
                 "what was in use before the use fell (default 95)");
  program.number("--kernel-share", "PERCENT", kernel_share, 0, 100,
                 "of what is in use, what the kernel has (default 10)");
  program.number("--cache", "PERCENT", cache, 0, 100,
                 "of what is in use, what page cache has (default 40)");
  program.number("--pinned", "THOUSANDTHS", pinned, 0, 1000,
                 "of the pages of programs and page cache, those that somebody else holds "
                 "(default 0)");
  program.flag("--long-term", long_term,
               "they are pinned for long: not in ZONE_MOVABLE, which such pages leave first");
  program.number("--want", "PERCENT", want, 1, 100,
                 "of what is free, what is asked back (default 100)");
  program.number("--seed", "N", seed, 0, ~std::uint64_t{0}, "of all random choices (default 1)");
  program.flag("--json", json, "one JSON document instead of text; sizes are pages");
  program.flag("--csv", csv, "a table for other programs instead of text; sizes are pages");
  program.option("--svg", "FILE", svg, "draw curves of what came back, too");
  program.size("--input-limit", input_limit,
               "what a file of FOLDER may become when it is decompressed (default 512M)");
  return program.run(argc, argv, [&] {
    if (json && csv) throw UsageError{"--json and --csv: one of them"};
    if (!from.empty()) {
      // All that describes a guest that is made.
      const std::array<std::pair<std::string_view, bool>, 14> of_made_guests{
          {{"--memory", memory.has_value()},
           {"--boot", boot.has_value()},
           {"--online", !online.empty()},
           {"--ratio", !ratios.empty()},
           {"--utilisation", !utilisations.empty()},
           {"--dimm", dimm.has_value()},
           {"--age", !ages.empty()},
           {"--peak", peak.has_value()},
           {"--kernel-share", kernel_share.has_value()},
           {"--cache", cache.has_value()},
           {"--pinned", pinned.has_value()},
           {"--long-term", long_term},
           {"--seed", seed.has_value()},
           {"--svg", !svg.empty()}}};
      for (const auto& [option, is_given] : of_made_guests) {
        if (is_given)
          throw UsageError{fmt::format("--from asks a real guest: {} is for others", option)};
      }
      const MachineQuestion question{.folder = from,
                                     .kernel = kernel,
                                     .mechanisms = named("--by", by, all_mechanisms),
                                     .sub_blocks = sub_blocks_of(sub_blocks),
                                     .want = want.value_or(100)};
      const FileReader read{input_limit.value_or(FileReader::default_limit)};
      Progress bar{"shrinking the guest"};
      const MachineAnswer answer = ask_machine(
          question, read, [&bar](std::size_t done, std::size_t all) { bar.update(done, all); });
      print_text(json  ? machine_as_json(answer)
                 : csv ? machine_as_csv(answer)
                       : machine_as_text(answer));
      return 0;
    }
    if (input_limit) throw UsageError{"--input-limit is for --from"};
    const auto otherwise = [](std::string& text, std::string_view usual) {
      if (text.empty()) text = usual;
    };
    otherwise(kernel, "v6.1");
    otherwise(online, "auto-movable");
    otherwise(ratios, "301");
    otherwise(utilisations, "70");
    otherwise(ages, "100");
    GuestSettings settings;
    settings.memory = pages_of("--memory", memory, settings.memory);
    settings.boot = pages_of("--boot", boot, settings.boot);
    settings.dimm = pages_of("--dimm", dimm, settings.dimm);
    settings.peak = peak.value_or(settings.peak);
    settings.kernel = kernel_share.value_or(settings.kernel);
    settings.cache = cache.value_or(settings.cache);
    settings.pinned = pinned.value_or(settings.pinned);
    settings.long_term = long_term;
    settings.want = want.value_or(settings.want);
    settings.seed = seed.value_or(settings.seed);
    constexpr std::uint64_t most_memory = std::uint64_t{1} << 28;  // 1 TiB
    if (settings.memory > most_memory) throw UsageError{"--memory is at most 1T"};

    std::vector<GuestSettings> guests;
    for (const std::uint64_t utilisation : numbers_of("--utilisation", utilisations, 1, 98)) {
      for (const std::uint64_t age : numbers_of("--age", ages, 0, 100'000)) {
        for (const Online how : named("--online", online, all_onlines)) {
          auto all_ratios = numbers_of("--ratio", ratios, 0, 100'000);
          if (how != Online::automatic) all_ratios.resize(1);
          for (const std::uint64_t ratio : all_ratios) {
            for (const std::uint64_t sub_block : sub_blocks_of(sub_blocks)) {
              GuestSettings guest = settings;
              guest.utilisation = utilisation;
              guest.age = age;
              guest.online = how;
              guest.ratio = ratio;
              guest.sub_block = sub_block;
              const std::string problem = problem_of(guest);
              if (!problem.empty()) throw UsageError{problem};
              guests.push_back(guest);
            }
          }
        }
      }
    }
    Progress bar{"shrinking guests"};
    const auto rows =
        make_rows(kernel, guests, named("--by", by, all_mechanisms),
                  [&bar](std::size_t done, std::size_t all) { bar.update(done, all); });
    if (!svg.empty()) write_file(svg, rows_as_svg(kernel, rows));
    if (json) {
      print_text(rows_as_json(kernel, rows));
    } else {
      print_text(csv ? rows_as_csv(kernel, rows) : rows_as_text(kernel, rows));
    }
    return 0;
  });
}
