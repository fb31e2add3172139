// SPDX-License-Identifier: MIT
/// Sorting that keeps the order of equals, without std::stable_sort: that of GCC 12's library makes
/// Clang 19 warn in the user's file, of a deprecated function.
///
/// Layer:  base.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// Sorts @p values by @p key_of, those with the lowest key first. A key is a value with an order.
template <typename T, typename KeyOf>
void sort_stably(std::vector<T>& values, KeyOf key_of) {
  std::vector<std::size_t> from(values.size());
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = i;
  std::ranges::sort(from, {}, [&](std::size_t i) {
    return std::pair{std::invoke(key_of, values[i]), i};
  });
  std::vector<T> sorted;
  sorted.reserve(values.size());
  for (const std::size_t i : from) sorted.push_back(std::move(values[i]));
  values = std::move(sorted);
}

}  // namespace pageblock::detail
