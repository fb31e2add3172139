// SPDX-License-Identifier: MIT
/// A scenario: a zone, threads, and what must hold.
///
///     using Kernel = interleave::Tiny<kernel::v6_1, 1, 3>;  // blocks of 2 pages, chunks of up to 8
///     interleave::Scenario<Kernel> race{"two ranges", {.spanned_pages = 8, .nr_cpus = 2}};
///     race.thread("X").then("contig [0, 6)", [](auto& world) {
///       world.returns(alloc_contig_range(world.zone, Cpu{0}, Pfn{0}, Pfn{6}, MigrateType::movable));
///     });
///     race.thread("Y").then("contig [4, 8)", [](auto& world) {
///       world.returns(alloc_contig_range(world.zone, Cpu{1}, Pfn{4}, Pfn{8}, MigrateType::movable));
///     });
///     race.holds(interleave::rules::isolation_stays<Kernel>());
///     const auto result = interleave::search(race.program(), {.bound = 2});
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gsl/util>

#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_rules.hpp"
#include "pageblock/lab/interleave_world.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock::interleave {

/// Describes a program for the explorer. Its address must not change while the program is used.
template <ZoneConfig Config>
class Scenario {
 public:
  using World = interleave::World<Config>;

  /// A zone as @p layout says, of at most 64 pages.
  Scenario(std::string name, ZoneLayout layout) : layout_{std::move(layout)} {
    bug_on(layout_.spanned_pages > most_pages, "a scenario's zone has at most 64 pages");
    program_.name = std::move(name);
    program_.reset = [this] { world_.reset(start()); };
    program_.image = [this](std::string& image) { world_.append_image(image); };
    program_.check = [this](When when, unsigned thread) { return check(when, thread); };
    program_.outcome = [this] { return outcome(); };
    program_.picture = [this] { return picture(); };
    program_.resize = [this](bool smaller) {
      constexpr std::uint64_t block = Zone<Config>::pageblock_nr_pages;
      if (smaller && layout_.spanned_pages <= block) return false;
      layout_.spanned_pages += smaller ? 0 - block : block;
      is_set_up_ = false;
      return true;
    };
  }
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;
  ~Scenario() = default;

  /// What is done to the zone, by nobody in particular, before the threads begin.
  Scenario& before(std::function<void(World&)> setup) {
    setup_ = std::move(setup);
    return *this;
  }

  /// Adds operations to a thread.
  class ThreadBuilder {
   public:
    /// Adds one that is run once, or until it returns true if it returns a bool.
    template <typename Body>
    ThreadBuilder& then(std::string name, Body body) {
      World& world = scenario_->world_;
      scenario_->program_.threads[thread_].operations.push_back(
          {std::move(name), [&world, body = std::move(body)]() -> bool {
             if constexpr (std::is_same_v<std::invoke_result_t<Body, World&>, bool>) {
               return body(world);
             } else {
               body(world);
               return true;
             }
           }});
      return *this;
    }

   private:
    friend class Scenario;
    ThreadBuilder(Scenario& scenario, std::size_t thread) : scenario_{&scenario}, thread_{thread} {}
    Scenario* scenario_;
    std::size_t thread_;
  };

  /// Adds a thread. A name is a letter, or a word.
  ThreadBuilder thread(std::string name) {
    bug_on(program_.threads.size() == max_threads, "a scenario has at most 8 threads");
    program_.threads.push_back({std::move(name), {}, {}});
    return {*this, program_.threads.size() - 1};
  }
  /// Adds a thread that interrupts the CPU of thread number @p target.
  ThreadBuilder interrupt(std::string name, unsigned target) {
    ThreadBuilder builder = thread(std::move(name));
    program_.threads.back().interrupts = target;
    return builder;
  }

