// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "cma_trouble/report.hpp"

namespace example {

using namespace pageblock;

namespace {

std::string size_text(std::uint64_t pages) {
  const std::uint64_t kib = pages * 4;
  return kib % 1024 == 0 ? fmt::format("{} MiB", kib / 1024) : fmt::format("{} KiB", kib);
}

std::string place_text(const Candidate& candidate) {
  std::string text = fmt::format("  {:#x}: ", candidate.range);
  text += candidate.status == ok ? std::string{"served"}
                                 : fmt::format("{}, refused {}", candidate.status, candidate.stage);
  text += fmt::format("; {} moved, {} dropped", candidate.nr_migrated, candidate.nr_reclaimed);
  for (const Blocker& blocker : candidate.blockers) text += fmt::format("; {}", blocker);
  return text + '\n';
}

}  // namespace

std::string rows_as_text(std::string_view kernel, const BoardSettings& settings,
                         const std::vector<Row>& rows) {
  std::string text = fmt::format(
      "{}: {} of memory with a CMA area of {}, {} % of it held by other buffers. Page cache has {} "
      "of\n"
      "the area's {} pages. Each row: averages of {} requests, each with other pages pinned.\n\n"
      "{:>8}  {:<5}  {:>4}  {:>6}  {:>8}  {:>8}  {:>7}  {:>8}  {:>14}\n",
      kernel, size_text(settings.memory_pages), size_text(rows.front().area_pages),
      settings.held_percent, rows.front().lent, rows.front().area_pages, rows.front().tries,
      "request", "align", "pins", "served", "no place", "places", "moved", "dropped",
      "copies in vain");
  for (const Row& row : rows) {
    const auto share = [&](std::uint64_t part) {
      return fmt::format("{} %", (100 * part + row.tries / 2) / row.tries);
    };
    const auto average = [&](std::uint64_t sum) {
      const std::uint64_t tenths = (10 * sum + row.tries / 2) / row.tries;
      return fmt::format("{}.{}", tenths / 10, tenths % 10);
    };
    text +=
        fmt::format("{:>8}  {:<5}  {:>4}  {:>6}  {:>8}  {:>8}  {:>7}  {:>8}  {:>14}\n",
                    size_text(row.request.pages), to_string(row.request.alignment),
                    row.request.pins, share(row.served), share(row.no_place), average(row.places),
                    average(row.moved), average(row.dropped), average(row.in_vain));
  }
  return text;
}

std::string outcome_as_text(const Request& request, const Outcome& outcome) {
  std::string text = outcome.boot_log;
  text += fmt::format(
      "A request for {} pages, alignment {}. Page cache has {} pages of the area; {} are pinned.\n",
      request.pages, to_string(request.alignment), outcome.lent, outcome.pinned);
  text += fmt::format("{}\n", outcome.attempt);
  constexpr std::size_t most = 20;
  const auto& places = outcome.attempt.candidates;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places.size() > most && i == most / 2) {
      text += fmt::format("  ... {} places more\n", places.size() - most);
      i = places.size() - most / 2;
    }
    text += place_text(places[i]);
  }
  return text + outcome.failure_log;
}

}  // namespace example
