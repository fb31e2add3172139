// SPDX-License-Identifier: MIT
/// What the page of a time line does in a browser. No other text of the library is JavaScript.
///
/// Layer:  io.
/// Kernel: none.
///
/// The rules of a picture are not repeated here: how a block looks was decided when it was seen, and
/// how a look is drawn stands in the page's model.
#pragma once

#include <string_view>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// The script. time_line_html.hpp describes the data that it reads.
inline constexpr std::string_view time_line_script = R"js("use strict";
const byId = id => document.getElementById(id);
const model = JSON.parse(byId("model").textContent);
const number = text => parseInt(text || "0", 36);
const hex = n => "0x" + n.toString(16);
const count = (n, what) => n + " " + what + (n === 1 ? "" : "s");

// The state at a step: looks and types of all blocks, and the pages of those that ever changed.
const lines = byId("steps").textContent.trim().split("\n").filter(line => line);
const last = lines.length; // step 0 is before the first
let base = 0;
for (const part of model.parts) {
  part.base = base; // of its blocks among all
  base += part.blocks;
  part.runs = []; // [page, pages, letter], in order
  let page = 0;
  for (const [, letter, pages, times] of part.pages.matchAll(
      /([A-Z])([0-9a-z]+)(?:\*([0-9a-z]+))?/g)) {
    for (let i = times ? number(times) : 1; i > 0; --i, page += number(pages)) {
      part.runs.push([page, number(pages), letter]);
    }
  }
}
const unpack = (text, to, at) => {
  for (const [, value, times] of text.matchAll(/([0-9])(?:\*([0-9a-z]+);)?/g)) {
    for (let i = times ? number(times) : 1; i > 0; --i) to[at++] = +value;
  }
};
const looks = new Uint8Array(base),
  types = new Uint8Array(base);
let pages = new Map(),
  at = 0;
const reset = () => {
  for (const part of model.parts) {
    unpack(part.looks, looks, part.base);
    unpack(part.types, types, part.base);
  }
  pages = new Map();
  at = 0;
};
reset();
const partOf = block => model.parts.findLast(part => part.base <= block);
const runsFrom = (part, page) => { // the index of the run that holds a page
  let low = 0,
    high = part.runs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (part.runs[middle][0] <= page) low = middle;
    else high = middle;
  }
  return low;
};
const pagesOf = block => { // a letter for each page: F begins a free chunk, E continues it
  if (pages.has(block)) return pages.get(block);
  const part = partOf(block),
    size = part.size,
    first = (block - part.base) * size,
    letters = new Array(size).fill("H");
  for (let i = runsFrom(part, first); i < part.runs.length; ++i) {
    const [page, nr, letter] = part.runs[i];
    if (page >= first + size) break;
    for (let k = Math.max(page, first); k < Math.min(page + nr, first + size); ++k) {
      letters[k - first] = letter === "F" && k > page ? "E" : letter;
    }
  }
  return letters;
};
const apply = line => {
  for (const group of line.split(";").slice(1)) {
    if (group[0] === "@") continue;
    const [id, look, type, runs] = group.split(":"), block = number(id);
    if (look) looks[block] = +look;
    if (type) types[block] = +type;
    if (!runs) continue;
    const letters = pagesOf(block);
    for (const [, start, letter, nr] of runs.matchAll(/([0-9a-z]+)([A-Z])([0-9a-z]*)/g)) {
      const first = number(start),
        size = nr ? number(nr) : 1;
      for (let i = 0; i < size; ++i) letters[first + i] = letter === "F" && i ? "E" : letter;
    }
    pages.set(block, letters);
  }
};
const keep = []; // states to go back to
const every = Math.max(1000, Math.ceil(last / 16));
const copy = pages => new Map([...pages].map(([block, letters]) => [block, letters.slice()]));
const save = () => {
  if (at % every !== 0 || keep[at / every] || pages.size > 8192) return;
  keep[at / every] = [looks.slice(), types.slice(), copy(pages)];
};
const goTo = step => {
  if (step < at) {
    let k = Math.floor(step / every);
    while (k > 0 && !keep[k]) --k;
    if (k > 0) {
      looks.set(keep[k][0]);
      types.set(keep[k][1]);
      at = k * every;
      pages = copy(keep[k][2]);
    } else reset();
  }
  while (at < step) {
    apply(lines[at++]);
    save();
  }
};

// What is told of each step, and the numbers after it.
const told = step => {
  if (step === 0) return {
    what: "before the first step",
    detail: "",
    cpu: "",
    page: -1,
    pages: 0,
    time: "",
    no: false
  };
  const [what, detail, cpu = "", page, nr, time, no] = lines[step - 1].split(";", 1)[0].split(",");
  return {
    what: model.strings[number(what)],
    detail: detail ? model.strings[number(detail)] : "",
    cpu,
    page: page ? number(page) : -1,
    pages: page ? number(nr || "1") : 0,
    time: time ? number(time) : step,
    no: no === "1"
  };
};
const numbers = model.parts.map(part => part.numbers.map(first => {
  const all = new Float64Array(last + 1);
  all[0] = first;
  return all;
}));
for (let step = 1; step <= last; ++step) {
  for (const of of numbers)
    for (const all of of) all[step] = all[step - 1];
  const line = lines[step - 1];
  for (let i = line.indexOf("@"); i >= 0; i = line.indexOf("@", i + 1)) {
    const end = line.indexOf(";", i),
      [part, ...changes] = line.slice(i + 1, end < 0 ? undefined : end).split(",");
    changes.forEach((change, k) => numbers[number(part)][k][step] += number(change));
  }
}
)js";

}  // namespace pageblock::detail
