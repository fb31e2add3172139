#include "offline_check/kernel_release.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include <sys/utsname.h>

#include <fmt/format.h>

#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/text/parse_error.hpp"

#include "common/read_file.hpp"
#include "offline_check/recorded_attempts.hpp"

namespace example {
namespace {

using pageblock::InputFile;

// "Linux version 6.1.0-56-cloud-amd64 (gcc ...": the word behind "version".
std::string_view release_in(std::string_view text) {
  constexpr std::string_view before = "Linux version ";
  if (text.starts_with(before)) text.remove_prefix(before.size());
  return text.substr(0, text.find_first_of(" \n"));
}

// "6.1.0-56-cloud-amd64": the first two numbers.
std::optional<KernelVersion> version_of(std::string_view release) {
  KernelVersion version;
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc{}) return std::nullopt;
  return version;
}

KernelRelease read_release(const InputFile& file, std::string_view text) {
  const std::string_view release = release_in(text);
  const auto version = version_of(release);
  if (!version) throw file.error(fmt::format("'{}' is no version of Linux", release));
  return {*version, fmt::format("{} says Linux {}", file.base_name(), release)};
}

}  // namespace

std::optional<KernelRelease> find_release(const std::filesystem::path& folder) {
  if (const auto file = read_one_of(folder, "version")) return read_release(*file, file->content);
  const auto recording = recording_of(folder);
  if (!recording) return std::nullopt;
  const InputFile file = read_file(*recording / "meta.json");
  return read_release(file, pageblock::parse_recording_meta(file).kernel);
}

KernelRelease live_release() {
  utsname names{};
  uname(&names);
  const InputFile file{"uname", {}};
  return read_release(file, static_cast<const char*>(names.release));
}

std::optional<KernelRelease> guess_release(const pageblock::Snapshot& snapshot) {
  const auto knows = [&](std::string_view wanted) {
    if (!snapshot.pagetypeinfo) return false;
    return std::ranges::any_of(snapshot.pagetypeinfo->zones, [&](const auto& zone) {
      return std::ranges::any_of(zone.types,
                                 [&](const auto& type) { return type.first == wanted; });
    });
  };
  // Which one it is besides makes no difference: only whole rules are chosen.
  if (knows("HighAtomic")) {
    return KernelRelease{{6, 1}, "pagetypeinfo has type HighAtomic, as since v4.4"};
  }
  if (knows("Reserve")) {
    return KernelRelease{{3, 6}, "pagetypeinfo has type Reserve, as until v4.3"};
  }
  return std::nullopt;
}

}  // namespace example
