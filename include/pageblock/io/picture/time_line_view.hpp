// SPDX-License-Identifier: MIT
/// The last part of the page's script: what is shown, and what keys and clicks do.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <string_view>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// Follows time_line_drawing in the page.
inline constexpr std::string_view time_line_view = R"js(
// Free chunks by order and type. A chunk is listed under the type of the block where it begins.
const eachChunk = tell => {
  for (const part of model.parts) {
    let start = -1,
      end = -1,
      type = 0;
    const close = () => {
      if (start >= 0) tell(part.start + start, end - start, type);
      start = -1;
    };
    const take = (page, nr, letter, block) => {
      if (letter === "E" && end === page && start >= 0) {
        end += nr;
        return;
      }
      close();
      if (letter === "F") {
        start = page;
        end = page + nr;
        type = part.typed ? types[block] : model.types.length;
      }
    };
    let run = 0;
    for (let block = 0; block < part.blocks; ++block) {
      const first = block * part.size,
        letters = pages.get(part.base + block);
      while (run < part.runs.length && part.runs[run][0] + part.runs[run][1] <= first) ++run;
      if (letters) {
        letters.forEach((letter, i) => take(first + i, 1, letter, part.base + block));
        continue;
      }
      for (let i = run; i < part.runs.length && part.runs[i][0] < first + part.size; ++i) {
        const [page, nr, letter] = part.runs[i];
        const from = Math.max(page, first), to = Math.min(page + nr, first + part.size);
        take(from, to - from, letter === "F" && from > page ? "E" : letter, part.base + block);
      }
    }
    close();
  }
};
const typeName = type => model.types[type] || "all types";
const drawLists = () => {
  if (!byId("lists").open) return;
  const table = new Map();
  let top = 0;
  eachChunk((page, nr, type) => {
    const order = Math.round(Math.log2(nr)),
      key = type * 32 + order;
    if (!table.has(key)) table.set(key, []);
    table.get(key).push(page);
    top = Math.max(top, order);
  });
  const rows = [...new Set([...table.keys()].map(key => key >> 5))].sort();
  const cell = (type, order) => {
    const list = table.get(type * 32 + order);
    return list ? `<button data-list="${type * 32 + order}">${list.length}</button>` : "0";
  };
  const orders = [...Array(top + 1).keys()];
  byId("table").innerHTML = "<tr><th>order</th>" + orders.map(order => `<th>${order}</th>`).join(
      "") + "</tr>"
    + rows.map(type => `<tr><th>${typeName(type)}</th>` + orders.map(order =>
      `<td>${cell(type, order)}</td>`).join("") + "</tr>").join("");
  byId("table").onclick = event => {
    const key = +event.target.dataset.list;
    if (!event.target.dataset.list) return;
    const list = table.get(key);
    byId("list").textContent = typeName(key >> 5) + ", order " + (key & 31) + ", by address: " +
      list.slice(0, 2000).map(hex).join(" ") + (list.length > 2000 ? " ... of " + list.length :
        "");
  };
  byId("list").textContent = "";
};

