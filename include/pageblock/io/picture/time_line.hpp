// SPDX-License-Identifier: MIT
/// What happens to zones, step by step: a recording that pictures are made of.
///
/// Layer:  io.
/// Kernel: none.
///
///     TimeLine line{"a driver pins pages"};
///     line.watch(zone);
///     isolate(zone);
///     line.step(zone, {.what = "isolated by hand"});
///     write_html("line.html", line);          // time_line_html.hpp
///     write_perfetto("line.json", line);      // time_line_perfetto.hpp
///
/// A step is what is told of it, and what is seen to have changed in the zone since the last one. So a
/// time line is right whatever changes a zone, and a step that tells nothing wrong is still drawn as it
/// is. TimeLineTracer (time_line_tracer.hpp) tells every event of a zone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/page_scan.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What is told of a step.
struct TimeStep {
  std::string what;                     ///< "mm_page_alloc"
  std::string detail{};                 ///< "order 0, Movable"
  PfnRange pages{};                     ///< that it is about; empty for none
  std::optional<Cpu> cpu{};             ///< on which it happened
  bool is_refusal = false;              ///< somebody was told no
  std::optional<std::uint64_t> time{};  ///< in the line's unit; without it, the number of the step
};

/// The numbers of a zone that a time line shows.
struct ZoneNumbers {
  std::int64_t free = 0;      ///< NR_FREE_PAGES
  std::int64_t listed = 0;    ///< pages on per-CPU lists
  std::int64_t isolated = 0;  ///< pageblocks that are counted as isolated
  friend bool operator==(const ZoneNumbers&, const ZoneNumbers&) = default;
};

/// A sequence of steps, and the zones before the first.
class TimeLine {
 public:
  /// A zone, or what else has pageblocks one behind the other.
  struct Part {
    std::string name;
    Pfn start;                      ///< of the first block
    std::uint64_t block_pages = 0;  ///< pages of a block
    std::vector<SeenBlock> first;   ///< the blocks before the first step
    ZoneNumbers numbers{};          ///< before the first step
    bool has_types = true;          ///< Blocks have a migratetype that is known.
  };
  /// What was seen of a block that had changed.
  struct Change {
    std::size_t part = 0;
    std::size_t block = 0;  ///< of the part
    SeenBlock now;
    std::vector<LookRun> pages;  ///< those that look otherwise than before
  };
  /// New numbers of a part.
  struct NumberChange {
    std::size_t part = 0;
    ZoneNumbers now;
  };
  /// What is told, and what was seen.
  struct Step {
    TimeStep told;
    std::vector<Change> changes{};
    std::vector<NumberChange> numbers{};
  };

  /// @p unit: of the steps' times, such as "us" or "line".
  explicit TimeLine(std::string title, std::string unit = "step")
      : title_{std::move(title)}, unit_{std::move(unit)} {}

