// SPDX-License-Identifier: MIT
#include <cstdint>

#include <fmt/format.h>

#include "unplug/report.hpp"

namespace example {

namespace {

std::string size_text(std::uint64_t pages) {
  const std::uint64_t mib = pages / 256;
  return mib % 1024 == 0 && mib != 0 ? fmt::format("{} GiB", mib / 1024)
                                     : fmt::format("{} MiB", mib);
}
std::string step_text(const Row& row) {
  const std::uint64_t pages = step_of(row);
  return pages < 256 ? "page" : fmt::format("{}", pages / 256);
}
std::string mib_text(std::uint64_t pages) { return fmt::format("{}", pages / 256); }

}  // namespace

std::string rows_as_text(std::string_view kernel, const std::vector<Row>& rows) {
  const GuestSettings& guest = rows.front().guest;
  std::string text = fmt::format(
      "{}: a guest of {}, {} of it from boot. It has used {} % of it; of what it uses now, the "
      "kernel has {} %,\n"
      "page cache {} %, programs the rest; {} in 1000 of their pages are pinned{}. Wanted: {} % of "
      "what is free.\n"
      "Sizes are MiB.\n\n"
      "{:<10}  {:<14}  {:>5}  {:>5}  {:>5}  {:>7}  {:>7}  {:>7}  {:>7}  {:>6}  {:>7}  {:>8}  held "
      "by: {}\n",
      kernel, size_text(guest.memory), size_text(guest.boot), guest.peak, guest.kernel, guest.cache,
      guest.pinned, guest.long_term ? " for long" : "", guest.want, "by", "online", "ratio", "used",
      "step", "movable", "free", "wanted", "back", "%", "tries", "moved",
      "kernel, pinned, no copy, other");
  for (const Row& row : rows) {
    const std::uint64_t share = share_back(row);
    const bool has_ratio = row.guest.online == Online::automatic;
    text += fmt::format(
        "{:<10}  {:<14}  {:>5}  {:>3} %  {:>5}  {:>7}  {:>7}  {:>7}  {:>7}  {:>6}  {:>7}  {:>8}  "
        "{}, {}, {}, {}\n",
        to_string(row.mechanism), to_string(row.guest.online),
        has_ratio ? fmt::format("{}", row.guest.ratio) : "-", row.guest.utilisation, step_text(row),
        mib_text(row.movable), mib_text(row.free), mib_text(row.wanted), mib_text(row.back),
        fmt::format("{}.{}", share / 10, share % 10), row.tries, mib_text(row.moved),
        mib_text(row.held[0]), mib_text(row.held[1]), mib_text(row.held[2]), mib_text(row.held[3]));
  }
  text += "\nWhat came back, of what was wanted:\n";
  for (const Row& row : rows) {
    const std::size_t width = share_back(row) / 25;
    text += fmt::format(
        "{:<10}  {:<14}  {:>5}  {:>3} %  {:>5}  |{:<40}|\n", to_string(row.mechanism),
        to_string(row.guest.online),
        row.guest.online == Online::automatic ? fmt::format("{}", row.guest.ratio) : "-",
        row.guest.utilisation, step_text(row), std::string(width, '#'));
  }
  return text;
}

}  // namespace example