const drawChart = () => {
  const canvas = byId("chart"),
    width = Math.max(200, canvas.parentElement.clientWidth - 2),
    height = 120,
    pen = begin(canvas, width, height);
  const all = [0, 1, 2].map(k => step => numbers.reduce((sum, of) => sum + of [k][step], 0));
  const styles = [
    ["free", "--ink", []],
    ["listed", "--ink", [2, 3]],
    ["isolated", "--ink", [8, 3]]
  ];
  all.forEach((value, k) => {
    let most = 1;
    for (let step = 0; step <= last; ++step) most = Math.max(most, value(step));
    pen.strokeStyle = colour("--ink");
    pen.setLineDash(styles[k][2]);
    pen.lineWidth = k ? 1 : 1.6;
    pen.beginPath();
    for (let x = 0; x <= width; ++x) {
      const step = Math.round(x / width * last),
        y = height - 4 - value(step) / most * (height - 12);
      if (x) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    }
    pen.stroke();
    byId("most" + k).textContent = most;
  });
  pen.setLineDash([]);
  const x = last ? at / last * width : 0;
  pen.fillStyle = colour("--mark");
  pen.fillRect(x - 1, 0, 2, height);
};
const drawEvents = () => {
  const around = 9,
    from = Math.max(0, Math.min(at - around, last - 2 * around)),
    to = Math.min(last, from + 2 * around);
  let rows = "";
  const text = document.createElement("td"),
    safe = what => {
      text.textContent = what;
      return text.innerHTML;
    };
  for (let step = from; step <= to; ++step) {
    const of = told(step);
    const cells = [step, model.unit === "step" ? "" : of.time, of.cpu, of.what,
      of.page >= 0 ? hex(of.page) : "", of.detail];
    const classes = (step === at ? "now" : "") + (of.no ? " no" : "");
    rows += `<tr data-step="${step}" class="${classes}">` +
      cells.map(cell => "<td>" + safe(cell) + "</td>").join("") + "</tr>";
  }
  byId("events").innerHTML = rows;
};
const sentence = step => {
  const of = told(step);
  return of.what + (of.page >= 0 ? " " + hex(of.page) : "") + (of.pages > 1 ? " (" + of.pages +
    " pages)" : "") + (of.detail ? ": " + of.detail : "") + (of.cpu !== "" ? ", CPU " + of.cpu :
    "");
};

const draw = () => {
  const of = told(at);
  byId("slider").value = at;
  byId("step").textContent = "step " + at + " of " + last + (of.time !== "" && model.unit !==
    "step" ? ", " + model.unit + " " + of.time : "");
  byId("what").textContent = sentence(at);
  byId("what").className = of.no ? "no" : "";
  model.parts.forEach((part, i) => {
    numbers[i].forEach((all, k) => {
      byId("n" + i + "-" + k).textContent = all[at];
    });
    const page = of.page - part.start,
      inside = of.page >= 0 && page + of.pages > 0 && page < part.blocks * part.size;
    const mark = inside ? {
      start: part.base + Math.floor(Math.max(page, 0) / part.size),
      end: part.base + Math.ceil((page + of.pages) / part.size)
    } : {
      start: 0,
      end: 0
    };
    drawBlocks(byId("map" + i), part.base, part.blocks, mark);
    part.mark = mark;
  });
  byId("zoom").hidden = !zoom;
  if (zoom) {
    const part = partOf(zoom.first),
      page = of.page - part.start - (zoom.first - part.base) * part.size;
    if (zoom.nr > 1) drawBlocks(byId("zoomed"), zoom.first, zoom.nr, part.mark);
    else drawPages(byId("zoomed"), zoom.first, {
      start: page,
      end: of.page < 0 ? page : page + of.pages
    });
    byId("block").textContent = blockText(zoom.first, zoom.nr);
  }
  drawChart();
  drawEvents();
  drawLists();
  history.replaceState(null, "", "#step=" + at + (zoom ? "&block=" + zoom.first + (zoom.nr > 1 ?
    "-" + zoom.nr : "") : ""));
};
const show = step => {
  goTo(Math.max(0, Math.min(last, Math.round(step) || 0)));
  draw();
};
let playing = 0;
const play = on => {
  clearInterval(playing);
  playing = on ? setInterval(() => at < last ? show(at + Math.max(1, Math.round(last / 400))) :
    play(false), 50) : 0;
  byId("play").textContent = on ? "pause" : "play";
};
const find = text => {
  for (let i = 1; i <= last; ++i) {
    const step = (at + i) % (last + 1);
    if (sentence(step).toLowerCase().includes(text.toLowerCase())) {
      show(step);
      return;
    }
  }
};
const nextNo = () => {
  for (let i = 1; i <= last; ++i) {
    const step = (at + i) % (last + 1);
    if (told(step).no) {
      show(step);
      return;
    }
  }
};
const zoomTo = cell => {
  zoom = cell;
  draw();
};
const fromHash = () => {
  const hash = new URLSearchParams(location.hash.slice(1)),
    block = (hash.get("block") || "").split("-").map(Number);
  zoom = hash.get("block") && block[0] < looks.length ? {
    first: block[0],
    nr: block[1] || 1
  } : null;
  show(+(hash.get("step") || 0));
};

