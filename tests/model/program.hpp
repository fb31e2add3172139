// SPDX-License-Identifier: MIT
/// A program of operations, and a run of it on a zone beside the naive model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/isolation/isolate_notifier.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/zone.hpp"

#include "model/naive_call.hpp"
#include "model/page_owner.hpp"
#include "model/zone_image.hpp"
#include "support/operation.hpp"

namespace pageblock::test {

/// The config of a model test, with locks that watch how they are used.
template <unsigned MaxOrder, unsigned PageblockOrder>
struct ModelConfig : DefaultConfig {
  static constexpr unsigned max_order = MaxOrder;
  static constexpr unsigned pageblock_order = PageblockOrder;
  static constexpr unsigned nr_cpus = 3;
  static constexpr bool checks_free_order = false;  // a naive zone does what the kernel does
  using Lock = CheckedLock;
};

template <unsigned MaxOrder, unsigned PageblockOrder>
struct ModelConfigV6 : ModelConfig<MaxOrder, PageblockOrder> {
  static constexpr Semantics semantics = kernel::v6_1;
};

template <unsigned MaxOrder, unsigned PageblockOrder>
struct ModelConfigV6_12 : ModelConfig<MaxOrder, PageblockOrder> {
  static constexpr Semantics semantics = kernel::v6_12;
};

/// How a zone is made, and what is done with it.
struct Program {
  ZoneLayout layout{};
  /// Registered as notifiers in this order.
  std::vector<PageOwner> owners{};
  std::vector<Operation> operations{};
};

/// Equality with a copy that was made of the zone some operations before.
struct WrongEquality {
  /// How many operations had been done when the copy was made.
  std::size_t copied_after;
  /// What the comparison should have said.
  bool expected;
};

/// Where a zone is not as the model.
struct Failure {
  /// The operations done until it showed; 0 if the new zone is wrong.
  std::size_t nr_operations = 0;
  Result result{};
  Result expected{};
  std::vector<Difference> differences{};
  /// What verify() says of the zone.
  std::vector<std::string> violations{};
  std::optional<WrongEquality> equality{};
};

/// Says in words what is wrong.
[[nodiscard]] inline std::string to_string(const Failure& failure) {
  const auto words = [](const Result& result) {
    return result.is_bug ? std::string{"a broken contract"} : fmt::format("{}", result.value);
  };
  std::string text = fmt::format("after operation {}:\n", failure.nr_operations);
  if (failure.result != failure.expected) {
    text +=
        fmt::format("  it returned {}, not {}\n", words(failure.result), words(failure.expected));
  }
  for (const Difference& difference : failure.differences) {
    text += fmt::format("  {} is {}, not {}\n", difference.question, difference.answer,
                        difference.expected);
  }
  for (const std::string& violation : failure.violations) {
    text += fmt::format("  verify: {}\n", violation);
  }
  if (failure.equality) {
    text += fmt::format("  it should {}equal its copy of after operation {}, with equal hash\n",
                        failure.equality->expected ? "" : "not ", failure.equality->copied_after);
  }
  return text;
}

namespace detail {

// Both zones, and copies of before the last operations.
template <ZoneConfig Config>
class Pair {
 public:
  explicit Pair(Program& program)
      : zone_{program.layout}, naive_{geometry_of<Config>(), program.layout} {
    if constexpr (!is_later<Config>) {
      naive_.owners = program.owners;
      for (PageOwner& owner : program.owners) {
        register_memory_isolate_notifier(zone_, owner.notifier());
      }
    }
  }

  // Does one operation on both; returns what differs then.
  template <typename Perform>
  std::optional<Failure> step(const Operation& op, std::size_t nr_operations,
                              const Perform& perform_on_zone) {
    if (is_unnoticed_misuse(naive_, op)) return std::nullopt;
    copies_.push_back({nr_operations - 1, zone_, naive_});
    if (copies_.size() > 2) copies_.pop_front();
    const Result result = perform_on_zone(zone_, op);
    return compare(nr_operations, result, perform(naive_, op));
  }

  [[nodiscard]] std::optional<Failure> compare(std::size_t nr_operations, const Result& result,
                                               const Result& expected) const {
    Failure failure{nr_operations, result, expected, {}, violations(), {}};
    const ZoneImage image = image_of(zone_);
    const ZoneImage& of_naive = naive_;
    if (image != of_naive) failure.differences = differences(image, of_naive);
    for (const Copy& copy : copies_) {
      const bool should_equal = copy.image == of_naive;
      const bool is_equal = copy.zone == zone_;
      const bool is_same_hash = !is_equal || !hashes_quickly || copy.zone.hash() == zone_.hash();
      // From v6.1 on zones may differ in a private that nothing reads, which images leave out.
      if (is_later<Config> && should_equal && !is_equal) continue;
      if (is_equal == should_equal && is_same_hash) continue;
      if (image == of_naive) failure.equality = WrongEquality{copy.nr_operations, should_equal};
    }
    const bool is_fine =
        result == expected && image == of_naive && failure.violations.empty() && !failure.equality;
    return is_fine ? std::nullopt : std::optional{std::move(failure)};
  }

 private:
  // A hash reads every page up to the next multiple of the largest chunk.
  static constexpr bool hashes_quickly = Config::max_order <= 11;

  // Blocks that were typed isolate by hand are not counted, and verify() says so.
  [[nodiscard]] std::vector<std::string> violations() const {
    std::vector<std::string> all = verify(zone_);
    if constexpr (is_later<Config>) {
      // Nor does what v6.1 counts by a block's type agree with the lists then; the model counts alike.
      std::erase_if(all, [](const std::string& text) { return text.starts_with("NR_FREE_"); });
    }
    if (std::ranges::count(naive_.block_types, MigrateType::isolate) >
        naive_.nr_pageblock_isolate) {
      std::erase_if(all, [](const std::string& violation) {
        return violation.starts_with("pageblocks of type isolate:");
      });
    }
    return all;
  }

  struct Copy {
    std::size_t nr_operations;
    Zone<Config> zone;
    ZoneImage image;
  };

  Zone<Config> zone_;
  NaiveOf<Config> naive_;
  std::deque<Copy> copies_;
};

}  // namespace detail

/// Runs @p program on a zone and beside it on the model, and compares results and every bit of
/// state after each operation. Returns the first failure. @p perform_on_zone does an operation on
/// the zone; a test can plant a mistake there.
template <ZoneConfig Config, typename Perform>
[[nodiscard]] std::optional<Failure> run(Program program, const Perform& perform_on_zone) {
  detail::Pair<Config> pair{program};
  std::size_t nr_operations = 0;
  if (auto failure = pair.compare(nr_operations, {}, {})) return failure;
  for (const Operation& op : program.operations) {
    if (auto failure = pair.step(op, ++nr_operations, perform_on_zone)) return failure;
  }
  return std::nullopt;
}

template <ZoneConfig Config>
[[nodiscard]] std::optional<Failure> run(const Program& program) {
  return run<Config>(program,
                     [](Zone<Config>& zone, const Operation& op) { return perform(zone, op); });
}

}  // namespace pageblock::test
