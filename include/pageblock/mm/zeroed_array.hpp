/// A fixed array of zeros that the system hands out lazily, and relaxed access to its elements.
///
/// Layer:  mm.
/// Kernel: memory from memblock_alloc(), READ_ONCE() and WRITE_ONCE().
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

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

/// An array of @p T, all zero bits at first. Elements that were never written take no memory, since
/// calloc gets large arrays from the system, which maps zeros only when they are touched.
template <typename T>
requires std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>
class ZeroedArray {
 public:
  ZeroedArray() = default;

  /// Throws std::bad_alloc.
  explicit ZeroedArray(std::size_t size)
      : elements_{size == 0 ? nullptr : static_cast<T*>(std::calloc(size, sizeof(T)))},
        size_{size} {
    if (size != 0 && !elements_) throw std::bad_alloc{};
  }
  ZeroedArray(const ZeroedArray& other) : ZeroedArray(other.size_) {
    // Runs of zeros are not written, so that a copy takes as much memory as what it copies.
    constexpr std::size_t run = std::max<std::size_t>(4096 / sizeof(T), 1);
    for (std::size_t i = 0; i < size_; i += run) {
      const std::size_t bytes = std::min(run, size_ - i) * sizeof(T);
      const auto* from = reinterpret_cast<const unsigned char*>(&other[i]);
      if (std::all_of(from, from + bytes, [](unsigned char byte) { return byte == 0; })) continue;
      std::memcpy(&(*this)[i], from, bytes);
    }
  }
  ZeroedArray(ZeroedArray&& other) noexcept
      : elements_{std::move(other.elements_)}, size_{std::exchange(other.size_, 0)} {}
  ZeroedArray& operator=(ZeroedArray other) noexcept {
    elements_.swap(other.elements_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~ZeroedArray() = default;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return elements_.get()[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return elements_.get()[i]; }
  [[nodiscard]] std::span<const T> span() const { return {elements_.get(), size_}; }

 private:
  struct Free {
    void operator()(T* elements) const { std::free(elements); }
  };
  std::unique_ptr<T, Free> elements_;
  std::size_t size_ = 0;
};

}  // namespace pageblock::detail