model.parts.forEach((part, i) => {
  const box = document.createElement("section");
  box.innerHTML = `<h2></h2><canvas id="map${i}" tabindex="0" role="img"></canvas>`;
  box.firstChild.textContent = part.name + ": " + count(part.blocks, "pageblock") + " of " +
    part.size + " pages";
  byId("maps").append(box);
  const canvas = byId("map" + i);
  canvas.setAttribute("aria-label", "block map of " + part.name +
    "; Enter shows the block of this step");
  canvas.onclick = event => {
    const cell = cellAt(canvas, event);
    if (cell) zoomTo(cell);
  };
  canvas.onmousemove = event => {
    const cell = cellAt(canvas, event);
    canvas.title = cell ? blockText(cell.first, cell.nr) : "";
  };
  canvas.onkeydown = event => {
    if (event.key === "Enter" && part.mark.end > part.mark.start) zoomTo({
      first: part.mark.start,
      nr: 1
    });
  };
  byId("numbers").insertAdjacentHTML("beforeend",
    `<tr><th id="n${i}"></th><td id="n${i}-0"></td><td id="n${i}-1"></td><td id="n${i}-2"></td></tr>`
    );
  byId("n" + i).textContent = part.name;
});
byId("zoomed").onclick = event => {
  if (zoom.nr > 1) {
    const cell = cellAt(byId("zoomed"), event);
    if (cell) zoomTo(cell);
  }
};
byId("slider").max = last;
byId("slider").oninput = () => show(+byId("slider").value);
byId("events").onclick = event => {
  const row = event.target.closest("tr");
  if (row) show(+row.dataset.step);
};
byId("chart").onclick = event => show((event.clientX - byId("chart").getBoundingClientRect().left) /
  byId("chart").clientWidth * last);
byId("find").onchange = () => find(byId("find").value);
byId("lists").ontoggle = drawLists;
const actions = {
  first: () => show(0),
  back: () => show(at - 1),
  play: () => play(!playing),
  forward: () => show(at + 1),
  end: () => show(last),
  no: nextNo,
  close: () => zoomTo(null)
};
for (const [id, action] of Object.entries(actions)) byId(id).onclick = action;
const far = () => Math.max(10, Math.round(last / 100));
const keys = {
  ArrowLeft: actions.back,
  ArrowRight: actions.forward,
  Home: actions.first,
  End: actions.end,
  PageUp: () => show(at - far()),
  PageDown: () => show(at + far()),
  " ": actions.play,
  n: nextNo,
  Escape: actions.close,
  l: () => {
    byId("lists").open = !byId("lists").open;
  }
};
document.onkeydown = event => {
  if (event.target.id === "find" || event.ctrlKey || event.altKey || event.metaKey || (event.key
      === " " && event.target.tagName === "BUTTON") || !keys[event.key]) return;
  keys[event.key]();
  event.preventDefault();
};
const legend = (box, look, text) => {
  const item = document.createElement("span"),
    canvas = document.createElement("canvas");
  paint(begin(canvas, 12, 12), 0, 0, 12, 12, look);
  item.append(canvas, " " + text);
  byId(box).append(item);
};
for (const look of model.looks) legend("legend", look, look.meaning);
for (const page of model.pages) legend("pagelegend", model.looks[page.block], page.meaning);
const redraw = () => {
  if (document.readyState !== "loading") draw();
};
window.onresize = redraw;
window.onhashchange = fromHash;
byId("over").hidden = numbers.every(of => of.every(all => all.every(value => value === all[0])));
window.matchMedia("(prefers-color-scheme: dark)").onchange = redraw;
window.onbeforeprint = redraw;
fromHash();
)js";

}  // namespace pageblock::detail
