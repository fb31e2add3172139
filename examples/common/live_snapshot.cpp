// SPDX-License-Identifier: MIT
#include "common/live_snapshot.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"

#include "common/read_file.hpp"
#include "common/read_page_words.hpp"

namespace example {
namespace {

namespace fs = std::filesystem;
using pageblock::InputFile;
using pageblock::ParseError;
using pageblock::SnapshotFiles;

std::string first_line_of(const fs::path& path) {
  const std::string content = read_file(path).content;
  return content.substr(0, content.find('\n'));
}

// A memory block has a link to the node that it is in: node0.
std::optional<std::string> node_of(const fs::path& block) {
  for (const fs::directory_entry& entry : fs::directory_iterator{block}) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view prefix = "node";
    if (name.size() > prefix.size() && name.starts_with(prefix) &&
        name.find_first_not_of("0123456789", prefix.size()) == std::string::npos) {
      return name.substr(prefix.size());
    }
  }
  return std::nullopt;
}

// Writes down the folder of the memory blocks as the text that recordings have.
std::optional<InputFile> read_live_memory_blocks() {
  const fs::path folder = "/sys/devices/system/memory";
  if (!fs::exists(folder / "block_size_bytes")) return std::nullopt;
  InputFile list{folder.string(), {}};
  list.content = fmt::format("block_size_bytes {}\n", first_line_of(folder / "block_size_bytes"));
  for (const fs::directory_entry& entry : fs::directory_iterator{folder}) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("memory") || !fs::exists(entry.path() / "phys_index")) continue;
    list.content +=
        fmt::format("{} state={} phys_index={}", name, first_line_of(entry.path() / "state"),
                    first_line_of(entry.path() / "phys_index"));
    if (const auto node = node_of(entry.path())) list.content += " node=" + *node;
    if (fs::exists(entry.path() / "valid_zones")) {
      list.content += " valid_zones=" + first_line_of(entry.path() / "valid_zones");
    }
    list.content += '\n';
  }
  return list;
}

std::optional<InputFile> read_if_there(const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  return read_file(path);
}

}  // namespace

SnapshotFiles read_live() {
  SnapshotFiles files;
  files.page_size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  // The counts of free pages come right behind the flags that they are compared with.
  files.kpageflags = read_page_words(FileReader{}, "/proc/kpageflags");
  files.zoneinfo = read_file("/proc/zoneinfo");
  files.buddyinfo = read_if_there("/proc/buddyinfo");
  files.kpagecount = read_page_words(FileReader{}, "/proc/kpagecount");
  files.pagetypeinfo = read_if_there("/proc/pagetypeinfo");
  files.memory_blocks = read_live_memory_blocks();
  files.iomem = read_if_there("/proc/iomem");
  return files;
}

}  // namespace example