  /// Adds what must hold.
  Scenario& holds(Rule<Config> rule) {
    rules_.push_back(std::move(rule));
    return *this;
  }
  /// The same, by a function that says what is wrong.
  Scenario& holds(std::string name, When when,
                  std::function<std::optional<std::string>(const World&)> broken) {
    rules_.push_back(
        {std::move(name), when,
         [broken = std::move(broken)](const World& world, unsigned) { return broken(world); }});
    return *this;
  }
  /// Says how the threads may end: outcomes as "X: ok, Y: -EBUSY". Any other is a finding of the rule
  /// @p name (V9: refused for no reason).
  Scenario& expect(std::vector<std::string> outcomes, std::string name = "V9") {
    expected_ = std::move(outcomes);
    expected_name_ = std::move(name);
    return *this;
  }

  /// The zone as the last run has left it; during a run, as it is.
  [[nodiscard]] const Zone<Config>& zone() const { return world_.zone; }
  /// What the explorer runs.
  [[nodiscard]] const Program& program() const { return program_; }

 private:
  const Zone<Config>& start() {
    if (!is_set_up_) {
      start_ = Zone<Config>{layout_};
      world_.reset(start_);
      Runner* const runner =
          std::exchange(Runner::current(), nullptr);  // nobody comes between here
      const auto again = gsl::finally([runner] { Runner::current() = runner; });
      if (setup_) setup_(world_);
      world_.keep_values();
      start_ = world_.zone;
      is_set_up_ = true;
    }
    return start_;
  }

  std::optional<Finding> check(When when, unsigned thread) {
    for (const Rule<Config>& rule : rules_) {
      if (rule.when != when) continue;
      if (auto text = rule.broken(world_, thread)) return Finding{rule.name, std::move(*text)};
    }
    if (when == When::step) {
      world_.remember();
    } else if (!expected_.empty()) {
      const std::string got = outcome();
      for (const std::string& one : expected_) {
        if (one == got) return {};
      }
      return Finding{expected_name_,
                     fmt::format("the outcome \"{}\" is none of those expected", got)};
    }
    return {};
  }

  [[nodiscard]] std::string outcome() const {
    std::string text;
    for (unsigned id = 0; id < program_.threads.size(); ++id) {
      if (world_.outcome_of(id).empty()) continue;
      if (!text.empty()) text += ", ";
      text += fmt::format("{}: {}", program_.threads[id].name, world_.outcome_of(id));
    }
    return text;
  }

  // A line for each block: its type, and what its pages are.
  [[nodiscard]] std::vector<std::string> picture() const {
    std::vector<std::string> lines;
    const Zone<Config>& zone = world_.zone;
    for (std::size_t block = 0; block < zone.pageblock_flags().size(); ++block) {
      const Pfn first = zone.pageblock_flags().start_of(block);
      std::string line =
          fmt::format("block {} {:<10}", block, fmt::format("{}", zone.pageblock_flags()[block]));
      for (Pfn pfn = first; pfn < first + Zone<Config>::pageblock_nr_pages; ++pfn) {
        line += fmt::format(" {}:{}", pfn, describe(pfn));
      }
      lines.push_back(std::move(line));
    }
    lines.push_back(fmt::format("free pages {}, isolated blocks {}", zone.nr_free_pages(),
                                zone.nr_pageblock_isolate()));
    return lines;
  }
  [[nodiscard]] std::string describe(Pfn pfn) const {
    const Zone<Config>& zone = world_.zone;
    const PageBits bits = zone.memmap().bits(pfn);
    if (!bits.is_valid()) return "hole";
    if (bits.has(PageBits::buddy)) {
      return fmt::format("free{}({})",
                         bits.order().value() == 0 ? "" : fmt::format("^{}", bits.order()),
                         bits.list_type());
    }
    if (bits.has(PageBits::in_use)) return "used";
    for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
      for (const PcpList& list : zone.pcp(Cpu{id}).lists) {
        for (std::size_t i = 0; i < list.size(); ++i) {
          if (list[i] == pfn) return fmt::format("pcp{}", id);
        }
      }
    }
    return "-";
  }

  ZoneLayout layout_;
  std::function<void(World&)> setup_;
  bool is_set_up_ = false;
  Zone<Config> start_;
  World world_;
  std::vector<Rule<Config>> rules_;
  std::vector<std::string> expected_;
  std::string expected_name_;
  Program program_;
};

}  // namespace pageblock::interleave
