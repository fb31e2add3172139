// SPDX-License-Identifier: MIT
// How often does a CMA area serve, and what does it take, on a board that page cache has filled?
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cma_trouble/board.hpp"
#include "cma_trouble/report.hpp"
#include "common/program.hpp"
#include "common/progress.hpp"

namespace {

using namespace example;

constexpr std::uint64_t page_size = 4096;
constexpr std::uint64_t pages_per_mib = 256;

std::uint64_t pages_of(const std::optional<std::uint64_t>& bytes, std::uint64_t otherwise) {
  return bytes ? *bytes / page_size + (*bytes % page_size != 0 ? 1 : 0) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  std::string kernel = "v6.1";
  std::string align;  // "all" and none differ with --one
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> area;
  std::optional<std::uint64_t> order_per_bit;
  std::optional<std::uint64_t> free_percent;
  std::optional<std::uint64_t> clean_percent;
  std::optional<std::uint64_t> held_percent;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> request_size;
  std::optional<std::uint64_t> pins;
  std::optional<std::uint64_t> tries;
  bool one = false;
  bool json = false;
  Program program{
      {.name = "cma_trouble",
       .usage = {"[OPTION]...", "--one [OPTION]..."},
       .about =
           "Fills a board's memory with page cache, which borrows the CMA area, pins some of "
           "its pages, and asks the area for contiguous memory: how often is it served, how "
           "many places are tried, and how many pages move?\n\n"
           "With --one it makes a single request, tells every place that was tried and what was "
           "in the way, and prints what the kernel's log says.",
       .more = "Exit status: 0; with --one 1 if the request is refused; 2 if the arguments are "
               "wrong.\n"}};
  program.choice("--kernel", kernel_names(), kernel, "whose rules (default v6.1)");
  program.size("--request", request_size, "a request (default 64 KiB, 512 KiB and 2 MiB in turn)");
  program.choice("--align", {"all", "none", "dma", "size"}, align,
                 "to what it is aligned: none; dma: its size, but 1 MiB at most, as for devices; "
                 "size: its size (default none and dma in turn, with --one dma)");
  program.number("--pins", "N", pins, 0, 1000000,
                 "pinned pages in the area (default 0, 4 and 16 in turn, with --one 16)");
  program.number("--tries", "N", tries, 1, 1000, "requests for each row (default 10)");
  program.flag("--one", one, "one request, told in full");
  program.size("--memory", memory, "memory of the board, 32 MiB to 16 GiB (default 256 MiB)");
  program.size("--area", area, "of the CMA area, made up to whole pageblocks (default 16 MiB)");
  program.number("--order-per-bit", "N", order_per_bit, 0, 9,
                 "2^N pages are a bit of the area's map (default 0)");
  program.number("--free", "N", free_percent, 1, 90, "N % of memory is free (default 10)");
  program.number("--clean", "N", clean_percent, 0, 100,
                 "N % of page cache need not be written: since v3.8 it is dropped (default 50)");
  program.number("--held", "N", held_percent, 0, 99,
                 "other buffers hold N % of the area (default 0)");
  program.number("--seed", "N", seed, 0, 4294967295U, "other numbers are other boards (default 1)");
  program.flag("--json", json, "one JSON document instead of text");
  return program.run(argc, argv, [&] {
    BoardSettings settings;
    settings.memory_pages = pages_of(memory, settings.memory_pages);
    settings.area_pages = pages_of(area, settings.area_pages);
    if (settings.memory_pages < 32 * pages_per_mib ||
        settings.memory_pages > 16 * 1024 * pages_per_mib) {
      throw UsageError{"--memory is 32 MiB to 16 GiB"};
    }
    if (settings.area_pages == 0 || settings.area_pages > settings.memory_pages / 2) {
      throw UsageError{"--area is more than nothing, and at most half of --memory"};
    }
    settings.order_per_bit = static_cast<unsigned>(order_per_bit.value_or(0));
    settings.free_percent = static_cast<unsigned>(free_percent.value_or(settings.free_percent));
    settings.clean_percent = static_cast<unsigned>(clean_percent.value_or(settings.clean_percent));
    settings.held_percent = static_cast<unsigned>(held_percent.value_or(0));
    settings.seed = seed.value_or(settings.seed);
    if (request_size == std::uint64_t{0}) throw UsageError{"--request is more than nothing"};

    std::vector<std::uint64_t> sizes{16, 128, 512};
    if (one) sizes = {512};
    if (request_size) sizes = {pages_of(request_size, 0)};
    std::vector<Alignment> alignments{Alignment::none, Alignment::dma};
    if (one && align == "all") {
      throw UsageError{"--one makes one request, so --align is none, dma or size"};
    }
    if (one || align == "dma") alignments = {Alignment::dma};
    if (align == "none") alignments = {Alignment::none};
    if (align == "size") alignments = {Alignment::size};
    std::vector<std::uint64_t> all_pins{0, 4, 16};
    if (one) all_pins = {16};
    if (pins) all_pins = {*pins};

    std::vector<Request> requests;
    for (const std::uint64_t pages : sizes) {
      for (const Alignment alignment : alignments) {
        for (const std::uint64_t nr_pins : all_pins)
          requests.push_back({pages, alignment, nr_pins});
      }
    }
    if (one) {
      if (tries) throw UsageError{"--one makes one request, so --tries says nothing"};
      const Request& request = requests.front();
      const Outcome outcome = make_request(kernel, settings, request);
      print_text(json ? outcome_as_json(kernel, settings, request, outcome)
                      : outcome_as_text(request, outcome));
      return outcome.attempt.status == pageblock::ok ? 0 : 1;
    }
    Progress bar{"asking for memory"};
    const auto rows =
        make_rows(kernel, settings, requests, tries.value_or(10),
                  [&bar](std::size_t done, std::size_t all) { bar.update(done, all); });
    print_text(json ? rows_as_json(kernel, settings, rows) : rows_as_text(kernel, settings, rows));
    return 0;
  });
}
