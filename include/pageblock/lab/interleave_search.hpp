// SPDX-License-Identifier: MIT
/// Runs a program in many orders, and finds those in which a rule is broken.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/lab/interleave_checkpoint.hpp"
#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_schedule.hpp"
#include "pageblock/lab/interleave_states.hpp"
#include "pageblock/lab/interleave_steps.hpp"

namespace pageblock::interleave {

/// In what order schedules are tried.
enum class Strategy : std::uint8_t {
  bounded,  ///< All with no preemption, then all with one, and so on up to a bound.
  breadth,  ///< State by state, those with the fewest choices first: no bound.
  random,   ///< Each choice by chance.
  pct       ///< Priorities by chance, which change at a few steps chosen by chance.
};

/// Returns the name of a strategy.
[[nodiscard]] constexpr std::string_view to_string(Strategy strategy) {
  constexpr std::array<std::string_view, 4> names{"bounded", "breadth", "random", "pct"};
  return names[static_cast<std::size_t>(strategy)];
}

struct Result;

/// How to search.
struct SearchOptions {
  Strategy strategy = Strategy::bounded;
  unsigned bound = 2;  ///< The most preemptions (bounded); the changes of priority plus one (pct).
  Yields yields = all_yields;  ///< At which places another thread may come between.
  bool joins = true;           ///< Whether runs that meet are joined (bounded).
  bool skips_local = true;     ///< Whether places at which a switch makes no difference are passed.
  bool stops_at_first = true;  ///< Else one finding of each rule is kept.
  std::uint64_t most_runs = 10'000'000;
  std::size_t most_steps = 2000;  ///< Of one run.
  std::uint64_t seed = 1;         ///< For what is left to chance.
  /// Where to go on with a search that was cut short (bounded): its Result::checkpoint.
  std::optional<Checkpoint> resume{};
  /// Is called now and then; returns whether to go on.
  std::function<bool(const Result&)> progress{};
};

/// A broken rule, and the run in which it was.
struct Found {
  Finding finding;
  Schedule schedule;
  unsigned preemptions = 0;
  unsigned switches = 0;
  std::uint64_t after_runs = 0;
};

/// An outcome, how often it came, and once how.
struct Outcome {
  std::uint64_t runs = 0;
  Schedule schedule;
};

/// What a search found, and how far it got.
struct Result {
  Strategy strategy = Strategy::bounded;
  unsigned bound = 0;  ///< That was searched last, completely or not (bounded).
  std::uint64_t runs = 0;
  std::uint64_t steps = 0;
  std::uint64_t joined = 0;    ///< Runs that ended where another had been.
  std::uint64_t too_long = 0;  ///< Runs that were cut at the limit of steps.
  std::uint64_t states = 0;
  std::size_t state_bytes = 0;  ///< Memory that the states took, one bound after the other.
  std::size_t longest = 0;      ///< Steps of the longest run.
  bool is_complete = false;     ///< Everything within the bound was tried.
  std::vector<Found> found;
  std::map<std::string, Outcome> outcomes;
  std::optional<std::string> lock_circle;  ///< Locks that are taken in a circle.
  std::optional<Checkpoint> checkpoint;    ///< Where to go on, if it was cut short (bounded).
};

namespace detail {

/// One search.
class Searcher {
 public:
  Searcher(const Program& program, const SearchOptions& options)
      : program_{program}, options_{options}, runner_{program} {
    run_options_.yields = options.yields;
    run_options_.skips_local = options.skips_local;
    run_options_.most_steps = options.most_steps;
    result_.strategy = options.strategy;
  }

  Result run() {
    switch (options_.strategy) {
      case Strategy::bounded:
        search_bounded();
        break;
      case Strategy::breadth:
        search_breadth();
        break;
      case Strategy::random:
        search_random();
        break;
      case Strategy::pct:
        search_pct();
        break;
    }
    result_.lock_circle = runner_.lock_order().circle();
    return std::move(result_);
  }

 private:
  // A choice on the way of the run that is being made.
  struct Node {
    std::uint32_t enabled = 0;  // nobody: the way was read, and not gone yet
    std::uint32_t tried = 0;
    unsigned chosen = 0;
    unsigned current = 0;
    bool is_free = false;
    unsigned preemptions = 0;  // before it
    States::Moment moment{};
  };

  [[nodiscard]] unsigned cost(const Node& node, unsigned thread) const {
    if (node.is_free || thread == node.current) return 0;
    return program_.threads[thread].interrupts == node.current ? 0 : 1;
  }
  [[nodiscard]] static unsigned first_of(const Choice& choice) {
    if ((choice.enabled >> choice.current & 1U) != 0) return choice.current;
    return static_cast<unsigned>(std::countr_zero(choice.enabled));
  }

