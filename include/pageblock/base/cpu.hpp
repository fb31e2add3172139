// SPDX-License-Identifier: MIT
/// Simulated CPUs.
///
/// Layer:  base.
/// Kernel: smp_processor_id(), which the library never asks: a CPU is an argument.
#pragma once

#include <compare>

#include <fmt/format.h>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// The number of a simulated CPU, from 0.
class Cpu {
 public:
  constexpr Cpu() = default;
  /// The CPU with this number, from 0; a zone has ZoneLayout::nr_cpus of them.
  explicit constexpr Cpu(unsigned id) : id_{id} {}

  /// Returns its number.
  [[nodiscard]] constexpr unsigned id() const { return id_; }

  friend constexpr auto operator<=>(Cpu, Cpu) = default;

 private:
  unsigned id_ = 0;
};

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::Cpu> : formatter<unsigned> {
  template <typename FormatContext>
  auto format(pageblock::Cpu cpu, FormatContext& ctx) const {
    return formatter<unsigned>::format(cpu.id(), ctx);
  }
};
