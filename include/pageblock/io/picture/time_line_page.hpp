// SPDX-License-Identifier: MIT
/// The page of a time line, without its data and its script.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <string_view>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// What stands before the data. It loads nothing, from nowhere.
inline constexpr std::string_view time_line_head = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #666; --line: #ccc; --mark: #a5201f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --paper: #0d1117; --faint: #999; --line: #444; --mark: #ff9a8a; }
}
body { margin: 0 auto; max-width: 1500px; padding: 0 12px 12px; background: var(--paper); color: var(--ink);
       font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 19px; margin: 10px 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 14px; margin: 10px 0 4px; }
input::placeholder { color: var(--faint); opacity: 1; }
button { font: inherit; cursor: pointer; }
#bar { position: sticky; top: 0; z-index: 1; padding: 6px 0; background: var(--paper); border-bottom: 1px solid var(--line); }
#slider { width: 100%; margin: 4px 0; accent-color: var(--mark); }
#what { font-weight: 600; min-height: 1.45em; overflow-wrap: anywhere; }
.no { color: var(--mark); }
.no td:first-child::before, #what.no::before { content: "\2717  "; }
#columns { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 0 24px; }
canvas { display: block; }
#maps canvas, #zoomed, #chart { cursor: pointer; }
#zoom { border: 1px solid var(--line); padding: 0 8px 8px; margin-top: 10px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; }
td, th { padding: 1px 10px 1px 0; }
#numbers td, #table td, #table th { text-align: right; }
#events { display: block; overflow-x: auto; font: 12.5px/1.5 ui-monospace, monospace; white-space: pre; cursor: pointer; }
#events .now { background: color-mix(in srgb, var(--mark) 18%, transparent); }
#list { font: 12.5px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; max-height: 12em; overflow-y: auto; }
#scroll { overflow-x: auto; }
#legend span, #pagelegend span { display: inline-block; margin-right: 14px; }
#legend canvas, #pagelegend canvas { display: inline-block; vertical-align: -1px; }
.faint { color: var(--faint); font-size: 12.5px; }
kbd { border: 1px solid var(--line); border-radius: 3px; padding: 0 3px; font: 12px ui-monospace, monospace; }
@media (max-width: 760px) { #columns { grid-template-columns: minmax(0, 1fr); } }
@media print {
  :root { --ink: #000; --paper: #fff; --faint: #444; --line: #999; --mark: #a5201f; }
  #bar button, #slider, #find, .screen { display: none; }
  #bar { position: static; }
  canvas, #legend { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
</style>
)html";

/// What stands behind the title: all that the script fills.
inline constexpr std::string_view time_line_body = R"html(
<div id="bar">
<button id="first" title="Home">first</button> <button id="back" title="Left">back</button>
<button id="play" title="Space">play</button> <button id="forward" title="Right">forward</button>
<button id="end" title="End">last</button> <button id="no" title="n">next refusal</button>
<input id="find" type="search" placeholder="find a step" aria-label="find a step">
<output id="step"></output>
<input id="slider" type="range" min="0" value="0" aria-label="step">
<div id="what" aria-live="polite"></div>
</div>
<div id="columns">
<div>
<div id="maps"></div>
<p id="legend"></p>
<section id="zoom" hidden>
<h2 class="screen"><button id="close" title="Esc">close</button></h2>
<p id="block"></p>
<canvas id="zoomed" role="img" aria-labelledby="block"></canvas>
<p id="pagelegend"></p>
</section>
</div>
<div>
<table id="numbers"><tr><th></th><th>free pages</th><th>on per-CPU lists</th><th>isolated blocks</th></tr></table>
<h2>All steps</h2>
<div id="over">
<div><canvas id="chart" role="img" aria-label="free pages, pages on per-CPU lists and isolated blocks over all steps"></canvas></div>
<p class="faint">solid: free pages, up to <span id="most0"></span> · dotted: on per-CPU lists, up to <span id="most1"></span>
· dashed: isolated blocks, up to <span id="most2"></span></p>
</div>
<table id="events"></table>
<details id="lists"><summary>Free chunks by type and order</summary>
<div id="scroll"><table id="table"></table></div>
<p id="list"></p>
</details>
<p class="faint screen">A click on a block shows its pages. Keys: <kbd>←</kbd> <kbd>→</kbd> a step, <kbd>Page Up</kbd> <kbd>Page Down</kbd> many,
<kbd>Home</kbd> <kbd>End</kbd>, <kbd>Space</kbd> play, <kbd>n</kbd> next refusal, <kbd>l</kbd> free chunks, <kbd>Esc</kbd> close the block.
The address of the page names the step, so it can be sent to somebody who has the file.</p>
</div>
</div>
)html";

}  // namespace pageblock::detail