  [[nodiscard]] const std::string& title() const { return title_; }
  [[nodiscard]] const std::string& unit() const { return unit_; }
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }

  /// Adds a part that is no zone, as it is before the first step.
  void add_part(Part part) {
    now_.push_back(part.first);
    numbers_.push_back(part.numbers);
    parts_.push_back(std::move(part));
  }

  /// Adds a zone, as it is now. Requires: there is no step yet, and no zone of this name.
  template <ZoneConfig Config>
  void watch(const Zone<Config>& zone) {
    bug_on(!steps_.empty(), "zones are watched from the first step on");
    bug_on(find(zone.name()) != parts_.size(), "a zone of this name is watched already");
    Part part{zone.name(), first_block(zone), Zone<Config>::pageblock_nr_pages, {}};
    BlockScan<Config> scan{zone, part.start};
    for (Pfn block = part.start; block < zone.room().end; block += part.block_pages) {
      part.first.push_back(scan.next());
    }
    part.numbers = numbers_of(zone);
    add_part(std::move(part));
  }

  /// Adds a step after which nothing that is watched has changed.
  void step(TimeStep told) { steps_.push_back({std::move(told)}); }

  /// Adds a step, and looks at all blocks of @p zone. Requires: a zone of its name is watched; it may
  /// be a copy.
  template <ZoneConfig Config>
  void step(const Zone<Config>& zone, TimeStep told) {
    step(zone, std::move(told), std::span{&zone.room(), 1});
  }

  /// Adds a step, and looks at the blocks of these pages only; elsewhere nothing may have changed.
  template <ZoneConfig Config>
  void step(const Zone<Config>& zone, TimeStep told, std::span<const PfnRange> touched) {
    step(std::move(told));
    look(zone, touched);
  }

  /// Looks at the blocks of these pages: what has changed there has changed in the last step.
  /// Requires: there is a step, and a zone of this name is watched.
  template <ZoneConfig Config>
  void look(const Zone<Config>& zone, std::span<const PfnRange> touched) {
    const std::size_t part = find(zone.name());
    bug_on(part == parts_.size(), "watch() the zone before its first step");
    bug_on(steps_.empty(), "there is no step in which it could have changed");
    Step& step = steps_.back();
    const std::uint64_t size = Zone<Config>::pageblock_nr_pages;
    std::vector<std::size_t> blocks;
    for (const PfnRange& range : touched) {
      const Pfn start = std::max(range.start, zone.room().start);
      const Pfn end = std::min(range.end, zone.room().end);
      if (end <= start) continue;
      const std::size_t last = (end - 1 - parts_[part].start) / size;
      for (std::size_t block = (start - parts_[part].start) / size; block <= last; ++block) {
        blocks.push_back(block);
      }
    }
    std::ranges::sort(blocks);
    blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
    for (const std::size_t block : blocks) {
      BlockScan<Config> scan{zone, parts_[part].start + block * size};
      note(step, part, block, scan.next());
    }
    const ZoneNumbers numbers = numbers_of(zone);
    if (numbers != numbers_[part]) step.numbers.push_back({part, numbers});
    numbers_[part] = numbers;
  }

 private:
  [[nodiscard]] std::size_t find(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::find(parts_, name, &Part::name) - parts_.begin());
  }

  template <ZoneConfig Config>
  [[nodiscard]] static ZoneNumbers numbers_of(const Zone<Config>& zone) {
    ZoneNumbers numbers{zone.nr_free_pages(), 0, zone.nr_pageblock_isolate()};
    for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) numbers.listed += zone.pcp(Cpu{cpu}).count;
    return numbers;
  }

  void note(Step& step, std::size_t part, std::size_t block, SeenBlock seen) {
    // A zone may have grown.
    std::vector<SeenBlock>& blocks = now_[part];
    if (block >= blocks.size()) {
      blocks.resize(block + 1);
      parts_[part].first.resize(block + 1);
    }
    if (blocks[block] == seen) return;
    step.changes.push_back({part, block, seen, changed_pages(blocks[block].runs, seen.runs)});
    blocks[block] = std::move(seen);
  }

  // Returns the parts of the new runs that are not as they were.
  [[nodiscard]] static std::vector<LookRun> changed_pages(const std::vector<LookRun>& before,
                                                          const std::vector<LookRun>& after) {
    std::vector<LookRun> changed;
    auto old = before.begin();
    for (const LookRun& run : after) {
      for (Pfn pfn = run.start; pfn < run.start + run.nr_pages;) {
        while (old != before.end() && old->start + old->nr_pages <= pfn) ++old;
        Pfn end = run.start + run.nr_pages;
        const bool is_first = pfn == run.start;
        bool is_same = false;
        if (old != before.end()) {
          end = std::min(end, old->start + old->nr_pages);
          // The first page of a chunk is told from the others.
          const bool was_head = old->is_head && pfn == old->start;
          const bool is_head = run.is_head && is_first;
          is_same = old->look == run.look && was_head == is_head;
          if (was_head != is_head) end = pfn + 1;
        }
        if (!is_same) add_run(changed, {pfn, end - pfn, run.look, run.is_head && is_first});
        pfn = end;
      }
    }
    return changed;
  }
  static void add_run(std::vector<LookRun>& runs, const LookRun& run) {
    if (!runs.empty() && !run.is_head && runs.back().look == run.look &&
        runs.back().start + runs.back().nr_pages == run.start) {
      runs.back().nr_pages += run.nr_pages;
    } else {
      runs.push_back(run);
    }
  }

  std::string title_;
  std::string unit_;
  std::vector<Part> parts_;
  std::vector<Step> steps_;
  std::vector<std::vector<SeenBlock>> now_;  // of each part
  std::vector<ZoneNumbers> numbers_;
};

}  // namespace pageblock
