// SPDX-License-Identifier: MIT
#include "sweep/grid.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/program.hpp"

namespace example {

namespace {

constexpr std::uint64_t most_points = std::uint64_t{1} << 31;

std::optional<std::uint64_t> parse(std::string_view text) {
  std::uint64_t value = 0;
  const auto [behind, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || behind != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::uint64_t value_of(const Parameter& parameter, std::string_view text) {
  if (!parameter.words.empty()) {
    const auto found = std::ranges::find(parameter.words, text);
    if (found == parameter.words.end()) {
      throw UsageError{fmt::format("{} is {}, not '{}'", parameter.name,
                                   fmt::join(parameter.words, " or "), text)};
    }
    return static_cast<std::uint64_t>(found - parameter.words.begin());
  }
  const auto value = parse(text);
  if (!value || *value < parameter.least || *value > parameter.most) {
    throw UsageError{fmt::format("{} is a whole number, {} to {}, not '{}'", parameter.name,
                                 parameter.least, parameter.most, text)};
  }
  return *value;
}

// Between the ends there are as many values as there is room for.
Values range_of(const Parameter& parameter, const std::vector<std::string_view>& parts) {
  if (!parameter.words.empty() || parts.size() != 3) {
    throw UsageError{fmt::format("{}: a range is lo:hi:n, of numbers", parameter.name)};
  }
  const std::uint64_t low = value_of(parameter, parts[0]);
  const std::uint64_t high = value_of(parameter, parts[1]);
  const std::uint64_t nr = parse(parts[2]).value_or(0);
  if (high < low || nr == 0 || nr - 1 > high - low || (nr == 1 && low != high)) {
    throw UsageError{fmt::format("{}: there are no {} values from {} to {}", parameter.name,
                                 parts[2], low, high)};
  }
  if (nr > most_points) throw UsageError{fmt::format("{}: 2^31 values at most", parameter.name)};
  Values values{low};
  const std::uint64_t steps = std::max<std::uint64_t>(nr - 1, 1);
  const std::uint64_t width = high - low;
  // width * i / steps, without a product that is too large.
  for (std::uint64_t i = 1; i < nr; ++i) {
    values.push_back(low + width / steps * i + width % steps * i / steps);
  }
  return values;
}

}  // namespace

Grid::Grid(const std::vector<Parameter>& parameters)
    : parameters_{&parameters}, is_given_(parameters.size()) {
  for (const Parameter& parameter : parameters) values_.push_back({parameter.usual});
}

void Grid::sweep(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const auto found = std::ranges::find(*parameters_, name, &Parameter::name);
  if (equals == std::string_view::npos || found == parameters_->end()) {
    std::vector<std::string> names;
    for (const Parameter& parameter : *parameters_) names.push_back(parameter.name);
    throw UsageError{fmt::format("--sweep is name=lo:hi:n or name=a,b with one of {}, not '{}'",
                                 fmt::join(names, ", "), text)};
  }
  const auto place = static_cast<std::size_t>(found - parameters_->begin());
  if (is_given_[place]) throw UsageError{fmt::format("{} is given twice", name)};
  is_given_[place] = true;
  const std::string_view list = text.substr(equals + 1);
  Values values;
  if (list.find(':') != std::string_view::npos) {
    values = range_of(*found, split(list, ':'));
  } else {
    for (const std::string_view word : split(list, ',')) {
      const std::uint64_t value = value_of(*found, word);
      if (std::ranges::find(values, value) != values.end()) {
        throw UsageError{fmt::format("{} has {} twice", name, word)};
      }
      values.push_back(value);
    }
  }
  values_[place] = values;
  static_cast<void>(nr_points());  // throws if there are too many
}

std::uint64_t Grid::nr_points() const {
  std::uint64_t nr = 1;
  for (const Values& values : values_) {
    nr *= values.size();
    if (nr > most_points) throw UsageError{"the sweep has more than 2^31 points"};
  }
  return nr;
}

Values Grid::point(std::uint64_t number) const {
  Values values(values_.size());
  for (std::size_t i = values_.size(); i-- > 0;) {
    values[i] = values_[i][number % values_[i].size()];
    number /= values_[i].size();
  }
  return values;
}

}  // namespace example
