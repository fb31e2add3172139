// SPDX-License-Identifier: MIT
/// The kernels whose rules unplug follows.
#pragma once

#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/kernels.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/spinlock.hpp"

namespace example {

/// A guest of one thread with a kernel's rules.
template <const pageblock::Semantics& kernel>
struct KernelConfig : pageblock::DefaultConfig {
  static constexpr unsigned nr_cpus = 1;
  static constexpr pageblock::Semantics semantics = kernel;
  using Lock = pageblock::NullLock;
};

/// Calls @p f with the config of the kernel that is called so.
template <typename F>
auto with_kernel(std::string_view name, F f) {
  using namespace pageblock;
  if (name == "v6.1") return f(KernelConfig<kernel::v6_1>{});
  if (name == "v6.12") return f(KernelConfig<kernel::v6_12>{});
  if (name == "v7.2") return f(KernelConfig<kernel::v7_2>{});
  throw std::invalid_argument{fmt::format("no such kernel: {}", name)};
}

}  // namespace example
