// SPDX-License-Identifier: MIT
// Replays the small recording that comes with the project, as it is and with one mistake after the
// other planted in it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/parse_error.hpp"

#include "common/read_file.hpp"
#include "replay/report.hpp"
#include "replay/run.hpp"
#include "support/catch.hpp"
#include "support/fault.hpp"

using namespace pageblock;

namespace {

ReplayReport replay_recording(const std::filesystem::path& folder, const ReplayOptions& options) {
  return example::replay_recording(folder, example::read_file, options);
}

namespace fs = std::filesystem;

const fs::path recording_folder = RECORDING;

/// A copy of the recording, uncompressed, for mistakes to be planted in; removed at the end.
class Copy {
 public:
  Copy() {
    std::string name = (fs::temp_directory_path() / "pageblock-replay-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    for (const std::string_view stem : {"meta.json", "T0.state", "T0.pages", "T1.state", "trace"}) {
      files_[std::string{stem}] =
          InputFolder{recording_folder, example::read_file}.demand(stem).content;
      write(stem);
    }
  }
  ~Copy() {
    std::error_code error;
    fs::remove_all(folder_, error);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  /// Replaces the first @p from of a file.
  Copy& change(std::string_view stem, std::string_view from, std::string_view to) {
    std::string& content = files_.at(std::string{stem});
    const std::size_t at = content.find(from);
    REQUIRE(at != std::string::npos);
    content.replace(at, from.size(), to);
    write(stem);
    return *this;
  }
  Copy& remove(std::string_view stem) {
    fs::remove(folder_ / stem);
    return *this;
  }

  [[nodiscard]] ReplayReport replay() const { return replay_recording(folder_, {}); }
  [[nodiscard]] std::string fault() const {
    const std::string fault = test::fault_in([&] { return replay(); });
    const std::string folder = folder_.string() + "/";
    return fault.starts_with(folder) ? fault.substr(folder.size()) : fault;
  }

 private:
  void write(std::string_view stem) {
    std::ofstream stream{folder_ / stem, std::ios::binary};
    stream << files_.at(std::string{stem});
    REQUIRE(stream.flush().good());
  }

  fs::path folder_;
  std::map<std::string, std::string> files_;
};

void check(const ReplayScore& score, std::uint64_t right, std::uint64_t total) {
  CHECK(score.right == right);
  CHECK(score.total == total);
}

}  // namespace

TEST_CASE("replay_recording predicts every page, drain and isolation of the small recording",
          "[replay]") {
  const ReplayReport report = replay_recording(recording_folder, {});
  CHECK(report.agrees());
  check(report.result.allocations, 52, 52);
  check(report.result.refills, 98, 98);
  check(report.result.drained, 947, 947);
  check(report.result.isolated, 321, 321);
  check(report.result.tested, 5, 5);
  check(report.result.block_types, 512, 512);
  check(report.result.counters, 12, 12);  // two zones with one CPU
  check(report.result.zones, 52, 52);
  CHECK(!report.result.first_zone);
  CHECK(report.result.open_zones.empty());
  CHECK(report.result.differences->empty());
  CHECK(!report.result.first);
  CHECK(report.result.events.at("mm_page_alloc") == 52);
  CHECK(report.result.taken.at("zones of requests") == 52);

  // The first memory block has two zones and the last one holes; of the second, a page refuses.
  REQUIRE(report.result.attempts.size() == 8);
  const std::vector<std::int64_t> rets{-22, -16, 0, 0, 0, 0, 0, -22};
  for (std::size_t i = 0; i < rets.size(); ++i) {
    const IsolationAttempt& attempt = report.result.attempts[i];
    CAPTURE(attempt.what);
    CHECK(attempt.ret == rets[i]);
    CHECK(attempt.predicted == (rets[i] == 0));
    CHECK(attempt.predicted_blocks == (rets[i] == 0 ? 64U : 0U));
    CHECK(attempt.agrees());
    CHECK(attempt.forecast.value_or(attempt.ret.value()) == attempt.ret);
  }
  CHECK(report.result.attempts[1].forecast);
  CHECK(report.result.attempts[1].predicted_page == Pfn{0x8000});
}

TEST_CASE("replay_recording notices a zone that its counters forbid, and judges the rest",
          "[replay]") {
  Copy copy;
  copy.change("T0.state", "wmark_low 1217", "wmark_low 900000");  // so it would be DMA's turn
  const ReplayReport report = copy.replay();
  CHECK(report.result.zones.right < report.result.zones.total);
  REQUIRE(report.result.first_zone);
  CHECK(report.result.first_zone->predicted == "DMA");
  CHECK(report.result.first_zone->observed == "DMA32");
  check(report.result.allocations, 52, 52);
  CHECK(example::as_text(report).find("First misprediction of a zone: line ") != std::string::npos);
}

TEST_CASE("replay_recording stops behind a line, and compares no lists then", "[replay]") {
  // In the middle of a drain, which is done as a whole.
  const ReplayReport report = replay_recording(recording_folder, {.until = 200});
  CHECK(report.agrees());
  CHECK(report.result.drained.total > 32);
  CHECK(report.result.allocations.total > 0);
  CHECK(report.result.allocations.total < 52);
  CHECK(!report.result.differences);
  CHECK(example::as_text(report).find("Up to line 200 of the trace.") != std::string::npos);
}

TEST_CASE("replay_recording notices another page, shows the lists and goes on with the kernel's",
          "[replay]") {
  // The first page handed out to ls, and the one behind it on the list, in each other's place.
  Copy copy;
  copy.change("trace", "pfn=0x55c9 order=0 migratetype=0", "pfn=0xFIRST order=0 migratetype=0")
      .change("trace", "pfn=0x55ca order=0 migratetype=0", "pfn=0x55c9 order=0 migratetype=0")
      .change("trace", "pfn=0xFIRST", "pfn=0x55ca");
  const ReplayReport report = copy.replay();
  CHECK(!report.agrees());
  check(report.result.allocations, 51, 52);  // the second is at the head then
  REQUIRE(report.result.first);
  CHECK(report.result.first->predicted == Pfn{0x55c9});
  CHECK(report.result.first->observed == Pfn{0x55ca});
  CHECK(report.result.first->what == "a chunk of order 0, Unmovable, in zone DMA32 on CPU 0");
  CHECK(report.result.first->lists.at(0).starts_with("CPU 0 order 0: 0x55ca"));
  CHECK(report.result.differences->empty());
  CHECK(example::as_text(report).find("First misprediction: line 15, ") != std::string::npos);
}

TEST_CASE("replay_recording does not fill a list that the kernel did not fill", "[replay]") {
  // The first chunk asked for as movable: that list is empty, and no refill is in the trace.
  Copy copy;
  copy.change("trace", "pfn=0x552c order=1 migratetype=0", "pfn=0x552c order=1 migratetype=1");
  const ReplayReport report = copy.replay();
  check(report.result.allocations, 51, 52);
  REQUIRE(report.result.first);
  CHECK(!report.result.first->predicted);
  CHECK(report.result.first->observed == Pfn{0x552c});
  CHECK(report.result.differences->empty());

  // While memory is compacted, the page may have been handed to the task that it was freed for.
  copy.change("trace", "mm_page_alloc: page=00000000db10905f pfn=0x552c",
              "mm_compaction_begin: mode=sync\n sh-1 [000] ..... 3.001240: "
              "mm_page_alloc: page=00000000db10905f pfn=0x552c");
  const ReplayReport compacting = copy.replay();
  check(compacting.result.allocations, 51, 51);
  CHECK(compacting.result.taken.at("chunks handed to compacting tasks") == 1);
  CHECK(compacting.agrees());
}

TEST_CASE("replay_recording notices lists that differ at T1, in order and in length", "[replay]") {
  Copy copy;
  const ReplayReport same = copy.replay();
  REQUIRE(same.agrees());
  copy.change("T1.state", "list 0 10 1 3 400 800 c00", "list 0 10 1 3 800 400 c00");
  const ReplayReport report = copy.replay();
  CHECK(!report.agrees());
  CHECK(report.result.allocations.is_perfect());
  REQUIRE(report.result.differences->size() == 1);
  const ListDifference& difference = report.result.differences->front();
  CHECK(difference.zone == "DMA");
  CHECK(difference.list == "order 10 Movable");
  CHECK(difference.position == 0);
  CHECK(difference.expected == Pfn{0x800});
  CHECK(difference.actual == Pfn{0x400});
}

TEST_CASE("replay_recording notices types, answers and tests that are not the kernel's",
          "[replay]") {
  SECTION("a pageblock has another type at T1") {
    const ReplayReport report = Copy{}.change("T1.state", " blocks 0", " blocks 2").replay();
    check(report.result.block_types, 511, 512);
    CHECK(!report.agrees());
  }
  SECTION("another free_factor at T1") {
    const ReplayReport report =
        Copy{}.change("T1.state", "free_factor 0", "free_factor 5").replay();
    check(report.result.counters, 11, 12);
    CHECK(!report.agrees());
  }
  SECTION("the kernel could isolate where the model refuses") {
    const ReplayReport report = Copy{}
                                    .change("trace", "set_migratetype_isolate.isra.0) ret=-16",
                                            "set_migratetype_isolate.isra.0) ret=0")
                                    .replay();
    check(report.result.isolated, 320, 321);
    CHECK(!report.result.attempts[1].agrees());
    CHECK(!report.agrees());
  }
  SECTION("a test ended elsewhere") {
    const ReplayReport report =
        Copy{}.change("trace", "fin_pfn=0x18000", "fin_pfn=0x17fff").replay();
    check(report.result.tested, 4, 5);
    CHECK(!report.agrees());
  }
}

TEST_CASE("replay_recording names file and line of what cannot be", "[replay]") {
  CHECK(Copy{}.remove("meta.json").fault().find("there is no meta.json") != std::string::npos);
  CHECK(Copy{}.remove("T1.state").fault().find("there is no T1.state") != std::string::npos);
  CHECK(test::fault_in([] { return replay_recording("no-such-folder", {}); }) ==
        "no-such-folder: No such file or directory");
  CHECK(Copy{}.change("trace", "pfn=0x552c order=1", "pfn=0x55200000 order=1").fault() ==
        "trace:14: page 0x55200000 is in no zone");
  CHECK(Copy{}.change("trace", "pfn=0x552c order=1", "pfn=0x552c order=11").fault() ==
        "trace:14: there can be no chunk of order 11 at 0x552c");
  CHECK(Copy{}.change("trace", "migratetype=0", "migratetype=9").fault() ==
        "trace:14: there is no migratetype 9");
  CHECK(Copy{}.change("trace", "migratetype=0", "migratetype=3").fault() ==
        "trace:14: no request has type HighAtomic");
  CHECK(Copy{}
            .change("trace", "pcp_disable: (zone_pcp_disable+0x0/0x40) zone=0xffff88803fe28600",
                    "pcp_disable: (zone_pcp_disable+0x0/0x40) zone=0x7")
            .fault()
            .ends_with(": there is no zone at 0x7"));
  CHECK(
      Copy{}.change("T0.state", "list 0 10 1 3 400 ", "list 0 10 1 3 401 ").fault().find("0x401") !=
      std::string::npos);
}

TEST_CASE("replay_trace serves a trace's requests from other memory", "[replay]") {
  const InputFile trace = InputFolder{recording_folder, example::read_file}.demand("trace");
  const ReplayReport report = example::replay_trace(trace, 1 << 15, {});
  REQUIRE(report.result.plain);
  const PlainResult& plain = *report.result.plain;
  CHECK(report.agrees());
  CHECK(plain.nr_requests == 52);
  CHECK(plain.nr_refused == 0);
  CHECK(plain.nr_frees == 230);
  // 160 chunks came online, and 23 pages were in use before.
  CHECK(plain.nr_unknown_frees == 183);
  CHECK(plain.nr_steals == plain.nr_claims);
  CHECK(plain.blocks.at(MigrateType::unmovable) > 0);
  CHECK(example::as_text(report).find("52 requests, 0 of them found no memory") !=
        std::string::npos);
}

TEST_CASE("replay_trace frees the parts of a chunk, and what is requested again", "[replay]") {
  const auto replay = [](const std::string& events) {
    std::string text;
    std::size_t begin = 0;
    while (begin < events.size()) {
      const std::size_t end = events.find('\n', begin);
      text += "  sh-1  [000]  1.000000: " + events.substr(begin, end - begin) + '\n';
      begin = end + 1;
    }
    return example::replay_trace({"trace", text}, 4096, {});
  };
  const std::string alloc = "mm_page_alloc: page=0000000000000000 pfn=";
  const std::string free = "mm_page_free: page=0000000000000000 pfn=";
  const std::string gfp = " migratetype=0 gfp_flags=GFP_KERNEL\n";

  const auto split = replay(alloc + "0x8 order=2" + gfp + free + "0xa order=0\n" + free +
                            "0x8 order=1\n" + free + "0xb order=0\n" + free + "0xb order=0\n");
  CHECK(split.result.plain->nr_requests == 1);
  CHECK(split.result.plain->nr_frees == 4);
  CHECK(split.result.plain->nr_unknown_frees == 1);  // the last page, twice

  const auto again = replay(alloc + "0x9 order=0" + gfp + alloc + "0x8 order=2" + gfp + alloc +
                            "0xb order=0" + gfp);
  CHECK(again.result.plain->nr_unseen_frees == 2);

  const auto full = replay(alloc + "0x2000 order=10" + gfp + alloc + "0x400 order=10" + gfp +
                           alloc + "0x800 order=10" + gfp + alloc + "0xc00 order=10" + gfp + alloc +
                           "0x1000 order=10" + gfp);
  CHECK(full.result.plain->nr_refused == 1);
  CHECK(full.result.plain->nr_free_pages == 0);

  CHECK(test::fault_in([&] { return replay(alloc + "0x8 order=11" + gfp); }) ==
        "trace:1: no request is of order 11 and migratetype 0");
  CHECK(test::fault_in([&] { return replay(free + "0x8 order=11\n"); }) ==
        "trace:1: no chunk has order 11");
}
