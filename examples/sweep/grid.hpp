// SPDX-License-Identifier: MIT
/// The points of a sweep: every combination of the values of its parameters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace example {

/// What an experiment can be told: a whole number, or one of some words.
struct Parameter {
  std::string name{};
  std::uint64_t usual = 0;  ///< A number, or the place of a word.
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  std::string help{};
  std::vector<std::string> words{};  ///< Empty for numbers.
};

/// A value for each parameter, in the order of the experiment's parameters.
using Values = std::vector<std::uint64_t>;

/// Which values each parameter takes. Points are counted from 0; the last parameter changes fastest. How
/// they are counted does not depend on the order in which options are given.
class Grid {
 public:
  explicit Grid(const std::vector<Parameter>& parameters);

  /// Takes "name=lo:hi:n" (n values from lo to hi), "name=a,b,c" or "name=a". Throws UsageError.
  void sweep(std::string_view text);

  [[nodiscard]] const std::vector<Parameter>& parameters() const { return *parameters_; }
  /// Returns the values of a parameter, by its place.
  [[nodiscard]] const Values& values(std::size_t parameter) const { return values_[parameter]; }
  [[nodiscard]] std::uint64_t nr_points() const;
  [[nodiscard]] Values point(std::uint64_t number) const;

 private:
  const std::vector<Parameter>* parameters_;
  std::vector<Values> values_;
  std::vector<bool> is_given_;
};

}  // namespace example
