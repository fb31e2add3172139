// SPDX-License-Identifier: MIT
/// An experiment: a few steps that kernels make different things of.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/kernels.hpp"

#include "kernel_versions/story.hpp"

namespace pageblock::experiments {

/// The kernels that are compared, oldest first. A further one is a further line.
inline constexpr std::array kernels{
    kernel::v3_6, kernel::v6_1, kernel::v6_12, kernel::v6_18, kernel::v7_2,
};

/// Returns a kernel's name: v6.1.
[[nodiscard]] inline std::string name_of(const Semantics& kernel) {
  return fmt::format("v{}.{}", kernel.major, kernel.minor);
}

/// What is the same of all kernels: a number, a question, and what answers it.
struct Experiment {
  std::string_view id;
  std::string_view question;
  /// For each of kernels: runs the steps, and returns the outcome in a few words.
  std::array<std::string (*)(Story&), kernels.size()> in;
};

/// Runs steps that are a lambda template over the kernel.
template <typename Steps, std::size_t nr>
std::string run_in(Story& story) {
  return Steps{}.template operator()<kernels[nr]>(story);
}

/// Returns an experiment with such steps.
template <typename Steps>
[[nodiscard]] constexpr Experiment experiment(std::string_view id, std::string_view question,
                                              Steps) {
  return []<std::size_t... nr>(std::string_view its_id, std::string_view its_question,
                               std::index_sequence<nr...>) {
    return Experiment{its_id, its_question, {&run_in<Steps, nr>...}};
  }
  (id, question, std::make_index_sequence<kernels.size()>{});
}

/// By what they are about, and all of them in the order of their numbers.
[[nodiscard]] std::vector<Experiment> experiments_with_blocks();
[[nodiscard]] std::vector<Experiment> experiments_with_ranges();
[[nodiscard]] std::vector<Experiment> experiments_with_lists();
[[nodiscard]] std::vector<Experiment> experiments_with_requests();
[[nodiscard]] std::vector<Experiment> all_experiments();

}  // namespace pageblock::experiments