  // Makes a run, and notes what it shows. Returns whether to go on.
  bool run_once(const Chooser& choose) {
    const Run& run = runner_.run(run_options_, choose);
    ++result_.runs;
    result_.steps += run.steps.size();
    result_.longest = std::max(result_.longest, run.steps.size());
    bool goes_on = true;
    switch (run.end) {
      case End::complete: {
        Outcome& outcome = result_.outcomes[run.outcome];
        if (outcome.runs++ == 0) outcome.schedule = schedule_of(run);
        break;
      }
      case End::found:
        goes_on = !add(run);
        break;
      case End::stopped:
        break;
      case End::too_long:
        ++result_.too_long;
        break;
    }
    if (result_.runs >= options_.most_runs) goes_on = false;
    if (options_.progress && result_.runs % 256 == 0 && !options_.progress(result_))
      goes_on = false;
    return goes_on;
  }

  // Keeps a finding, unless its rule is known. Returns whether that is enough.
  bool add(const Run& run) {
    for (const Found& known : result_.found) {
      if (known.finding.rule == run.finding->rule) return false;
    }
    result_.found.push_back(
        {*run.finding, schedule_of(run), run.preemptions, run.switches, result_.runs});
    return options_.stops_at_first;
  }

  void search_bounded() {
    const Checkpoint from = options_.resume.value_or(Checkpoint{});
    std::vector<Node> path;
    for (const auto& [chosen, tried] : from.choices)
      path.push_back({.tried = tried, .chosen = chosen});
    result_.is_complete = true;
    for (unsigned bound = from.bound; bound <= options_.bound; ++bound) {
      result_.bound = bound;
      result_.is_complete = search_up_to(bound, path);
      if (!result_.is_complete) {
        result_.checkpoint = checkpoint_of(bound, path);
        return;
      }
    }
  }

  // What comes next; where a bound is done, that is the next one.
  [[nodiscard]] static Checkpoint checkpoint_of(unsigned bound, const std::vector<Node>& path) {
    Checkpoint checkpoint{path.empty() ? bound + 1 : bound, {}};
    for (const Node& node : path) checkpoint.choices.push_back({node.chosen, node.tried});
    return checkpoint;
  }

  // Sets what is known of a node when a run comes by.
  void arrive(std::vector<Node>& path, std::size_t depth, const Choice& choice, States& states) {
    Node& node = path[depth];
    const Node* const before = depth == 0 ? nullptr : &path[depth - 1];
    node.enabled = choice.enabled;
    node.current = choice.current;
    node.is_free = choice.is_free;
    node.preemptions = before == nullptr ? 0 : before->preemptions + cost(*before, before->chosen);
    if (!options_.joins) return;
    node.moment = states.moment_of(runner_, choice, before == nullptr ? nullptr : &before->moment,
                                   before == nullptr ? 0 : before->chosen);
  }

  // All runs with so many preemptions or fewer, from @p path on. Returns whether it got to the end; else
  // the path is that of the next run.
  bool search_up_to(unsigned bound, std::vector<Node>& path) {
    States states;
    std::size_t depth = 0;
    bool is_other_program = false;
    const Chooser choose = [&](const Choice& choice) -> std::optional<unsigned> {
      if (depth < path.size()) {
        Node& node = path[depth];
        if (node.enabled == 0) {
          arrive(path, depth, choice, states);
          is_other_program = (node.enabled >> node.chosen & 1U) == 0 || node.preemptions > bound;
          if (is_other_program) return std::nullopt;
          if (options_.joins) {
            static_cast<void>(states.was_here(node.moment, bound - node.preemptions));
          }
        }
        ++depth;
        return node.chosen;
      }
      path.push_back({.chosen = first_of(choice)});
      arrive(path, depth, choice, states);
      Node& node = path.back();
      if (options_.joins && states.was_here(node.moment, bound - node.preemptions)) {
        path.pop_back();
        ++result_.joined;
        return std::nullopt;
      }
      node.tried = 1U << node.chosen;
      ++depth;
      return node.chosen;
    };
    const std::uint64_t states_before = result_.states;
    const std::size_t bytes_before = result_.state_bytes;
    for (;;) {
      depth = 0;
      const bool goes_on = run_once(choose);
      is_other_program = is_other_program || (!path.empty() && path.back().enabled == 0);
      if (is_other_program) throw std::invalid_argument{"the checkpoint is of another program"};
      result_.states = states_before + states.size();
      result_.state_bytes = bytes_before + states.bytes();
      const bool has_more = advance(path, bound);
      if (!goes_on) return false;
      if (!has_more) return true;
    }
  }

