// SPDX-License-Identifier: MIT
/// Breadth-first search over the states of a tiny zone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "search/expectations.hpp"
#include "search/questions.hpp"
#include "search/state.hpp"
#include "support/operation.hpp"

namespace pageblock::search {

/// What to search, and how far.
struct Plan {
  std::string name;
  /// What makes the zone, in C++, with TYPE for the type of its first block.
  std::string code;
  std::vector<ZoneLayout> layouts;
  /// The rows that the search must find.
  std::vector<Row> rows;
};

/// Where a search ends that finds no end by itself.
inline constexpr std::uint64_t most_transitions = 26'000'000;

/// A row of the flaws, and the shortest way to it.
struct Sighting {
  std::string text;
  std::vector<std::string> program;  // lines of C++
};

/// What a search came to.
struct Report {
  std::uint64_t states = 0;
  std::uint64_t transitions = 0;
  std::uint64_t questions = 0;
  std::uint64_t visited = 0;  // states whose transitions were all tried
  unsigned depth = 0;         // all states up to it are known
  bool is_complete = false;
  std::uint64_t nr_not_followed = 0;
  std::array<std::optional<Sighting>, nr_rows + 1> rows;  // [0]: a finding that no row explains
  std::array<std::uint64_t, nr_rows + 1> nr_found{};
  std::uint64_t nr_handed_out = 0;  // pages of isolated blocks
};

template <ZoneConfig Config>
class Search {
 public:
  explicit Search(const Plan& plan) : plan_{plan} {}

  Report run(std::uint64_t limit) {
    for (std::size_t i = 0; i < plan_.layouts.size(); ++i) {
      nodes_.push_back({.state = {.zone = Zone<Config>{plan_.layouts[i]}},
                        .layout = static_cast<std::uint32_t>(i)});
      nodes_.back().state.zone.set_pageset(
          2, 2);  // so that both refills and drains take more than one
      keep_last_if_new();
    }
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
      if (report_.transitions >= limit) break;
      visit(at);
      if (report_.rows[unexplained]) break;
      ++nr_visited_;
    }
    report_.is_complete = nr_visited_ == nodes_.size();
    report_.states = nodes_.size();
    // A level is complete when a state of the next one is visited.
    report_.depth = report_.is_complete ? nodes_.back().depth : nodes_[nr_visited_].depth;
    report_.visited = nr_visited_;
    return std::move(report_);
  }

 private:
  // The counter of isolated blocks grows without end, as row 6 lets it. Only watermarks and the
  // check in undo look at it, so what lies beyond this many blocks too many is not followed.
  static constexpr std::int64_t most_excess = 1;

  static constexpr std::array undo_types{MigrateType::movable, MigrateType::unmovable};

  struct Node {
    State<Config> state;
    Exposure exposure{};
    std::size_t hash = 0;
    std::uint32_t parent = 0;
    std::uint32_t layout = 0;  // of a root
    std::uint16_t operation = 0;
    std::uint16_t depth = 0;
  };

  struct Hash {
    const std::deque<Node>* nodes;
    std::size_t operator()(std::uint32_t node) const { return (*nodes)[node].hash; }
  };
  struct Equal {
    const std::deque<Node>* nodes;
    bool operator()(std::uint32_t a, std::uint32_t b) const {
      return (*nodes)[a].hash == (*nodes)[b].hash && (*nodes)[a].state == (*nodes)[b].state;
    }
  };

  void keep_last_if_new() {
    Node& node = nodes_.back();
    node.hash = node.state.hash();
    if (!seen_.insert(static_cast<std::uint32_t>(nodes_.size() - 1)).second) nodes_.pop_back();
  }

