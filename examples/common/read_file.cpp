// SPDX-License-Identifier: MIT
#include "common/read_file.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace example {
namespace {

using pageblock::InputFile;

// A multiple of 8, which is what /proc/kpageflags and /proc/kpagecount demand of every read.
constexpr std::size_t chunk_size = std::size_t{1} << 16;

/// An open file that is read from its start to its end.
class Descriptor {
 public:
  explicit Descriptor(const InputFile& file)
      : file_{file}, fd_{open(file.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {
    if (fd_ < 0) fail();
    // A FIFO would be waited for, a device never ends.
    struct stat status {};
    if (fstat(fd_, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
      close(fd_);
      throw file.error("this is no regular file");
    }
  }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  /// Returns the number of bytes read, 0 at the end.
  std::size_t read_some(std::span<char> buffer) {
    for (;;) {
      const ssize_t got = read(fd_, buffer.data(), buffer.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail();
    }
  }

 private:
  [[noreturn]] void fail() const {
    const int error = errno;
    const bool is_kernels = file_.name.starts_with("/proc/") || file_.name.starts_with("/sys/");
    throw file_.error(std::generic_category().message(error) +
                      (error == EACCES && is_kernels ? ": only root may read it" : ""));
  }

  const InputFile& file_;
  int fd_;
};

void read_plain(InputFile& file) {
  Descriptor input{file};
  for (std::size_t end = 0;;) {
    file.content.resize(end + chunk_size);
    const std::size_t got = input.read_some(std::span{file.content}.subspan(end));
    end += got;
    file.content.resize(end);
    if (got == 0) return;
  }
}

std::string_view meaning_of(lzma_ret code) {
  switch (code) {
    case LZMA_FORMAT_ERROR:
      return "this is no xz file";
    case LZMA_OPTIONS_ERROR:
      return "the xz file uses what this liblzma does not know";
    case LZMA_DATA_ERROR:
      return "the xz file is damaged";
    case LZMA_BUF_ERROR:
      return "the xz file ends here, so it was cut off";
    case LZMA_MEMLIMIT_ERROR:
      return "the xz file needs too much memory";
    default:
      return "liblzma cannot read the file";
  }
}

void read_xz(InputFile& file) {
  constexpr std::uint64_t most_memory = std::uint64_t{512} << 20;
  Descriptor input{file};
  lzma_stream stream = LZMA_STREAM_INIT;
  struct End {
    lzma_stream& stream;
    ~End() { lzma_end(&stream); }
  } const end{stream};
  if (lzma_stream_decoder(&stream, most_memory, LZMA_CONCATENATED) != LZMA_OK) {
    throw std::bad_alloc{};
  }

  std::string compressed(chunk_size, '\0');
  std::string plain(chunk_size, '\0');
  const auto bytes_of = [](std::string& text) {
    return reinterpret_cast<std::uint8_t*>(text.data());  // liblzma's bytes are unsigned
  };
  for (lzma_action action = LZMA_RUN;;) {
    if (stream.avail_in == 0 && action == LZMA_RUN) {
      stream.next_in = bytes_of(compressed);
      stream.avail_in = input.read_some(compressed);
      if (stream.avail_in == 0) action = LZMA_FINISH;
    }
    stream.next_out = bytes_of(plain);
    stream.avail_out = plain.size();
    const lzma_ret code = lzma_code(&stream, action);
    file.content.append(plain, 0, plain.size() - stream.avail_out);
    if (code == LZMA_STREAM_END) return;
    if (code == LZMA_MEM_ERROR) throw std::bad_alloc{};
    if (code != LZMA_OK) {
      throw file.error(fmt::format("compressed byte {}: {}", stream.total_in, meaning_of(code)));
    }
  }
}

}  // namespace

InputFile read_file(const std::filesystem::path& path) {
  InputFile file{path.string(), {}};
  if (path.extension() == ".xz") {
    read_xz(file);
  } else {
    read_plain(file);
  }
  return file;
}

}  // namespace example
