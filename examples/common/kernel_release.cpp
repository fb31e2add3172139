// SPDX-License-Identifier: MIT
#include "common/kernel_release.hpp"

#include <sys/utsname.h>

#include "pageblock/io/recording/recording_files.hpp"
#include "pageblock/io/text/parse_error.hpp"

#include "common/read_file.hpp"
#include "common/recording_meta.hpp"

namespace example {

using namespace pageblock;

std::optional<KernelRelease> find_release(const InputFolder& folder, const SnapshotFiles& files) {
  if (files.version) return parse_kernel_release(*files.version, files.version->content);
  const auto recording = recording_of(folder.path());
  if (!recording) return std::nullopt;
  const InputFile file = read_file(*recording / "meta.json");
  return parse_kernel_release(file, parse_recording_meta(file).kernel);
}

KernelRelease live_release() {
  utsname names{};
  uname(&names);
  return parse_kernel_release({"uname", {}}, static_cast<const char*>(names.release));
}

}  // namespace example
