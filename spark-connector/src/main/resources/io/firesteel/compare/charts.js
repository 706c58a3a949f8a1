// What all charts share: how a group looks, colours of the page, drawing again when the page turns dark, narrow or to paper.

const COLOURS = 7; // --series-1 to --series-7 of report.css
const DASHES = [[], [8, 4], [2, 3], [11, 3, 2, 3]];
// In a box of 10 by 10. With 7 colours and 4 dashes 140 groups look different.
const MARKERS = [
  "M0,5a5,5,0,1,0,10,0a5,5,0,1,0,-10,0z",
  "M0.5,0.5h9v9h-9z",
  "M5,0L10,9.5H0z",
  "M5,-1L11,5L5,11L-1,5z",
  "M3.3,0h3.4v3.3H10v3.4H6.7V10H3.3V6.7H0V3.3h3.3z",
];
const PAPER = 680; // pixels that the text of an A4 page is wide

/** How line `index` looks; its colour never tells it alone. */
function look(index) {
  return {
    colour: `--series-${(index % COLOURS) + 1}`,
    dash: DASHES[index % DASHES.length],
    marker: MARKERS[index % MARKERS.length],
  };
}

/** The value of one of the --names of report.css now. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A small drawing of the line of `look`. */
function swatch({ colour, dash, marker }) {
  const line = svgElement("line", { x1: 0, x2: 34, y1: 7, y2: 7, "stroke-width": 2, "stroke-dasharray": dash.join(" ") });
  line.style.stroke = `var(${colour})`;
  const symbol = svgElement("path", { d: marker, transform: "translate(12.5 2.5) scale(0.9)" });
  symbol.style.fill = `var(${colour})`;
  return svgElement("svg", { width: 34, height: 14, viewBox: "0 0 34 14", "aria-hidden": "true" }, line, symbol);
}

const charts = [];

/** Draws a chart, now and whenever it must look different.
  *
  * @param describe its text for who cannot see it
  * @param option of ECharts, from the width in pixels
  * @param height in pixels, if the style sheet does not say it
  */
function addChart(id, describe, option, height = null) {
  const box = byId(id);
  if (height !== null) box.style.height = `${height}px`;
  const chart = echarts.init(box, null, { renderer: "svg" });
  box.setAttribute("role", "img");
  const draw = (width = null) => {
    box.setAttribute("aria-label", describe());
    chart.resize({ width: width ?? "auto" });
    chart.setOption({ ...frame(), ...option(chart.getWidth()) }, { notMerge: true });
  };
  charts.push(draw);
  draw();
  return () => draw();
}

const drawAll = (width) => charts.forEach((draw) => draw(width));

function watch() {
  const light = document.documentElement.classList;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  addEventListener("resize", () => drawAll());
  addEventListener("beforeprint", () => { light.add("light"); drawAll(PAPER); });
  addEventListener("afterprint", () => { light.remove("light"); drawAll(); });
}

function frame() {
  return {
    animation: false,
    backgroundColor: "transparent",
    textStyle: { fontFamily: "system-ui, sans-serif", fontSize: 12, color: colour("--text") },
    grid: { left: 8, right: 20, top: 28, bottom: 30 },
  };
}

/** An axis of numbers, as wide as the values are. */
function numberAxis(title, show, more = {}) {
  return {
    type: "value",
    scale: true,
    name: title,
    nameLocation: "middle",
    nameTextStyle: { color: colour("--quiet") },
    axisLabel: { color: colour("--quiet"), formatter: show, hideOverlap: true },
    axisLine: { show: true, lineStyle: { color: colour("--line") } },
    splitLine: { lineStyle: { color: colour("--grid") } },
    ...more,
  };
}

/** An axis with a row for each group, the first on top. */
function groupAxis(groups, width) {
  return {
    type: "category",
    inverse: true,
    data: groups.map((group) => group.label),
    axisTick: { show: false },
    axisLine: { lineStyle: { color: colour("--line") } },
    axisLabel: { color: colour("--text"), width: Math.min(0.36 * width, 260), overflow: "break", lineHeight: 14, interval: 0 },
  };
}

const rowsHeight = (groups) => 90 + 36 * groups.length;

/** @param rows from the value of the axis under the pointer: [heading, [[look or null, label, value]]] */
function tooltip(rows, more = {}) {
  return {
    trigger: "axis",
    confine: true,
    backgroundColor: colour("--page"),
    borderColor: colour("--line"),
    textStyle: { color: colour("--text") },
    formatter: (shown) => {
      const [first] = [shown].flat();
      const [heading, list] = rows(first.axisValue);
      const items = list.map(([look, label, value]) =>
        element("li", {}, look === null ? null : swatch(look), element("span", {}, label), element("b", {}, value)));
      return element("div", { class: "tooltip" }, element("p", {}, heading), element("ul", {}, ...items));
    },
    ...more,
  };
}

/** Upright or level lines between pairs of points, for ECharts' markLine. */
function bars(pairs, name) {
  return {
    silent: true,
    symbol: ["none", "none"],
    label: { show: false },
    lineStyle: { color: colour(name), type: "solid", width: 2 },
    data: pairs.map(([from, to]) => [{ coord: from }, { coord: to }]),
  };
}

/** Nothing to see: makes the axes as wide as `points` need, since marked lines do not. */
const room = (points) => ({ type: "scatter", data: points, symbolSize: 0, silent: true, tooltip: { show: false } });
