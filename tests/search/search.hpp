// SPDX-License-Identifier: MIT
/// Breadth-first search over the states of a tiny zone.
///
/// States are visited in the order in which they were found, several threads some hundred at a time. A
/// thread only reads what is known and notes what it found; then all is taken over in the states' order.
/// So a search comes to the same whatever the number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "search/calls.hpp"
#include "search/expectations.hpp"
#include "search/questions.hpp"
#include "search/state.hpp"
#include "support/operation.hpp"
#include "support/throwing_handler.hpp"

namespace pageblock::search {

/// What to search, and how far.
struct Plan {
  std::string name;
  /// What makes the zone, in C++, with TYPE for the type of its first block.
  std::string code;
  std::vector<ZoneLayout> layouts;
  /// Limits of the per-CPU lists with which refills and drains take more than one page, if they can.
  Pageset pageset;
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
  Search(const Plan& plan, unsigned nr_threads) : plan_{plan}, nr_threads_{nr_threads} {}

  Report run(std::uint64_t limit) {
    const test::ThrowingHandler handler;  // one for all threads
    for (std::size_t i = 0; i < plan_.layouts.size(); ++i) {
      Node node{.state = {.zone = Zone<Config>{plan_.layouts[i]}},
                .layout = static_cast<std::uint32_t>(i)};
      node.state.zone.set_pageset(plan_.pageset);
      node.hash = node.state.hash();
      keep_if_new(std::move(node));
    }
    while (nr_visited_ < nodes_.size() && !is_over(limit)) {
      std::vector<Visit> visits = visit_next();
      for (Visit& visit : visits) {
        if (is_over(limit)) break;
        take_over(std::move(visit));
      }
    }
    report_.is_complete = nr_visited_ == nodes_.size();
    report_.states = nodes_.size();
    // A level is complete when a state of the next one is visited.
    report_.depth = report_.is_complete ? nodes_.back().depth : nodes_[nr_visited_].depth;
    report_.visited = nr_visited_;
    return std::move(report_);
  }

 private:
  // What grows without end. Only watermarks and the check in undo look at it, so what lies beyond is
  // not followed.
  static constexpr std::int64_t most_excess = 1;
  static constexpr std::int64_t most_drift = 4;

  // As many states are visited before what was found is taken over.
  static constexpr std::size_t at_once = 512;

  struct Node {
    State<Config> state;
    Exposure exposure{};
    std::size_t hash = 0;
    std::uint32_t parent = 0;
    std::uint32_t layout = 0;  // of a root
    std::uint16_t operation = 0;
    std::uint16_t depth = 0;
  };

  // What a thread found in one state.
  struct Visit {
    struct Note {
      Finding finding;
      Operation last;
    };
    std::vector<Note> notes;
    std::vector<Node> next;  // states that were not known when it began
    std::uint64_t transitions = 0;
    std::uint64_t questions = 0;
    std::uint64_t nr_not_followed = 0;
    std::uint64_t nr_handed_out = 0;
  };

  // The set of states holds their numbers, and is asked for states that have none yet.
  struct Hash {
    using is_transparent = void;
    const std::deque<Node>* nodes;
    std::size_t operator()(std::uint32_t node) const { return (*nodes)[node].hash; }
    std::size_t operator()(const Node& node) const { return node.hash; }
  };
  struct Equal {
    using is_transparent = void;
    const std::deque<Node>* nodes;
    bool operator()(const auto& a, const auto& b) const {
      return node(a).hash == node(b).hash && node(a).state == node(b).state;
    }
    [[nodiscard]] const Node& node(std::uint32_t number) const { return (*nodes)[number]; }
    [[nodiscard]] const Node& node(const Node& itself) const { return itself; }
  };

  [[nodiscard]] bool is_over(std::uint64_t limit) const {
    return report_.transitions >= limit || report_.rows[unexplained];
  }

  void keep_if_new(Node&& node) {
    if (seen_.find(node) != seen_.end()) return;
    nodes_.push_back(std::move(node));
    seen_.insert(static_cast<std::uint32_t>(nodes_.size() - 1));
  }

