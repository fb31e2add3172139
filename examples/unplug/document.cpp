// SPDX-License-Identifier: MIT
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "common/json.hpp"
#include "unplug/report.hpp"

namespace example {

std::string rows_as_json(std::string_view kernel, const std::vector<Row>& rows) {
  Json document = json_document("unplug", 1);
  document["kernel"] = kernel;
  document["rows"] = Json::array();
  for (const Row& row : rows) {
    const GuestSettings& guest = row.guest;
    Json json{{"by", std::string{to_string(row.mechanism)}},
              {"memory", guest.memory},
              {"boot", guest.boot},
              {"peak", guest.peak},
              {"utilisation", guest.utilisation},
              {"kernel_share", guest.kernel},
              {"cache", guest.cache},
              {"pinned", guest.pinned},
              {"long_term", guest.long_term},
              {"age", guest.age},
              {"online", std::string{to_string(guest.online)}},
              {"ratio", guest.ratio},
              {"sub_block", guest.sub_block},
              {"dimm", guest.dimm},
              {"seed", guest.seed},
              {"movable", row.movable},
              {"refused", row.refused},
              {"free", row.free},
              {"wanted", row.wanted},
              {"back", row.back},
              {"tries", row.tries},
              {"failed", row.failed},
              {"moved", row.moved},
              {"dropped", row.dropped}};
    for (std::size_t i = 0; i < nr_holders; ++i) {
      json["held"][std::string{to_string(static_cast<Holder>(i))}] = row.held[i];
    }
    document["rows"].push_back(std::move(json));
  }
  return to_text(document);
}

std::string rows_as_csv(std::string_view kernel, const std::vector<Row>& rows) {
  std::string text =
      "kernel,by,memory,boot,utilisation,kernel_share,cache,pinned,age,online,ratio,sub_block,dimm,"
      "seed,movable,free,wanted,back,back_thousandths,tries,failed,moved,dropped,held_kernel,"
      "held_pinned,held_no_copy,held_other\n";
  for (const Row& row : rows) {
    const GuestSettings& guest = row.guest;
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", kernel,
        to_string(row.mechanism), guest.memory, guest.boot, guest.utilisation, guest.kernel,
        guest.cache, guest.pinned, guest.age, to_string(guest.online), guest.ratio, guest.sub_block,
        guest.dimm, guest.seed, row.movable, row.free, row.wanted, row.back, share_back(row),
        row.tries, row.failed, row.moved, row.dropped,
        fmt::format("{},{},{},{}", row.held[0], row.held[1], row.held[2], row.held[3]));
  }
  return text;
}

}  // namespace example
