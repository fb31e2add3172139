// SPDX-License-Identifier: MIT
/// The result of a call that can be refused: 0 or a negative errno.
///
/// Layer:  base.
/// Kernel: `int ret`, include/uapi/asm-generic/errno-base.h.
#pragma once

#include <string_view>

#include "pageblock/base/format.hpp"

namespace pageblock {

/// Why a call was refused. The values are Linux' errno numbers.
enum class Err { noent = 2, intr = 4, again = 11, nomem = 12, busy = 16, inval = 22, nospc = 28 };

/// The kernel's `int` result. Compare it with `ok` or `-Err::busy`; there is no conversion to bool,
/// since C (nonzero fails) and C++ (true succeeds) read one in opposite ways.
class [[nodiscard]] Status {
 public:
  constexpr Status() = default;

  /// Returns the kernel's number: 0, or a negative errno such as -16.
  [[nodiscard]] constexpr int to_errno() const { return errno_; }

  friend constexpr bool operator==(Status, Status) = default;

 private:
  friend constexpr Status operator-(Err err);
  explicit constexpr Status(int negative_errno) : errno_{negative_errno} {}

  int errno_ = 0;
};

/// Returns the refusal for this reason: `return -Err::busy;`.
[[nodiscard]] constexpr Status operator-(Err err) { return Status{-static_cast<int>(err)}; }

/// Success.
inline constexpr Status ok{};

/// Returns "ok", "-EBUSY" and so on.
[[nodiscard]] constexpr std::string_view to_string(Status status) {
  if (status == -Err::noent) return "-ENOENT";
  if (status == -Err::intr) return "-EINTR";
  if (status == -Err::again) return "-EAGAIN";
  if (status == -Err::nomem) return "-ENOMEM";
  if (status == -Err::busy) return "-EBUSY";
  if (status == -Err::inval) return "-EINVAL";
  if (status == -Err::nospc) return "-ENOSPC";
  return "ok";
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::Status> : pageblock::detail::ToStringFormatter {};
