// SPDX-License-Identifier: MIT
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "common/json.hpp"
#include "unplug/machine.hpp"

namespace example {

namespace {

std::string mib_text(std::uint64_t pages) {
  return pages != 0 && pages < 256 ? fmt::format("{}K", pages * 4) : fmt::format("{}", pages / 256);
}

// "slab 12, reserved 4": what holds pages, and how many.
std::string shares_text(const std::vector<Share>& shares) {
  std::string text;
  for (const auto& [name, pages] : shares) {
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ", name, mib_text(pages));
  }
  return text;
}

Json shares_json(const std::vector<Share>& shares) {
  Json json = Json::array();
  for (const auto& [name, pages] : shares) json.push_back({{"by", name}, {"pages", pages}});
  return json;
}

}  // namespace

std::string machine_as_text(const MachineAnswer& answer) {
  std::string text = fmt::format(
      "{}: {} MiB of memory, {} MiB of it in ZONE_MOVABLE; {} MiB are free.\n"
      "By the rules of Linux {}{}. Sizes are MiB.\n"
      "{} memory blocks of {} MiB can be tried{}{}.\n\n"
      "{:<10}  {:>5}  {:>7}  {:>7}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}  held by\n",
      answer.source, answer.present / 256, answer.movable / 256, answer.free / 256, answer.kernel,
      answer.because.empty() ? "" : fmt::format(" ({})", answer.because), answer.nr_blocks,
      answer.memory_block / 256,
      answer.not_tried.empty() ? "" : "; the others cannot: ", shares_text(answer.not_tried), "by",
      "step", "wanted", "back", "%", "tries", "failed", "moved", "dropped");
  for (const MachineRow& row : answer.rows) {
    const std::uint64_t share = share_back(row);
    text += fmt::format(
        "{:<10}  {:>5}  {:>7}  {:>7}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}  {}\n",
        to_string(row.mechanism), row.step == 1 ? "page" : mib_text(row.step), mib_text(row.wanted),
        mib_text(row.back), fmt::format("{}.{}", share / 10, share % 10), row.tries, row.failed,
        mib_text(row.moved), mib_text(row.dropped), row.held.empty() ? "-" : shares_text(row.held));
  }
  for (const auto& [mechanism, why] : answer.untold) {
    text += fmt::format("{:<10}  cannot be told: {}\n", to_string(mechanism), why);
  }
  text += "\nWhat to know of these numbers:\n";
  for (const std::string& note : answer.notes) text += fmt::format("- {}\n", note);
  return text;
}

std::string machine_as_csv(const MachineAnswer& answer) {
  std::string text =
      "kernel,by,step,wanted,back,back_thousandths,tries,failed,moved,dropped,held\n";
  for (const MachineRow& row : answer.rows) {
    std::string held;
    for (const auto& [name, pages] : row.held) {
      held += fmt::format("{}{}={}", held.empty() ? "" : "; ", name, pages);
    }
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},\"{}\"\n", answer.kernel,
                        to_string(row.mechanism), row.step, row.wanted, row.back, share_back(row),
                        row.tries, row.failed, row.moved, row.dropped, held);
  }
  return text;
}

std::string machine_as_json(const MachineAnswer& answer) {
  Json document = json_document("unplug_from", 1);
  document["source"] = answer.source;
  document["kernel"] = answer.kernel;
  document["because"] = answer.because.empty() ? Json(nullptr) : Json(answer.because);
  document["present"] = answer.present;
  document["movable"] = answer.movable;
  document["free"] = answer.free;
  document["memory_block"] = answer.memory_block;
  document["blocks"] = answer.nr_blocks;
  document["not_tried"] = shares_json(answer.not_tried);
  document["rows"] = Json::array();
  for (const MachineRow& row : answer.rows) {
    document["rows"].push_back({{"by", std::string{to_string(row.mechanism)}},
                                {"step", row.step},
                                {"wanted", row.wanted},
                                {"back", row.back},
                                {"tries", row.tries},
                                {"failed", row.failed},
                                {"moved", row.moved},
                                {"dropped", row.dropped},
                                {"held", shares_json(row.held)}});
  }
  document["untold"] = Json::array();
  for (const auto& [mechanism, why] : answer.untold) {
    document["untold"].push_back({{"by", std::string{to_string(mechanism)}}, {"why", why}});
  }
  document["notes"] = answer.notes;
  return to_text(document);
}

}  // namespace example
