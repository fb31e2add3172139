// SPDX-License-Identifier: MIT
// Writes the page of a time line, and behind it a script that holds the page to the zone: what it shows
// at some steps must be what the zone said of itself then.
//
//   write_page FILE STEPS PAGES
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/picture/time_line_html.hpp"
#include "pageblock/io/picture/time_line_tracer.hpp"
#include "pageblock/io/picture/zone_map.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

namespace {

using namespace pageblock;

struct Watched : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
  using Tracer = TimeLineTracer;
};

// What the zone says of itself, as a JavaScript object.
std::string expected(const Zone<Watched>& zone, std::size_t step) {
  std::uint64_t listed = 0;
  for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) listed += zone.pcp(Cpu{cpu}).count;
  std::string orders;
  for (Order order{0}; order <= Zone<Watched>::top_order; ++order) {
    orders += fmt::format("{}{}", orders.empty() ? "" : ",", zone.nr_free(order));
  }
  std::string looks;
  for (const auto& row : block_map(zone, {.lines = ~std::size_t{0}}).rows()) {
    for (const BlockLook look : row.blocks()) looks += fmt::format("{}", static_cast<int>(look));
  }
  return fmt::format("{{step:{},free:{},listed:{},isolated:{},orders:[{}],looks:\"{}\"}},\n", step,
                     zone.nr_free_pages(), listed, zone.nr_pageblock_isolate(), orders, looks);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::size_t nr_steps = std::stoul(argv[2]);
  const std::uint64_t nr_pages = std::stoul(argv[3]);
  const Pfn start{0x100000 + 77};  // in a block
  const PfnRange hole{Pfn{0x100bb8}, Pfn{0x102328}};
  Zone<Watched> zone{
      {.start_pfn = start, .spanned_pages = nr_pages, .holes = {hole}, .nr_cpus = 4}};
  TimeLine line{"what <browsers> \"show\" & </script>"};
  line.watch(zone);
  std::string states = expected(zone, 0);
  std::mt19937 random{23};
  const auto chance = [&](unsigned one_in) { return random() % one_in == 0; };
  struct Chunk {
    Pfn pfn;
    Order order;
  };
  std::vector<Chunk> chunks;
  const auto drop = [&] {
    const std::size_t i = random() % chunks.size();
    free_pages(zone, Cpu{static_cast<unsigned>(random() % 4)}, chunks[i].pfn, chunks[i].order);
    chunks[i] = chunks.back();
    chunks.pop_back();
  };
  while (line.steps().size() < nr_steps) {
    if (chance(700)) {
      const Pfn block = Pfn{0x103000} + random() % (nr_pages / 512 - 40) * 512;
      static_cast<void>(start_isolate_page_range(zone, block, block + 2048, MigrateType::movable));
      follow(line, zone);
      if (chance(2)) {
        static_cast<void>(undo_isolate_page_range(zone, block, block + 2048, MigrateType::movable));
      }
    } else if (!chunks.empty() && random() % 5 < 2) {
      drop();
    } else {
      const Order order{chance(9) ? static_cast<unsigned>(random() % 11) : 0};
      const auto page = alloc_pages(zone, Cpu{static_cast<unsigned>(random() % 4)}, order,
                                    chance(4) ? MigrateType::unmovable : MigrateType::movable);
      if (page) chunks.push_back({page->pfn(), order});
      while (!page && chunks.size() > 20) drop();
    }
    follow(line, zone);
    if (chance(static_cast<unsigned>(nr_steps / 10))) states += expected(zone, line.steps().size());
  }
  // Nobody can isolate the lowest block: somebody's page is there.
  static_cast<void>(alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::unmovable));
  static_cast<void>(
      start_isolate_page_range(zone, Pfn{0x100000}, Pfn{0x101000}, MigrateType::movable));
  follow(line, zone);
  states += expected(zone, line.steps().size());
  const std::string checks = R"js(
const opened = performance.now();
const failures = [];
let nr = 0;
const same = (what, is, should) => { ++nr; if (String(is) !== String(should)) failures.push(what + ": " + is + " instead of " + should); };
const event = (target, type, more) => target.dispatchEvent(Object.assign(new Event(type, {bubbles: true}), more));
window.addEventListener("error", error => failures.push(error.message));
try {
  byId("lists").open = true;
  const slide = state => {
    byId("slider").value = state.step;
    event(byId("slider"), "input");
    const where = "step " + state.step + ", ";
    same(where + "step", byId("step").textContent, "step " + state.step + " of " + last);
    same(where + "free", byId("n0-0").textContent, state.free);
    same(where + "listed", byId("n0-1").textContent, state.listed);
    same(where + "isolated", byId("n0-2").textContent, state.isolated);
    same(where + "looks", [...looks].join(""), state.looks);
    const orders = state.orders.map(() => 0);
    for (const button of byId("table").querySelectorAll("button")) orders[button.dataset.list & 31] += +button.textContent;
    same(where + "orders", orders, state.orders);
  };
  for (const state of states) slide(state);            // forward
  for (const state of [...states].reverse()) slide(state);
  const key = key => event(document.body, "keydown", {key});
  key("End"); same("End", at, last);
  key("ArrowLeft"); same("ArrowLeft", at, last - 1);
  key("Home"); same("Home", at, 0);
  key("ArrowRight"); same("ArrowRight", at, 1);
  key("PageDown"); same("PageDown", at, 1 + far());
  key("PageUp"); same("PageUp", at, 1);
  const map = byId("map0"), box = map.getBoundingClientRect(), grid = grids.get(map);
  event(map, "click", {clientX: box.left + 1 + 3.5 * grid.side, clientY: box.top + 1 + grid.side / 2});
  same("zoom", byId("zoom").hidden, false);
  same("zoomed block", zoom.first, 3);
  same("block text", /^Pageblock Normal \[0x100600, 0x100800\), Movable: /.test(byId("block").textContent), true);
  same("address", location.hash, "#step=1&block=3");
  key("Escape"); same("Escape", byId("zoom").hidden, true);
  key("n"); same("n finds a refusal", told(at).no, true);
  same("it is said", byId("what").className, "no");
  const button = byId("table").querySelector("button");
  event(button, "click"); same("list", byId("list").textContent.includes("0x"), true);
  same("title", document.title, "what <browsers> \"show\" & <\/script>");
  same("legend", byId("legend").children.length, 8);
} catch (error) { failures.push(error.stack); }
document.body.insertAdjacentHTML("beforeend", "<pre id=result></pre>");
byId("result").textContent = failures.length ? "FAILED\n" + failures.slice(0, 20).join("\n") : "all " + nr + " checks passed; opened after " + Math.round(opened) + " ms";
)js";
  std::string page = to_html(line);
  const std::string end = "</body>";
  page.insert(page.rfind(end),
              fmt::format("<script>\nconst states = [\n{}];{}</script>\n", states, checks));
  detail::write_file(argv[1], page);
  fmt::print("{} steps, {} bytes\n", line.steps().size(), page.size());
}
