// SPDX-License-Identifier: MIT
#include "common/read_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/decoders.hpp"

namespace example {
namespace {

using pageblock::InputFile;
using Take = std::function<void(std::string_view)>;

// A multiple of 8, which is what /proc/kpageflags and /proc/kpagecount demand of every read.
constexpr std::size_t chunk_size = std::size_t{1} << 16;

// What the kernel makes up as it is read.
bool is_of_kernel(const InputFile& file) {
  return (file.name.starts_with("/proc/") && !file.name.starts_with("/proc/self/")) ||
         file.name.starts_with("/sys/");
}

/// An open file that is read from its start to its end.
class Descriptor {
 public:
  Descriptor(const InputFile& file, const std::filesystem::path& path,
             const FileReader::Progress& progress)
      : file_{file},
        progress_{progress},
        fd_{path == "-" ? dup(STDIN_FILENO)
                        : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {
    if (fd_ < 0) fail();
    struct stat status {};
    if (fstat(fd_, &status) != 0) return;
    if (S_ISREG(status.st_mode)) size_ = static_cast<std::uint64_t>(status.st_size);
    // A FIFO in a folder would be waited for, a device never ends. "<(dmesg)" is meant.
    const bool is_meant =
        path == "-" || file.name.starts_with("/dev/fd/") || file.name.starts_with("/proc/self/fd/");
    if (is_meant) {
      fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
    } else if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
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
      if (got >= 0) {
        at_ += static_cast<std::uint64_t>(got);
        if (progress_) progress_(file_.name, at_, size_);
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR) fail();
    }
  }

 private:
  [[noreturn]] void fail() const {
    const int error = errno;
    const bool needs_root = error == EACCES && is_of_kernel(file_);
    throw file_.error(std::generic_category().message(error) +
                      (needs_root ? ": only root may read it" : ""));
  }

  const InputFile& file_;
  const FileReader::Progress& progress_;
  int fd_;
  std::uint64_t at_ = 0;
  std::uint64_t size_ = 0;
};

/// What is being read: @p first holds what was looked at already.
struct Source {
  const InputFile& file;
  Descriptor& input;
  std::string& first;
};

void take_plain(const Source& from, const Take& take) {
  take(from.first);
  std::string& buffer = from.first;
  buffer.resize(chunk_size);
  while (const std::size_t got = from.input.read_some(buffer)) {
    take(std::string_view{buffer}.substr(0, got));
  }
}

template <typename Decoder>
void take_decoded(const Source& from, const Take& take) {
  Decoder decoder;
  std::string plain(chunk_size, '\0');
  std::string compressed(chunk_size, '\0');
  std::span<char> in{from.first};
  std::uint64_t offset = 0;
  for (bool is_last = false;;) {
    if (in.empty() && !is_last) {
      in = std::span{compressed}.first(from.input.read_some(compressed));
      is_last = in.empty();
    }
    const DecoderStep step = decoder.step(in, plain, is_last);
    offset += step.consumed;
    in = in.subspan(step.consumed);
    take(std::string_view{plain}.substr(0, step.produced));
    const bool is_stuck = is_last && step.consumed == 0 && step.produced == 0 && !step.ended;
    if (!step.fault.empty() || is_stuck) {
      const std::string fault =
          is_stuck ? fmt::format("the {} file ends here, so it was cut off", Decoder::name)
                   : std::string{step.fault};
      throw from.file.error(fmt::format("compressed byte {}: {}", offset, fault));
    }
    if (step.ended && is_last) return;
  }
}

/// A way to compress, and how it is known.
struct Format {
  std::string_view name;
  std::string_view ending;
  std::string_view magic;
  void (*take)(const Source&, const Take&);
};
constexpr Format formats[]{
    {"gzip", ".gz", "\x1f\x8b", &take_decoded<GzDecoder>},
    {"xz", ".xz", std::string_view{"\xfd\x37zXZ\0", 6}, &take_decoded<XzDecoder>},
    {"zstd", ".zst", "\x28\xb5\x2f\xfd", &take_decoded<ZstdDecoder>},
};

std::string size_text(std::uint64_t bytes) {
  return bytes % (1 << 20) == 0 ? fmt::format("{} MiB", bytes >> 20)
                                : fmt::format("{} bytes", bytes);
}

void take_all(const InputFile& file, const std::filesystem::path& path,
              const FileReader::Progress& progress, const Take& take) {
  Descriptor input{file, path, progress};
  std::string first(chunk_size, '\0');
  first.resize(input.read_some(first));
  const Source source{file, input, first};
  for (const Format& format : formats) {
    if (std::string_view{first}.starts_with(format.magic)) return format.take(source, take);
  }
  for (const Format& format : formats) {  // it says that it is, and is not
    if (path.extension() != format.ending) continue;
    throw file.error(first.empty()
                         ? fmt::format("compressed byte 0: the {} file ends here, so it "
                                       "was cut off",
                                       format.name)
                         : fmt::format("compressed byte 0: this is no {} file", format.name));
  }
  take_plain(source, take);
}

InputFile named(const std::filesystem::path& path) {
  return {path == "-" ? "standard input" : path.string(), {}};
}

}  // namespace

pageblock::ParseError FileReader::beyond_limit(const InputFile& file) const {
  return file.error(
      fmt::format("it becomes more than {}; --input-limit allows more", size_text(limit_)));
}

InputFile FileReader::operator()(const std::filesystem::path& path) const {
  InputFile file = named(path);
  const bool is_limited = !is_of_kernel(file);
  std::error_code unknown;
  const std::uintmax_t size = std::filesystem::file_size(path, unknown);
  if (!unknown && is_limited) file.content.reserve(std::min<std::uintmax_t>(size, limit_));
  take_all(file, path, progress_, [&](std::string_view piece) {
    std::string& content = file.content;
    if (is_limited && content.size() + piece.size() > limit_) {
      throw beyond_limit(file);
    }
    if (is_limited && content.capacity() - content.size() < piece.size()) {
      // Grown by doubling, but never beyond what is allowed.
      content.reserve(std::min<std::size_t>(
          std::max(2 * content.capacity(), content.size() + piece.size()), limit_));
    }
    content += piece;
  });
  return file;
}

void FileReader::stream(const std::filesystem::path& path, const Take& take) const {
  const InputFile file = named(path);
  take_all(file, path, progress_, take);
}

}  // namespace example