  // Visits the next states, and changes nothing.
  std::vector<Visit> visit_next() {
    std::vector<Visit> visits(std::min(at_once, nodes_.size() - nr_visited_));
    std::atomic<std::size_t> next{0};
    std::vector<std::exception_ptr> errors(nr_threads_);
    const auto work = [&](unsigned id) {
      try {
        for (std::size_t i; (i = next++) < visits.size();) {
          visit(static_cast<std::uint32_t>(nr_visited_ + i), visits[i]);
        }
      } catch (...) {
        errors[id] = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> others;
      for (unsigned id = 1; id < nr_threads_; ++id) others.emplace_back(work, id);
      work(0);
    }
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
    return visits;
  }

  void visit(std::uint32_t at, Visit& visit) const {
    const Node& node = nodes_[at];
    const Picture picture = picture_of(node.state);
    Questions<Config> questions;
    visit.questions = questions.ask(node.state, picture);
    for (const auto& [finding, question] : questions.findings()) {
      visit.notes.push_back({finding, question});
    }

    const std::vector<Operation> calls = calls_in(node.state);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      ++visit.transitions;
      const Operation& op = calls[i];
      Node next{.state = node.state,
                .parent = at,
                .operation = static_cast<std::uint16_t>(i),
                .depth = static_cast<std::uint16_t>(node.depth + 1)};
      const Result result = test::perform_handled(next.state.zone, op);
      if (op.call == Call::alloc_pages && result.value >= 0) {
        held_at(next.state, Pfn{static_cast<std::uint64_t>(result.value)}) =
            static_cast<std::uint8_t>(op.order.value() + 1);
      }
      if (op.call == Call::free_pages) held_at(next.state, op.pfn) = 0;
      const Transition<Config> step{node.state, picture, node.exposure, op, result, next.state};
      Expectations<Config> expectations{step};
      for (Finding& finding : expectations.check()) {
        visit.notes.push_back({std::move(finding), op});
      }
      next.exposure = expectations.exposure();
      visit.nr_handed_out += expectations.nr_handed_out();
      if (!is_followed(next.state, step.is)) {
        ++visit.nr_not_followed;
        continue;
      }
      next.hash = next.state.hash();
      if (seen_.find(next) == seen_.end()) visit.next.push_back(std::move(next));
    }
  }

  [[nodiscard]] static bool is_followed(const State<Config>& state, const Picture& picture) {
    if (state.zone.nr_pageblock_isolate() - nr_isolated(state.zone) > most_excess) return false;
    const Drift drift = drift_of(state.zone, picture);
    return std::max(std::abs(drift.free), std::abs(drift.free_cma)) <= most_drift;
  }

  void take_over(Visit&& visit) {
    const auto at = static_cast<std::uint32_t>(nr_visited_);
    report_.transitions += visit.transitions;
    report_.questions += visit.questions;
    report_.nr_not_followed += visit.nr_not_followed;
    report_.nr_handed_out += visit.nr_handed_out;
    for (const auto& [finding, last] : visit.notes) note(finding, at, last);
    for (Node& next : visit.next) keep_if_new(std::move(next));
    if (!report_.rows[unexplained]) ++nr_visited_;
  }

  static std::uint8_t& held_at(State<Config>& state, Pfn pfn) {
    return state.held[pfn - state.zone.start_pfn()];
  }

  void note(const Finding& finding, std::uint32_t at, const Operation& last) {
    ++report_.nr_found[finding.row];
    auto& sighting = report_.rows[finding.row];
    if (sighting) return;
    sighting = Sighting{finding.text(), {}};
    const auto add = [&](const Operation& op) {
      sighting->program.push_back(test::to_code_for<Config>(op) + ";");
    };
    add(last);
    while (nodes_[at].depth != 0) {
      add(calls_in(nodes_[nodes_[at].parent].state)[nodes_[at].operation]);
      at = nodes_[at].parent;
    }
    const MigrateType type = plan_.layouts[nodes_[at].layout].block_types.front().type;
    sighting->program.push_back(fmt::format("// TYPE is {}", test::to_code(type)));
    std::ranges::reverse(sighting->program);
  }

  const Plan& plan_;
  const unsigned nr_threads_;
  std::deque<Node> nodes_;
  std::unordered_set<std::uint32_t, Hash, Equal> seen_{1024, Hash{&nodes_}, Equal{&nodes_}};
  std::uint64_t nr_visited_ = 0;
  Report report_;
};

}  // namespace pageblock::search
