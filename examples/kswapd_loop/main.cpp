// SPDX-License-Identifier: MIT
// A task needs a page while memory goes offline: how Linux looped for ever, and what ended it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/program.hpp"
#include "kswapd_loop/report.hpp"
#include "kswapd_loop/scene.hpp"

int main(int argc, char** argv) {
  using namespace example;
  std::vector<std::string> choices = kernel_names();
  choices.insert(choices.begin(), "both");
  std::string kernel = "both";
  std::optional<std::uint64_t> isolated;
  std::optional<std::uint64_t> lru;
  std::optional<std::uint64_t> frees_every;
  std::optional<std::uint64_t> steps;
  Scene scene;
  bool table = false;
  bool price = false;
  bool json = false;
  Program program{
      {.name = "kswapd_loop",
       .usage = {"[OPTION]..."},
       .about = "Lets a task that needs a page and kswapd take turns, a step a line, in a zone of "
                "which blocks are going offline. In v3.5 kswapd slept, since it took the isolated "
                "pages for free ones, and the task went round for ever; v3.6 counts isolated "
                "blocks.",
       .more = "Exit status: 0, or 2 if the arguments are wrong.\n"}};
  program.choice(
      "--kernel", choices, kernel,
      "whose rules: both (v3.5 and v3.6, the default), or one. v3.5-direct is v3.5 where "
      "tasks judge by themselves, as another patch had it");
  program.number("--isolated", "N", isolated, 0, most_isolated_free,
                 "free pages in isolated blocks (default 2048)");
  program.number("--lru", "N", lru, 0, most_lru_pages, "pages on LRU lists (default 0)");
  program.flag("--reclaimable", scene.reclaims, "they can be reclaimed");
  program.number("--frees-every", "N", frees_every, 1, 1000000,
                 "a page is freed in an isolated block every N steps");
  program.flag("--awake", scene.kswapd_awake, "kswapd is awake at first");
  program.number("--steps", "N", steps, 1, 1000000,
                 "end after N steps (default 10000; with --table 1000)");
  program.flag("--table", table, "only how many steps, for many numbers of pages");
  program.flag("--price", price, "what the change costs: pages that kswapd reclaims needlessly");
  program.flag("--json", json, "one JSON document instead of text");
  return program.run(argc, argv, [&] {
    if (table && price) throw UsageError{"--table and --price: choose one"};
    if (price &&
        (isolated || lru || scene.reclaims || frees_every || scene.kswapd_awake || steps)) {
      throw UsageError{"--price has a zone of its own, so only --kernel and --json go with it"};
    }
    if (table && (isolated || lru)) {
      throw UsageError{
          "--table tries its own numbers of pages, so --isolated and --lru say nothing"};
    }
    if (scene.reclaims && !table && lru.value_or(0) == 0) {
      throw UsageError{"--reclaimable: there are no LRU pages without --lru"};
    }
    scene.isolated_free = isolated.value_or(scene.isolated_free);
    scene.lru_pages = lru.value_or(scene.lru_pages);
    scene.frees_every = frees_every.value_or(0);
    scene.max_steps = steps.value_or(table ? 1000 : 10000);
    const std::vector<std::string> kernels =
        kernel == "both" ? std::vector<std::string>{"v3.5", "v3.6"} : std::vector{kernel};
    if (price) {
      std::vector<Price> prices;
      for (const std::string& name : kernels) prices.push_back(run_price(name));
      print_text(json ? as_json({}, prices) : prices_as_text(prices));
      return 0;
    }
    if (table) {
      const Table found = run_table(kernels, scene);
      print_text(json ? as_json(found.runs, {}) : table_as_text(found));
      return 0;
    }
    constexpr std::size_t most_logged = 40;
    std::vector<Run> runs;
    for (const std::string& name : kernels) runs.push_back(run_scene(name, scene, most_logged));
    print_text(json ? as_json(runs, {}) : story_as_text(runs));
    return 0;
  });
}