  // Takes the last choice that has another answer within the bound. Returns whether there is one.
  bool advance(std::vector<Node>& path, unsigned bound) const {
    for (; !path.empty(); path.pop_back()) {
      Node& node = path.back();
      for (std::uint32_t left = node.enabled & ~node.tried; left != 0; left &= left - 1) {
        const auto thread = static_cast<unsigned>(std::countr_zero(left));
        node.tried |= 1U << thread;
        if (node.preemptions + cost(node, thread) > bound) continue;
        node.chosen = thread;
        return true;
      }
    }
    return false;
  }

  void search_breadth() {
    States states;
    struct Way {
      std::vector<std::uint8_t> chosen;
      std::uint32_t enabled;
    };
    std::deque<Way> ways;
    std::vector<std::uint8_t> chosen;  // of the way to try
    std::size_t depth = 0;
    States::Moment before;
    // Follows the way, and notes where it leads.
    const Chooser choose = [&](Choice choice) -> std::optional<unsigned> {
      const bool is_first = depth == 0;
      choice.is_free = true;  // who runs on makes no difference
      const States::Moment now = states.moment_of(runner_, choice, is_first ? nullptr : &before,
                                                  is_first ? 0 : chosen[depth - 1]);
      before = now;
      if (depth < chosen.size()) return chosen[depth++];
      if (states.was_here(now, 0)) {
        ++result_.joined;
      } else {
        ways.push_back({chosen, choice.enabled});
      }
      return std::nullopt;
    };
    bool goes_on = run_once(choose);
    while (goes_on && !ways.empty()) {
      const Way way = std::move(ways.front());
      ways.pop_front();
      for (std::uint32_t left = way.enabled; left != 0 && goes_on; left &= left - 1) {
        chosen = way.chosen;
        chosen.push_back(static_cast<std::uint8_t>(std::countr_zero(left)));
        depth = 0;
        goes_on = run_once(choose);
      }
      result_.states = states.size();
      result_.state_bytes = states.bytes();
    }
    result_.is_complete = goes_on;
  }

  void search_random() {
    std::mt19937_64 random{options_.seed};
    const Chooser choose = [&](const Choice& choice) -> std::optional<unsigned> {
      auto nth = random() % static_cast<unsigned>(std::popcount(choice.enabled));
      std::uint32_t left = choice.enabled;
      for (; nth != 0; --nth) left &= left - 1;
      return static_cast<unsigned>(std::countr_zero(left));
    };
    while (run_once(choose)) {
    }
  }

  // Probabilistic concurrency testing: a bug that takes `bound` steps in an order is found with a known
  // probability.
  void search_pct() {
    std::mt19937_64 random{options_.seed};
    std::size_t usual_steps = 20;
    std::vector<unsigned> priority(program_.threads.size());
    std::vector<std::size_t> changes;
    std::size_t at = 0;
    const Chooser choose = [&](const Choice& choice) -> std::optional<unsigned> {
      for (std::size_t i = 0; i < changes.size(); ++i) {
        if (changes[i] == at) priority[choice.current] = static_cast<unsigned>(i);
      }
      ++at;
      unsigned best = static_cast<unsigned>(std::countr_zero(choice.enabled));
      for (unsigned id = 0; id < priority.size(); ++id) {
        if ((choice.enabled >> id & 1U) != 0 && priority[id] > priority[best]) best = id;
      }
      return best;
    };
    do {
      for (unsigned id = 0; id < priority.size(); ++id) priority[id] = options_.bound + id;
      for (std::size_t i = priority.size(); i > 1; --i)
        std::swap(priority[i - 1], priority[random() % i]);
      changes.assign(options_.bound > 1 ? options_.bound - 1 : 0, 0);
      for (std::size_t& change : changes) change = random() % usual_steps;
      usual_steps = std::max(usual_steps, at);
      at = 0;
    } while (run_once(choose));
  }

  const Program& program_;
  const SearchOptions& options_;
  Runner runner_;
  RunOptions run_options_;
  Result result_;
};

}  // namespace detail

/// Searches @p program. Throws std::bad_alloc, std::invalid_argument if the checkpoint to go on from is of another
/// program, and what the program throws.
[[nodiscard]] inline Result search(const Program& program, const SearchOptions& options = {}) {
  return detail::Searcher{program, options}.run();
}

}  // namespace pageblock::interleave
