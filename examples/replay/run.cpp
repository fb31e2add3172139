// SPDX-License-Identifier: MIT
#include "replay/run.hpp"

#include "pageblock/base/semantics.hpp"
#include "pageblock/io/recording/recording_files.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/input_folder.hpp"

#include "common/recording_meta.hpp"

namespace example {
namespace {

using namespace pageblock;

// Debian builds its cloud kernels without CMA.
constexpr Semantics debian_v6_1 = kernel::without_cma(kernel::v6_1);

}  // namespace

ReplayReport replay_recording(const std::filesystem::path& folder, const InputReader& read,
                              const ReplayOptions& options) {
  const InputFolder files{folder, read};
  const RecordingMeta meta = parse_recording_meta(files.demand("meta.json"));
  ReplayReport report = pageblock::replay_recording<ReplayConfig<debian_v6_1>>(
      read_recording_files(files), meta, options);
  report.source = folder.string();
  return report;
}

ReplayReport replay_trace(const InputFile& trace, std::uint64_t nr_pages,
                          const ReplayOptions& options) {
  return pageblock::replay_trace<ReplayConfig<debian_v6_1>>(trace, nr_pages, options);
}

}  // namespace example
