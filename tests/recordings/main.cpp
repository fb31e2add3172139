// SPDX-License-Identifier: MIT
// recordings FOLDER...: reads all of a recording of a running kernel, and checks that what was read
// fits together. The trace must be written again byte for byte, and the free pages of T0 must become
// those of T1 by what the trace says.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/recording/exact_state_reader.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/ftrace_reader.hpp"
#include "pageblock/io/trace/ftrace_writer.hpp"

#include "common/program.hpp"
#include "common/read_file.hpp"
#include "common/recording_meta.hpp"
#include "recordings/ownership.hpp"

namespace {

using namespace pageblock;
using example::read_file;
using recordings::Ownership;

struct Totals {
  std::uint64_t lines = 0;
  std::chrono::duration<double> reading{};
};

class Check {
 public:
  explicit Check(const std::filesystem::path& folder)
      : meta_file_{read_file(folder / "meta.json")},
        meta_{example::parse_recording_meta(meta_file_)},
        t0_{parse_exact_state(read_file(folder / "T0.state.xz"))},
        t1_{parse_exact_state(read_file(folder / "T1.state.xz"))},
        trace_{read_file(folder / "trace.txt.xz")} {
    check_pages(t0_, read_file(folder / "T0.pages.xz"));
    check_pages(t1_, read_file(folder / "T1.pages.xz"));
  }

  void run(Totals& totals) {
    check_entries(t0_, meta_.t0_entries);
    check_entries(t1_, meta_.t1_entries);
    read_only(totals);
    follow();
  }

 private:
  static void require(bool condition, const std::string& what) {
    if (!condition) throw ParseError{what};
  }

  void check_entries(const ExactState& state, const std::vector<std::uint64_t>& entries) const {
    std::vector<std::uint64_t> seen;
    for (const ExactTraceBuffer& buffer : state.trace_buffers) seen.push_back(buffer.entries);
    require(seen == entries, state.label + " and meta.json have other numbers of events");
  }

  // The head of each free chunk says so, and no other page does.
  static void check_pages(const ExactState& state, const InputFile& file) {
    const PageRuns pages = parse_page_runs(file);
    std::uint64_t nr_chunks = 0;
    for (const ExactZone& zone : state.zones) {
      for (const ExactFreeList& list : zone.free_lists) {
        nr_chunks += list.pfns.size();
        for (const Pfn pfn : list.pfns) {
          const PageRun* run = pages.find(pfn);
          require(run != nullptr && run->type == PageType::buddy && run->order == list.order &&
                      run->zone() == zone.type,
                  fmt::format("{}: page {:#x} is no free chunk", file.name, pfn));
        }
      }
    }
    std::uint64_t nr_heads = 0;
    for (const PageRun& run : pages.runs()) {
      // Neighbouring chunks of one page each are one run.
      if (run.type == PageType::buddy) nr_heads += run.range.nr_pages();
    }
    require(nr_chunks == nr_heads, file.name + ": other free chunks");
  }

  void read_only(Totals& totals) const {
    const auto start = std::chrono::steady_clock::now();
    FtraceReader reader{trace_};
    while (reader.next_line()) {
    }
    totals.reading += std::chrono::steady_clock::now() - start;
    totals.lines += reader.number();
  }

  void follow() {
    Ownership pages{t0_};
    std::string again;
    again.reserve(trace_.content.size());
    std::uint64_t nr_events = 0;
    std::uint64_t nr_between = 0;
    std::uint64_t nr_announced = 0;
    FtraceReader reader{trace_};
    while (reader.next_line()) {
      append_line(again, reader.line());
      if (reader.line().is_event()) ++nr_events;
      if (const auto* counts = std::get_if<ftrace::EntryCounts>(&reader.line().event)) {
        nr_announced = counts->written;
      }
      if (std::holds_alternative<ftrace::LostEvents>(reader.line().event)) {
        reader.fail("events were lost");
      }
      if (const auto* probe = std::get_if<ftrace::Probe>(&reader.line().event)) {
        check_probe(reader, *probe);
      }
      if (meta_.is_between(reader.line())) {
        ++nr_between;
        pages.follow(reader);
      }
    }
    require(again == trace_.content, trace_.name + ": written again it is another");
    require(nr_events == nr_announced, trace_.name + ": other events than the header says");
    const std::uint64_t nr_different = pages.nr_different(Ownership{t1_});
    require(nr_different == 0,
            fmt::format("{}: {} pages are not as in T1", trace_.name, nr_different));
    fmt::print("{}: {} lines, {} events between T0 and T1, {} change the free pages: ok\n",
               meta_.dataset, reader.number(), nr_between, pages.nr_changes());
  }

  // Where a probe has a page's pointer and its pfn, they are of one page. Zones are those of a state.
  void check_probe(const FtraceReader& reader, const ftrace::Probe& probe) const {
    if (probe.text("page") && probe.text("pfn") &&
        reader.pfn_of(probe) != Pfn{reader.number_of(probe, "pfn")}) {
      reader.fail("the pointer is of another page");
    }
    if (probe.text("zone")) {
      const std::uint64_t address = reader.number_of(probe, "zone");
      if (t0_.zone_at(address) == nullptr && t1_.zone_at(address) == nullptr) {
        reader.fail("there is no such zone");
      }
    }
  }

  InputFile meta_file_;
  RecordingMeta meta_;
  ExactState t0_;
  ExactState t1_;
  InputFile trace_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> folders;
  example::Program program{
      {.name = "recordings",
       .usage = {"FOLDER... [OPTION]..."},
       .about = "Reads all of a recording of a running kernel, and checks that what was read fits "
                "together.",
       .more = "Exit status: 0 if it does, 1 if not, 2 if the arguments are wrong."}};
  program.operands(folders);
  return program.run(argc, argv, [&] {
    if (folders.empty()) throw example::UsageError{"a folder is needed"};
    Totals totals;
    for (const std::string& folder : folders) Check{folder}.run(totals);
    fmt::print("{} lines read in {:.2f} s: {:.2f} million a second\n", totals.lines,
               totals.reading.count(),
               static_cast<double>(totals.lines) / totals.reading.count() / 1e6);
    return 0;
  });
}
