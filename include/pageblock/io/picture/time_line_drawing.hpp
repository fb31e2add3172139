// SPDX-License-Identifier: MIT
/// The part of the page's script that draws blocks and pages.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <string_view>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// Follows time_line_script in the page.
inline constexpr std::string_view time_line_drawing = R"js(
// Drawing. A canvas has as many points as the screen.
const colour = name => getComputedStyle(document.body).getPropertyValue(name);
const begin = (canvas, width, height) => {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
};
const paint = (pen, x, y, width, height, look) => {
  pen.fillStyle = look.rgb;
  pen.fillRect(x, y, width, height);
  if (!look.pattern || width < 7 || height < 7) return;
  pen.strokeStyle = look.ink;
  pen.lineWidth = 1.3;
  pen.beginPath();
  const a = .28,
    b = .72;
  if (look.pattern === 1) {
    pen.moveTo(x + .4 * width, y + height / 2);
    pen.lineTo(x + .6 * width, y + height / 2);
    pen.moveTo(x + width / 2, y + .4 * height);
    pen.lineTo(x + width / 2, y + .6 * height);
  }
  if (look.pattern >= 2) {
    pen.moveTo(x + a * width, y + b * height);
    pen.lineTo(x + b * width, y + a * height);
  }
  if (look.pattern === 3) {
    pen.moveTo(x + a * width, y + a * height);
    pen.lineTo(x + b * width, y + b * height);
  }
  pen.stroke();
};

// A grid of blocks, or of as many together as make it readable. What is drawn answers to clicks.
const grids = new Map();
const most = 4096;
const frame = (pen, first, last, columns, side) => { // around cells, a line of them at a time
  for (const [ink, width] of [["--paper", 5], ["--ink", 2]]) {
    pen.strokeStyle = colour(ink);
    pen.lineWidth = width;
    for (let from = first, end; from <= last; from = end + 1) {
      end = Math.min(last, from - from % columns + columns - 1);
      const x = .5 + from % columns * side, y = .5 + Math.floor(from / columns) * side;
      pen.strokeRect(x, y, (end - from + 1) * side, side);
    }
  }
};
const drawBlocks = (canvas, first, nr, mark) => {
  const width = Math.max(200, canvas.parentElement.clientWidth - 2);
  let together = 1;
  while (nr / together > most) together *= 2;
  const cells = Math.ceil(nr / together),
    columns = width < 560 ? 32 : 64;
  const side = Math.max(4, Math.min(cells > columns ? 16 : 32,
      Math.floor(width / Math.min(cells, columns)))), // a few are drawn larger
    rows = Math.ceil(cells / columns);
  const pen = begin(canvas, Math.min(cells, columns) * side + 2, rows * side + 2),
    gap = side > 6 ? 1 : 0;
  grids.set(canvas, {first, nr, together, side, columns, cells});
  const counts = new Uint32Array(model.looks.length);
  for (let cell = 0; cell < cells; ++cell) {
    const x = 1 + cell % columns * side,
      y = 1 + Math.floor(cell / columns) * side,
      size = side - gap;
    const start = first + cell * together,
      end = Math.min(start + together, first + nr);
    if (together === 1) {
      paint(pen, x, y, size, size, model.looks[looks[start]]);
      continue;
    }
    counts.fill(0);
    for (let block = start; block < end; ++block) ++counts[looks[block]];
    let done = 0; // what is many together shows its shares, the worst below
    model.looks.forEach((look, i) => {
      if (!counts[i]) return;
      paint(pen, x, y + done, size, size - done, look);
      done += Math.min(size - done - 1, Math.max(1, size * counts[i] / (end - start)));
    });
  }
  const cell = page => Math.floor((page - first) / together);
  const from = Math.max(0, cell(mark.start)), to = Math.min(cells - 1, cell(mark.end - 1));
  if (mark.end > mark.start) frame(pen, from, to, columns, side);
};
const cellAt = (canvas, event) => {
  const grid = grids.get(canvas),
    box = canvas.getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left - 1) / grid.side),
    row = Math.floor((event.clientY - box.top - 1) / grid.side);
  const cell = row * grid.columns + column;
  return column < 0 || column >= grid.columns || cell < 0 || cell >= grid.cells ? null : {
    first: grid.first + cell * grid.together,
    nr: Math.min(grid.together, grid.first + grid.nr - grid.first - cell * grid.together)
  };
};
const rangeText = (first, nr) => {
  const part = partOf(first),
    start = part.start + (first - part.base) * part.size;
  return part.name + " [" + hex(start) + ", " + hex(start + nr * part.size) + ")";
};
const chunksIn = letters => letters.reduce((n, letter) => n + (letter === "F"), 0);
const blockText = (first, nr) => {
  const some = (counts, meanings) => meanings.map((meaning, i) => [counts[i], meaning])
    .filter(([n]) => n).map(([n, meaning]) => n + " " + meaning).join("; ");
  if (nr > 1) {
    const counts = model.looks.map(() => 0);
    for (let i = 0; i < nr; ++i) ++counts[looks[first + i]];
    return rangeText(first, nr) + ", " + nr + " blocks: " +
      some(counts, model.looks.map(look => look.meaning));
  }
  const letters = pagesOf(first), chunks = chunksIn(letters);
  const counts = model.pages.map(page => letters.filter(letter =>
    (letter === "E" ? "F" : letter) === page.letter).length);
  return "Pageblock " + rangeText(first, 1) +
    (partOf(first).typed ? ", " + model.types[types[first]] : "") + ": " +
    some(counts, model.pages.map(page => page.meaning)) +
    (chunks ? " (" + count(chunks, "chunk") + " begin here)" : "");
};
let zoom = null; // {first, nr}
const drawPages = (canvas, block, mark) => {
  const letters = pagesOf(block),
    columns = letters.length < 32 ? letters.length : 32,
    side = Math.max(6, Math.min(14, Math.floor((canvas.parentElement.clientWidth - 2) /
    columns)));
  const pen = begin(canvas, columns * side + 2, Math.ceil(letters.length / columns) * side + 2);
  letters.forEach((letter, i) => {
    const x = 1 + i % columns * side,
      y = 1 + Math.floor(i / columns) * side,
      gap = letter === "E" ? 0 : 1;
    paint(pen, x + gap, y + 1, side - gap, side - 1, model.looks[model.pages.find(page => page
      .letter === (letter === "E" ? "F" : letter)).block]);
  });
  const from = Math.max(0, mark.start),
    to = Math.min(letters.length, mark.end) - 1;
  if (to - from + 1 < letters.length) frame(pen, from, to, columns, side);
};
)js";

}  // namespace pageblock::detail
