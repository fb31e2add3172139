// SPDX-License-Identifier: MIT
#include "replay/run.hpp"

#include <fmt/format.h>

#include "pageblock/base/kernels.hpp"
#include "pageblock/io/picture/replay_time_line.hpp"
#include "pageblock/io/recording/recording_files.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/kernel_version.hpp"

#include "common/recording_meta.hpp"

namespace example {
namespace {

using namespace pageblock;

// Debian builds its cloud kernels until 6.12 without CMA.
constexpr Semantics debian_v6_1 = kernel::without_cma(kernel::v6_1);
constexpr Semantics debian_v6_12 = kernel::without_cma(kernel::v6_12);
constexpr Semantics debian_v7_2 = kernel::v7_2;  // with it

}  // namespace

ReplayReport replay_recording(const std::filesystem::path& folder, const InputReader& read,
                              const ReplayOptions& options, TimeLine* line) {
  const InputFolder files{folder, read};
  const InputFile meta_file = files.demand("meta.json");
  const RecordingMeta meta = parse_recording_meta(meta_file);
  const auto version = meta.kernel_version();
  const auto replay = [&]() -> ReplayReport {
    using pageblock::replay_recording;
    if (version == KernelVersion{6, 1}) {
      return replay_recording<ReplayConfig<debian_v6_1>>(read_recording_files(files), meta, options,
                                                         ReplayTimeLine{line});
    }
    if (version == KernelVersion{6, 12}) {
      return replay_recording<ReplayConfig<debian_v6_12>>(read_recording_files(files), meta,
                                                          options, ReplayTimeLine{line});
    }
    if (version == KernelVersion{7, 2}) {
      return replay_recording<ReplayConfig<debian_v7_2>>(read_recording_files(files), meta, options,
                                                         ReplayTimeLine{line});
    }
    throw meta_file.error(
        fmt::format("'{}' is no kernel that can be replayed: Linux 6.1, 6.12 or 7.2", meta.kernel));
  };
  ReplayReport report = replay();
  report.source = folder.string();
  return report;
}

ReplayReport replay_trace(const InputFile& trace, std::uint64_t nr_pages,
                          const ReplayOptions& options, TimeLine* line) {
  return pageblock::replay_trace<ReplayConfig<debian_v6_1>>(trace, nr_pages, options,
                                                            ReplayTimeLine{line});
}

}  // namespace example
