// SPDX-License-Identifier: MIT
// M1 to M3: what zones take, and what copies of them cost.
#include <optional>

#include "benchmark/probe.hpp"
#include "benchmark/workload.hpp"

namespace pageblock::benchmark {
namespace {

constexpr double mib = 1 << 20;

// M1
struct Creation {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    const std::uint64_t pages = sizes.fitting<Zone>(sizes.huge_zone);
    const double scale = static_cast<double>(sizes.huge_zone) / static_cast<double>(pages);
    const auto [ns, bytes] = probe(sizes.program, "fresh", is_reference<Zone>, pages);
    return {{scale * ns / 1e6, scale * bytes / mib}};
  }
};

// M2
struct BytesPerPage {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    const auto bytes = [&](std::string_view what) {
      return probe(sizes.program, what, is_reference<Zone>, sizes.large_zone).bytes /
             static_cast<double>(sizes.large_zone);
    };
    return {{bytes("fresh"), bytes("worst")}};
  }
};

// M3
struct Snapshot {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    const std::uint64_t pages = sizes.large_zone;
    Zone zone{{.spanned_pages = pages}};
    Digest digest;
    for (std::uint64_t i = 0; i < pages / 100; ++i) digest.add(take(zone, cpu0, Order{0}));
    Measurement result{.pages = pages};
    copy_and_compare(zone, result);

    ZoneLayout scattered{.spanned_pages = pages};
    Random random{6};
    for (std::uint64_t i = 0; i < pages / 100; ++i) {
      const Pfn pfn{random.below(pages)};
      scattered.in_use.push_back({{pfn, pfn + 1}});
    }
    copy_and_compare(Zone{scattered}, result);
    result.digest = digest.value();
    return result;
  }

  template <typename Zone>
  static void copy_and_compare(const Zone& zone, Measurement& result) {
    std::optional<Zone> copy;
    result.values.push_back(time_ns([&] { copy.emplace(zone); }) / 1e6);
    bool equal = false;
    result.values.push_back(time_ns([&] { equal = *copy == zone; }) / 1e6);
    require(equal, "a copy differs from its zone");
  }
};

template <typename W>
std::array<Run, nr_subjects> without_locks() {
  return {&W::template run<Library>, nullptr, &W::template run<Reference>};
}

}  // namespace

std::vector<Workload> memory_workloads() {
  return {
      {.name = "M1",
       .what = "a zone of 1 TiB is made",
       .figures = {{"time", "ms", 1.5, 900.0}, {"resident memory", "MiB", 3.0, 16384.0}},
       .run = without_locks<Creation>(),
       .needs_program = true},
      {.name = "M2",
       .what = "memory of a zone of 64 GiB",
       .figures = {{"fresh", "bytes/page", 0.02, 64.0},
                   {"every second page in use", "bytes/page", 10.0, 64.0}},
       .run = without_locks<BytesPerPage>(),
       .needs_program = true},
      {.name = "M3",
       .what = "snapshot of 64 GiB, 1 % in use",
       .figures = {{"copy, pages in use are neighbours", "ms"},
                   {"compare", "ms"},
                   {"copy, pages in use are anywhere", "ms"},
                   {"compare", "ms"}},
       .run = without_locks<Snapshot>()},
  };
}

}  // namespace pageblock::benchmark
