// SPDX-License-Identifier: MIT
/// An array by page frame number of which large parts are all alike.
///
/// Layer:  io.
/// Kernel: none. Memory may begin at a terabyte, and a file has a word for each page below it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// Values by index from 0. A chunk whose values are all equal takes a few bytes, so what the array
/// costs follows from what differs in it, not from its size.
template <typename T>
class SparseArray {
 public:
  SparseArray() = default;
  /// @p size elements, all of them @p value.
  SparseArray(std::uint64_t size, T value) { assign(size, value); }

  /// Returns the number of elements.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Returns whether it has none.
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Requires: @p index < size().
  [[nodiscard]] T operator[](std::uint64_t index) const {
    const Chunk& chunk = chunks_[index / chunk_size];
    return chunk.values.empty() ? chunk.value : chunk.values[index % chunk_size];
  }

  /// Requires: @p index < size().
  void set(std::uint64_t index, T value) {
    Chunk& chunk = chunks_[index / chunk_size];
    if (chunk.values.empty()) {
      if (chunk.value == value) return;
      chunk.values.assign(chunk_size, chunk.value);
      nr_kept_ += chunk_size;
    }
    chunk.values[index % chunk_size] = value;
  }

  /// Sets [start, end), which lies in the array.
  void fill(std::uint64_t start, std::uint64_t end, T value) {
    while (start < end) {
      const std::uint64_t next = std::min(end, (start / chunk_size + 1) * chunk_size);
      if (start % chunk_size == 0 && next - start == chunk_size) {
        Chunk& chunk = chunks_[start / chunk_size];
        nr_kept_ -= chunk.values.size();
        chunk = {value, {}};
      } else {
        for (std::uint64_t i = start; i < next; ++i) set(i, value);
      }
      start = next;
    }
  }

  /// Makes it an array of @p size times @p value.
  void assign(std::uint64_t size, T value) {
    chunks_.assign((size + chunk_size - 1) / chunk_size, Chunk{value, {}});
    size_ = size;
    nr_kept_ = 0;
  }

  /// Adds @p values behind the others.
  void append(std::span<const T> values) {
    while (!values.empty()) {
      const std::size_t in_chunk = size_ % chunk_size;
      const std::span<const T> part = values.first(std::min(values.size(), chunk_size - in_chunk));
      if (in_chunk == 0) chunks_.push_back({part.front(), {}});
      Chunk& chunk = chunks_.back();
      const auto differs = [&](const T& value) { return value != chunk.value; };
      if (chunk.values.empty() && std::ranges::any_of(part, differs)) {
        chunk.values.assign(chunk_size, chunk.value);
        nr_kept_ += chunk_size;
      }
      if (!chunk.values.empty())
        std::ranges::copy(part, std::span{chunk.values}.subspan(in_chunk).begin());
      size_ += part.size();
      values = values.subspan(part.size());
    }
  }

  /// Returns the first index behind @p index, @p end at most, whose value differs.
  /// Requires: index < end <= size().
  [[nodiscard]] std::uint64_t end_of_run(std::uint64_t index, std::uint64_t end) const {
    const T value = (*this)[index];
    while (index < end) {
      const Chunk& chunk = chunks_[index / chunk_size];
      const std::uint64_t next = std::min(end, (index / chunk_size + 1) * chunk_size);
      if (chunk.values.empty()) {
        if (chunk.value != value) return index;
        index = next;
        continue;
      }
      for (; index < next; ++index) {
        if (chunk.values[index % chunk_size] != value) return index;
      }
    }
    return index;
  }

  /// Calls @p visit(start, end, value) for each run of equal values in [start, end), lowest first.
  /// It may set the values of the run.
  void for_each_run(std::uint64_t start, std::uint64_t end, auto visit) const {
    end = std::min(end, size_);
    while (start < end) {
      const std::uint64_t next = end_of_run(start, end);
      visit(start, next, (*this)[start]);
      start = next;
    }
  }

  /// Returns how many values are kept one by one.
  [[nodiscard]] std::uint64_t nr_kept() const { return nr_kept_; }

  /// Returns the bytes of memory that it takes, about.
  [[nodiscard]] std::uint64_t nr_bytes() const {
    return nr_kept_ * sizeof(T) + chunks_.size() * sizeof(Chunk);
  }

 private:
  static constexpr std::size_t chunk_size = 4096;

  struct Chunk {
    T value{};
    std::vector<T> values;  // empty if all are `value`
  };
  std::vector<Chunk> chunks_;
  std::uint64_t size_ = 0;
  std::uint64_t nr_kept_ = 0;
};

}  // namespace pageblock
