// SPDX-License-Identifier: MIT
/// Decompression, a step at a time. All decoders look alike.
#pragma once

#include <span>
#include <string_view>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

namespace example {

/// What a step has done.
struct DecoderStep {
  std::size_t consumed = 0;
  std::size_t produced = 0;
  bool ended = false;        ///< all is there, if nothing more comes in
  std::string_view fault{};  ///< what is wrong, if anything
};

class GzDecoder {
 public:
  static constexpr std::string_view name = "gzip";
  GzDecoder();
  ~GzDecoder() { inflateEnd(&stream_); }
  GzDecoder(const GzDecoder&) = delete;
  GzDecoder& operator=(const GzDecoder&) = delete;
  DecoderStep step(std::span<char> in, std::span<char> out, bool is_last);

 private:
  z_stream stream_{};
  bool is_between_ = false;  // members: a file may have several
};

class XzDecoder {
 public:
  static constexpr std::string_view name = "xz";
  XzDecoder();
  ~XzDecoder() { lzma_end(&stream_); }
  XzDecoder(const XzDecoder&) = delete;
  XzDecoder& operator=(const XzDecoder&) = delete;
  DecoderStep step(std::span<char> in, std::span<char> out, bool is_last);

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class ZstdDecoder {
 public:
  static constexpr std::string_view name = "zstd";
  ZstdDecoder();
  ~ZstdDecoder() { ZSTD_freeDStream(stream_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;
  DecoderStep step(std::span<char> in, std::span<char> out, bool is_last);

 private:
  ZSTD_DStream* stream_;
  bool is_between_ = true;  // frames
};

}  // namespace example
