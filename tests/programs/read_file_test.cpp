// SPDX-License-Identifier: MIT
#include "common/read_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "support/catch.hpp"
#include "support/fault.hpp"

using namespace pageblock;
using example::FileReader;

namespace {

namespace fs = std::filesystem;

/// A folder that is removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "pageblock-read-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(folder_, error);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] fs::path write(std::string_view name, std::string_view content) const {
    std::ofstream stream{folder_ / name, std::ios::binary};
    stream << content;
    REQUIRE(stream.flush().good());
    return folder_ / name;
  }
  [[nodiscard]] std::string content(std::string_view name, std::string_view bytes) const {
    return example::read_file(write(name, bytes)).content;
  }
  [[nodiscard]] std::string fault(std::string_view name, std::string_view bytes,
                                  FileReader read = {}) const {
    const fs::path path = write(name, bytes);
    const std::string fault = test::fault_in([&] { return read(path); });
    return fault.substr(std::min(fault.size(), folder_.string().size() + 1));
  }

 private:
  fs::path folder_;
};

// The libraries' bytes are unsigned.
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string gz(std::string plain) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(plain.size() + 1000, 0);
  stream.next_in = bytes(plain);
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = bytes(packed);
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string xz(std::string plain) {
  std::string packed(plain.size() + 1000, 0);
  std::size_t size = 0;
  REQUIRE(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, bytes(plain), plain.size(),
                                  bytes(packed), &size, packed.size()) == LZMA_OK);
  packed.resize(size);
  return packed;
}

std::string zst(const std::string& plain) {
  std::string packed(ZSTD_compressBound(plain.size()), 0);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  return packed;
}

// More than a chunk of the reader.
std::string long_text() {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += std::to_string(i) + ' ';
  return text;
}

}  // namespace

TEST_CASE("read_file knows how a file is compressed by its first bytes", "[read_file]") {
  const Scratch scratch;
  const std::string text = long_text();
  CHECK(scratch.content("plain", text) == text);
  CHECK(scratch.content("empty", "").empty());
  CHECK(scratch.content("a.gz", gz(text)) == text);
  CHECK(scratch.content("a.xz", xz(text)) == text);
  CHECK(scratch.content("a.zst", zst(text)) == text);
  CHECK(scratch.content("no ending", gz(text)) == text);
  CHECK(scratch.content("wrong.xz", zst(text)) == text);
}

TEST_CASE("read_file takes files of several parts", "[read_file]") {
  const Scratch scratch;
  CHECK(scratch.content("a.gz", gz("one ") + gz("two")) == "one two");
  CHECK(scratch.content("a.xz", xz("one ") + xz("two")) == "one two");
  CHECK(scratch.content("a.zst", zst("one ") + zst("two")) == "one two");
}

TEST_CASE("read_file names the place where a file is cut off or damaged", "[read_file]") {
  const Scratch scratch;
  const std::string text = long_text();
  for (const auto& [name, packed] :
       {std::pair{std::string{"gzip"}, gz(text)}, std::pair{std::string{"xz"}, xz(text)},
        std::pair{std::string{"zstd"}, zst(text)}}) {
    CAPTURE(name);
    CHECK(scratch.fault("file", packed.substr(0, 1000)) ==
          "file: compressed byte 1000: the " + name + " file ends here, so it was cut off");
    std::string damaged = packed;
    for (std::size_t i = 600; i < 640; ++i) damaged[i] = static_cast<char>(~damaged[i]);
    const std::string fault = scratch.fault("file", damaged);
    CHECK(fault.starts_with("file: compressed byte "));
    CHECK(fault.ends_with(": the " + name + " file is damaged"));
  }
  CHECK(scratch.fault("a.gz", gz("one") + "two") ==
        "a.gz: compressed byte 25: the gzip file is damaged");
  CHECK(scratch.fault("a.xz", "text") == "a.xz: compressed byte 0: this is no xz file");
  CHECK(scratch.fault("a.zst", "") ==
        "a.zst: compressed byte 0: the zstd file ends here, so it was cut off");
}

TEST_CASE("FileReader keeps what a file becomes within its limit", "[read_file]") {
  const Scratch scratch;
  const std::string zeros(1 << 20, 0);
  const FileReader just{zeros.size()};
  const FileReader less{zeros.size() - 1};
  for (const std::string& content : {zeros, gz(zeros), xz(zeros), zst(zeros)}) {
    CHECK(just(scratch.write("file", content)).content == zeros);
    CHECK(just(scratch.write("file", content)).content.capacity() <= zeros.size());
    CHECK(scratch.fault("file", content, less) ==
          "file: it becomes more than 1048575 bytes; --input-limit allows more");
  }
}

TEST_CASE("FileReader streams what is too large to be kept", "[read_file]") {
  const Scratch scratch;
  const std::string zeros(1 << 20, 0);
  std::size_t size = 0;
  std::size_t longest = 0;
  FileReader{1}.stream(scratch.write("file", xz(zeros)), [&](std::string_view piece) {
    size += piece.size();
    longest = std::max(longest, piece.size());
  });
  CHECK(size == zeros.size());
  CHECK(longest <= 1 << 16);
}

TEST_CASE("FileReader tells how far it is", "[read_file]") {
  const Scratch scratch;
  const std::string text = long_text();
  const fs::path path = scratch.write("file", text);
  FileReader read;
  std::uint64_t last = 0;
  read.set_progress([&](std::string_view name, std::uint64_t done, std::uint64_t total) {
    CHECK(name == path.string());
    CHECK(done >= last);
    CHECK(total == text.size());
    last = done;
  });
  static_cast<void>(read(path));
  CHECK(last == text.size());
}

TEST_CASE("read_file waits for no FIFO and reads no device", "[read_file]") {
  CHECK(test::fault_in([] { return example::read_file("/dev/zero"); }) ==
        "/dev/zero: this is no regular file");
  CHECK(test::fault_in([] { return example::read_file("/none"); }) ==
        "/none: No such file or directory");
  CHECK(test::fault_in([] { return example::read_file("/"); }) == "/: Is a directory");
}