  void visit(std::uint32_t at) {
    const Picture picture = picture_of(nodes_[at].state);
    Questions<Config> questions;
    report_.questions += questions.ask(nodes_[at].state, picture);
    for (const auto& [finding, question] : questions.findings()) note(finding, at, &question);

    const std::vector<Operation> operations = operations_of(nodes_[at].state);
    for (std::size_t i = 0; i < operations.size(); ++i) {
      ++report_.transitions;
      const Operation& op = operations[i];
      nodes_.push_back({.state = nodes_[at].state,
                        .parent = at,
                        .operation = static_cast<std::uint16_t>(i),
                        .depth = static_cast<std::uint16_t>(nodes_[at].depth + 1)});
      Node& next = nodes_.back();
      const Result result = test::perform(next.state.zone, op);
      if (op.call == Call::alloc_pages && result.value >= 0) {
        held_at(next.state, Pfn{static_cast<std::uint64_t>(result.value)}) =
            static_cast<std::uint8_t>(op.order.value() + 1);
      }
      if (op.call == Call::free_pages) held_at(next.state, op.pfn) = 0;
      const Transition<Config> step{nodes_[at].state, picture,   nodes_[at].exposure, op,
                                    result,           next.state};
      Expectations<Config> expectations{step};
      for (const Finding& finding : expectations.check()) note(finding, at, &op);
      next.exposure = expectations.exposure();
      report_.nr_handed_out += expectations.nr_handed_out();
      if (next.state.zone.nr_pageblock_isolate() - nr_isolated(next.state.zone) > most_excess) {
        ++report_.nr_not_followed;
        nodes_.pop_back();
      } else {
        keep_last_if_new();
      }
    }
  }

  static std::uint8_t& held_at(State<Config>& state, Pfn pfn) {
    return state.held[pfn - state.zone.start_pfn()];
  }

  // Every call that a well-behaved caller could make.
  [[nodiscard]] std::vector<Operation> operations_of(const State<Config>& state) const {
    std::vector<Operation> operations;
    const Zone<Config>& zone = state.zone;
    const auto add = [&](const Operation& op) { operations.push_back(op); };
    for (const MigrateType type : pcp_types) {
      for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) {
        add({.call = Call::alloc_pages, .cpu = Cpu{cpu}, .type = type});
        add({.call = Call::alloc_pages,
             .cpu = Cpu{cpu},
             .type = type,
             .temperature = Temperature::cold});
      }
      for (Order order{1}; order <= Zone<Config>::top_order; ++order) {
        add({.call = Call::alloc_pages, .order = order, .type = type});
      }
    }
    for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
      const unsigned held = state.held[pfn - zone.start_pfn()];
      if (held == 1) {
        for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) {
          add({.call = Call::free_pages, .cpu = Cpu{cpu}, .pfn = pfn});
          add({.call = Call::free_pages,
               .cpu = Cpu{cpu},
               .pfn = pfn,
               .temperature = Temperature::cold});
        }
      } else if (held > 1) {
        add({.call = Call::free_pages, .pfn = pfn, .order = Order{held - 1}});
      }
      if (!zone.is_valid(pfn)) continue;
      add({.call = Call::set_migratetype_isolate, .pfn = pfn});
      for (const MigrateType type : undo_types) {
        add({.call = Call::unset_migratetype_isolate, .pfn = pfn, .type = type});
      }
    }
    const Pfn first = zone.start_pfn().align_down(Zone<Config>::pageblock_order);
    for (Pfn start = first; start < zone.end_pfn(); start += Zone<Config>::pageblock_nr_pages) {
      for (Pfn end = start; end < zone.end_pfn();) {
        end += Zone<Config>::pageblock_nr_pages;
        for (const MigrateType type : undo_types) {
          add({.call = Call::start_isolate_page_range, .pfn = start, .end = end, .type = type});
          add({.call = Call::undo_isolate_page_range, .pfn = start, .end = end, .type = type});
        }
      }
    }
    for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) {
      add({.call = Call::drain_pages, .cpu = Cpu{cpu}});
    }
    add({.call = Call::drain_all_pages});
    return operations;
  }

  void note(const Finding& finding, std::uint32_t at, const Operation* last) {
    ++report_.nr_found[finding.row];
    auto& sighting = report_.rows[finding.row];
    if (sighting) return;
    sighting = Sighting{finding.text, {}};
    sighting->program.push_back(to_code(*last) + ";");
    while (nodes_[at].depth != 0) {
      const Node& parent = nodes_[nodes_[at].parent];
      sighting->program.push_back(to_code(operations_of(parent.state)[nodes_[at].operation]) + ";");
      at = nodes_[at].parent;
    }
    const MigrateType type = plan_.layouts[nodes_[at].layout].block_types.front().type;
    sighting->program.push_back(fmt::format("// TYPE is {}", test::to_code(type)));
    std::ranges::reverse(sighting->program);
  }

  const Plan& plan_;
  std::deque<Node> nodes_;
  std::unordered_set<std::uint32_t, Hash, Equal> seen_{1024, Hash{&nodes_}, Equal{&nodes_}};
  std::uint64_t nr_visited_ = 0;
  Report report_;
};

}  // namespace pageblock::search
