// SPDX-License-Identifier: MIT
#include "conformance/input.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <unistd.h>
#include <zlib.h>

namespace conformance {
namespace {
constexpr unsigned chunk = 1U << 18;
}  // namespace

void Input::Close::operator()(gzFile_s* file) const { gzclose(file); }

Input::Input(const std::string& path, const InputLimits& limits) : limits_{limits} {
  errno = 0;
  file_.reset(path == "-" ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path.c_str(), "rb"));
  if (!file_) {
    error_ = errno != 0 ? std::strerror(errno) : "cannot open it";
    at_end_ = true;
  } else {
    fill();
  }
}

void Input::fail(std::string why) {
  error_ = std::move(why);
  at_end_ = true;
  buffer_.clear();
  at_ = 0;
}

bool Input::fill() {
  if (at_end_) return false;
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t old = buffer_.size();
  buffer_.resize(old + chunk);
  errno = 0;
  const int got = gzread(file_.get(), buffer_.data() + old, chunk);
  buffer_.resize(old + static_cast<std::size_t>(got > 0 ? got : 0));
  if (got < static_cast<int>(chunk)) {
    at_end_ = true;
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    if (code == Z_ERRNO) text = std::strerror(errno);
    if (code == Z_BUF_ERROR) text = "the compressed data ends early";
    if (code == Z_DATA_ERROR) text = "the compressed data is damaged";
    if (code != Z_OK && code != Z_STREAM_END) error_ = text;
  }
  nr_read_ += buffer_.size() - old;
  if (nr_read_ > limits_.total) {
    fail("it has more than " + std::to_string(limits_.total) + " bytes (--max-size)");
  }
  return got > 0 && !buffer_.empty();
}

std::optional<std::string_view> Input::next_line() {
  std::size_t end = buffer_.find('\n', at_);
  while (end == std::string::npos) {
    const std::size_t searched = buffer_.size() - at_;
    if (searched > limits_.line) break;
    if (!fill()) break;
    end = buffer_.find('\n', searched);  // what was buffered begins at 0 now
  }
  if (std::min(end, buffer_.size()) - at_ > limits_.line) {
    fail("line " + std::to_string(line_number_ + 1) + " has more than " +
         std::to_string(limits_.line) + " bytes (--max-line)");
    return std::nullopt;
  }
  if (end == std::string::npos && at_ == buffer_.size()) return std::nullopt;
  const bool has_end = end != std::string::npos;
  const std::string_view line =
      std::string_view{buffer_}.substr(at_, has_end ? end - at_ : std::string::npos);
  at_ = has_end ? end + 1 : buffer_.size();
  ++line_number_;
  return line;
}

}  // namespace conformance
