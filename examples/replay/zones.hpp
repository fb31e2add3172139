// SPDX-License-Identifier: MIT
/// Predicts which zone serves a request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/pageblock.hpp"

#include "replay/machine.hpp"
#include "replay/result.hpp"

namespace example {

/// Asks a machine's zones as the kernel does, from the highest that a request may use downward, and
/// follows what decides: free pages, watermarks, what steals add to them, and reserves. A zone is
/// predicted if all that the trace leaves open leads to it, else the reason is counted.
class ZoneForecaster {
 public:
  struct Shown {
    bool limits = true;   ///< of per-CPU lists, when they are set
    bool reclaim = true;  ///< when kswapd begins and ends to reclaim
  };

  ZoneForecaster(ReplayMachine& machine, ReplayResult& result, Shown shown);

  /// Says that memory came or went before now: watermarks and reserves follow it.
  void follow_memory();

  /// Says that the limits of per-CPU lists are set: they show whether the watermarks are known.
  void check_limits();

  /// kswapd takes back what steals had added to the watermarks when it began.
  void follow(const pageblock::recorded::Reclaim& reclaim);

  /// Counts what an operation has changed of a zone's free pages, in steps that are all the same.
  /// Whether a CPU tells the zone at once or keeps a difference to itself depends on them; 0: no
  /// matter how many, the steps are not known.
  void count_free(std::size_t zone, pageblock::Cpu cpu, std::int64_t change, std::int64_t step);

  /// Compares the zone that would serve a request next with the one that did.
  void compare(const pageblock::recorded::Operation& operation,
               const pageblock::recorded::Allocation& request, bool is_captured,
               const ReplayZone& observed);

 private:
  struct Request {
    pageblock::Cpu cpu{};
    pageblock::Order order{};
    pageblock::Gfp gfp{};
  };
  /// The zones that may serve it.
  struct Possible {
    unsigned zones = 0;       // a bit for each type
    bool any = false;         // no zone is sure to, so others may
    std::string_view reason;  // of the first doubt
    void doubt(std::string_view why) {
      if (reason.empty()) reason = why;
    }
  };
  /// What a CPU has not yet told a zone of its free pages is between these, and maybe 0: it tells all
  /// now and then.
  struct Unseen {
    std::int64_t least = 0;
    std::int64_t most = 0;
  };
  using Boosts = std::array<std::uint64_t, pageblock::max_nr_zones>;

  void follow_thresholds();
  [[nodiscard]] Unseen unseen(std::size_t zone) const;
  [[nodiscard]] std::vector<std::uint64_t> managed_pages();
  bool ask(const Request& request, unsigned flags, Possible& possible);
  [[nodiscard]] Possible ask(const Request& request, bool for_writing);
  void note_miss(std::size_t line, const Request& request, const Possible& possible,
                 const ReplayZone& observed);

  ReplayMachine& machine_;
  ReplayResult& result_;
  Shown shown_;
  std::vector<std::uint64_t> managed_;  // that the watermarks are for
  bool has_huge_pages_ = false;
  bool knows_watermarks_ = true;
  std::vector<std::int64_t> thresholds_;     // of each zone: a CPU tells what is above at once
  std::vector<std::vector<Unseen>> unseen_;  // of each zone and CPU
  Boosts boosts_{};                          // when kswapd began
};

}  // namespace example
