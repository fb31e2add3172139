// SPDX-License-Identifier: MIT
#include "common/decoders.hpp"

#include <cstdint>
#include <new>

namespace example {
namespace {

// The libraries' bytes are unsigned.
std::uint8_t* bytes(std::span<char> text) { return reinterpret_cast<std::uint8_t*>(text.data()); }

std::string_view meaning_of(lzma_ret code) {
  switch (code) {
    case LZMA_FORMAT_ERROR:
      return "this is no xz file";
    case LZMA_OPTIONS_ERROR:
      return "the xz file uses what this liblzma does not know";
    case LZMA_MEMLIMIT_ERROR:
      return "the xz file needs too much memory";
    case LZMA_BUF_ERROR:
      return {};  // it wants more
    default:
      return "the xz file is damaged";
  }
}

}  // namespace

GzDecoder::GzDecoder() {
  constexpr int only_gzip = 16 + MAX_WBITS;
  if (inflateInit2(&stream_, only_gzip) != Z_OK) throw std::bad_alloc{};
}

DecoderStep GzDecoder::step(std::span<char> in, std::span<char> out, bool) {
  if (in.empty()) return {.ended = is_between_};
  if (is_between_) {
    inflateReset(&stream_);
    is_between_ = false;
  }
  stream_.next_in = bytes(in);
  stream_.avail_in = static_cast<uInt>(in.size());
  stream_.next_out = bytes(out);
  stream_.avail_out = static_cast<uInt>(out.size());
  const int code = inflate(&stream_, Z_NO_FLUSH);
  DecoderStep done{.consumed = in.size() - stream_.avail_in,
                   .produced = out.size() - stream_.avail_out};
  if (code == Z_MEM_ERROR) throw std::bad_alloc{};
  if (code == Z_STREAM_END) {
    is_between_ = true;
  } else if (code != Z_OK && code != Z_BUF_ERROR) {
    done.fault = "the gzip file is damaged";
  }
  return done;
}

XzDecoder::XzDecoder() {
  constexpr std::uint64_t most_memory = std::uint64_t{512} << 20;
  if (lzma_stream_decoder(&stream_, most_memory, LZMA_CONCATENATED) != LZMA_OK) {
    throw std::bad_alloc{};
  }
}

DecoderStep XzDecoder::step(std::span<char> in, std::span<char> out, bool is_last) {
  stream_.next_in = bytes(in);
  stream_.avail_in = in.size();
  stream_.next_out = bytes(out);
  stream_.avail_out = out.size();
  const lzma_ret code = lzma_code(&stream_, is_last ? LZMA_FINISH : LZMA_RUN);
  if (code == LZMA_MEM_ERROR) throw std::bad_alloc{};
  DecoderStep done{.consumed = in.size() - stream_.avail_in,
                   .produced = out.size() - stream_.avail_out,
                   .ended = code == LZMA_STREAM_END};
  if (code != LZMA_OK && code != LZMA_STREAM_END) done.fault = meaning_of(code);
  return done;
}

ZstdDecoder::ZstdDecoder() : stream_{ZSTD_createDStream()} {
  if (stream_ == nullptr) throw std::bad_alloc{};
}

DecoderStep ZstdDecoder::step(std::span<char> in, std::span<char> out, bool) {
  if (in.empty() && is_between_) return {.ended = true};
  ZSTD_inBuffer input{in.data(), in.size(), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  const std::size_t code = ZSTD_decompressStream(stream_, &output, &input);
  DecoderStep done{.consumed = input.pos, .produced = output.pos};
  if (ZSTD_isError(code) != 0) {
    done.fault = "the zstd file is damaged";
  } else {
    is_between_ = code == 0;
  }
  return done;
}

}  // namespace example
