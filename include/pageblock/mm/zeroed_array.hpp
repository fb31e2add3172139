// SPDX-License-Identifier: MIT
/// A fixed array of zeros that the system hands out lazily, and relaxed access to its elements.
///
/// Layer:  mm.
/// Kernel: memory from memblock_alloc(), READ_ONCE() and WRITE_ONCE().
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// Reads what another thread may be writing, if threads share it: the kernel's lockless reads,
/// without a data race.
template <bool shared = true, typename T>
[[nodiscard]] T read_once(const T& from) {
  if constexpr (!shared) return from;
  // atomic_ref<const T> comes with C++26; a load does not write.
  return std::atomic_ref<T>{const_cast<T&>(from)}.load(std::memory_order_relaxed);
}

/// Writes what another thread may be reading, if threads share it.
template <bool shared = true, typename T>
void write_once(T& to, std::type_identity_t<T> value) {
  if constexpr (!shared) {
    to = value;
  } else {
    std::atomic_ref<T>{to}.store(value, std::memory_order_relaxed);
  }
}

/// Reads what write_release() wrote, and may then read what was written before that: the kernel's
/// smp_load_acquire() and smp_store_release().
template <bool shared = true, typename T>
[[nodiscard]] T read_acquire(const T& from) {
  if constexpr (!shared) return from;
  return std::atomic_ref<T>{const_cast<T&>(from)}.load(std::memory_order_acquire);
}
template <bool shared = true, typename T>
void write_release(T& to, std::type_identity_t<T> value) {
  if constexpr (!shared) {
    to = value;
  } else {
    std::atomic_ref<T>{to}.store(value, std::memory_order_release);
  }
}

/// An array of @p T, all zero bits at first. Elements that were never written take no memory: large
/// arrays come from the system, which maps zeros where they are touched, and nothing is set aside
/// for what may never be.
template <typename T>
requires std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>
class ZeroedArray {
 public:
  ZeroedArray() = default;

  /// Throws std::bad_alloc.
  explicit ZeroedArray(std::size_t size) {
    if (size == 0) return;
    if (size > ~std::size_t{0} / sizeof(T)) throw std::bad_alloc{};
    const std::size_t bytes = size * sizeof(T);
    void* memory = nullptr;
    if (is_large(size)) {
      memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) throw std::bad_alloc{};
      // Or a touched byte could take 2 MiB.
      static_cast<void>(::madvise(memory, bytes, MADV_NOHUGEPAGE));
    } else {
      memory = std::memset(::operator new(bytes), 0, bytes);
    }
    elements_ = {static_cast<T*>(memory), Free{size}};
    size_ = size;
  }
  ZeroedArray(const ZeroedArray& other) : ZeroedArray(other.size_) { copy(other, 0, size_); }
  ZeroedArray(ZeroedArray&& other) noexcept
      : elements_{std::move(other.elements_)}, size_{std::exchange(other.size_, 0)} {}
  ZeroedArray& operator=(ZeroedArray other) noexcept {
    elements_.swap(other.elements_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~ZeroedArray() = default;

  /// Copies the elements [begin, end), where this array may have zeros so far. Runs of zeros are not
  /// written, so that a copy takes as much memory as what it copies.
  void copy(const ZeroedArray& other, std::size_t begin, std::size_t end) {
    constexpr std::size_t run = std::max<std::size_t>(4096 / sizeof(T), 1);
    for (std::size_t i = begin; i < end; i += run) {
      const std::size_t nr = std::min(run, end - i);
      if (!other.is_zero(i, i + nr)) std::memcpy(&(*this)[i], &other[i], nr * sizeof(T));
    }
  }

  /// Returns whether the elements [begin, end) are zeros. Looks at them all, so many in one instruction.
  [[nodiscard]] bool is_zero(std::size_t begin, std::size_t end) const {
    const auto* const from = reinterpret_cast<const unsigned char*>(elements_.get() + begin);
    unsigned char any = 0;
    for (std::size_t i = 0; i < (end - begin) * sizeof(T); ++i) any |= from[i];
    return any == 0;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return elements_.get()[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return elements_.get()[i]; }
  [[nodiscard]] std::span<const T> span() const { return {elements_.get(), size_}; }

 private:
  [[nodiscard]] static constexpr bool is_large(std::size_t size) {
    return size >= (std::size_t{1} << 16) / sizeof(T);
  }

  struct Free {
    std::size_t size = 0;
    void operator()(T* elements) const {
      if (is_large(size)) {
        ::munmap(elements, size * sizeof(T));
      } else {
        ::operator delete(elements);
      }
    }
  };
  std::unique_ptr<T, Free> elements_;
  std::size_t size_ = 0;
};

}  // namespace pageblock::detail
