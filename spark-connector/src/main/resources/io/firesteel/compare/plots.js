// What each chart shows, as options of ECharts from the data and what is chosen on the page.

const MARKS = 8; // on a line, beside its dashes
const LISTED = 14; // lines that a tooltip has room for

/** Lines of means with bands; `hidden` has the indices of groups left out. */
function curvesOption(data, curves, { effort, quality, log, half, bands, hidden }) {
  const end = Math.max(...curves.map((curve) => curve.at(-1)?.x ?? 0));
  const from = half ? end / 2 : 0;
  const shown = curves.flatMap((curve, index) => {
    const points = curve.filter(({ x }) => x >= from && (x > 0 || !log));
    return points.length === 0 || hidden.has(index) ? [] : [{ index, points, look: look(index) }];
  });
  const axis = numberAxis(effort.title, effort.mark, { nameGap: 26, type: log ? "log" : "value", scale: log || half });
  return {
    xAxis: { ...axis, splitNumber: 4, max: log ? "dataMax" : null },
    yAxis: numberAxis(quality.title, quality.mark, { nameGap: 50, axisPointer: { show: false } }),
    tooltip: tooltip((x) => [`${effort.title}: ${effort.show(x)}`, curveValues(data, shown, x, quality)]),
    series: [
      ...(bands ? shown.flatMap(band) : []),
      ...shown.map(line),
      ...(quality.key === "accuracy" && known(data.goal) ? [goalLine(data.goal)] : []),
    ],
  };
}

function line({ index, points, look }) {
  const every = Math.max(1, Math.ceil(points.length / MARKS));
  const marked = (i) => i % every === index % every;
  return {
    type: "line",
    data: points.map(({ x, mean }, i) => ({ value: [x, mean], symbol: marked(i) ? `path://${look.marker}` : "none" })),
    symbolSize: 9,
    lineStyle: { color: colour(look.colour), width: 2, type: look.dash.length ? look.dash : "solid" },
    itemStyle: { color: colour(look.colour) },
  };
}

/** Two series on top of each other: the lower end, unseen, and from there the area. */
function band({ index, points, look }) {
  if (points.every((point) => point.sd === null)) return [];
  const part = { type: "line", symbol: "none", silent: true, lineStyle: { opacity: 0 }, stack: `band ${index}`, stackStrategy: "all" };
  return [
    { ...part, data: points.map(({ x, mean, sd }) => [x, mean - sd]) },
    { ...part, data: points.map(({ x, sd }) => [x, 2 * sd]), areaStyle: { color: colour(look.colour), opacity: 0.16 } },
  ];
}

function goalLine(goal) {
  return {
    type: "line",
    data: [],
    markLine: {
      silent: true,
      symbol: "none",
      data: [{ yAxis: goal }],
      lineStyle: { color: colour("--quiet"), type: [4, 4] },
      label: { formatter: `goal ${percentMark(goal)}`, position: "insideStartTop", color: colour("--quiet") },
    },
  };
}

/** The best first. */
function curveValues(data, shown, x, quality) {
  const sign = quality.key === "loss" ? 1 : -1;
  const there = shown.filter(({ points }) => points[0].x <= x && x <= points.at(-1).x).map(({ index, points, look }) => {
    const [mean, sd] = ["mean", "sd"].map((key) => valueAt(points.map((point) => [point.x, point[key]]), x));
    return { mean, row: [look, data.groups[index].label, quality.show({ mean, sd: points[0].sd === null ? null : sd })] };
  });
  const rows = there.sort((a, b) => sign * (a.mean - b.mean)).map(({ row }) => row);
  const more = rows.length > LISTED ? [[null, `and ${rows.length - LISTED} more`, ""]] : [];
  return [...rows.slice(0, LISTED), ...more];
}

/** What a tooltip lists of the group whose label is under the pointer. */
const groupRows = (groups, list) => (label) => [label, list(groups.find((group) => group.label === label))];

/** A row for each group: its mean, its standard deviation to each side, and rings for the seeds. */
function accuracyOption(groups, width) {
  const means = groups.map((group) => group.summary.accuracy);
  const ends = means.map((pair) => [pair.mean - (pair.sd ?? 0), pair.mean + (pair.sd ?? 0)]);
  const rows = groupRows(groups, (group) => [
    [null, "mean", percentSpread(group.summary.accuracy, 2)],
    ...finished(group).map((run) => [null, `seed ${run.seed}`, percent(run.points.at(-1)?.[4], 2)]),
  ]);
  const row = (group, i) => ({
    type: "scatter",
    data: [[means[i].mean, i]],
    symbol: `path://${look(group.index).marker}`,
    symbolSize: 13,
    itemStyle: { color: colour(look(group.index).colour), opacity: 1 },
    markLine: bars([[[ends[i][0], i], [ends[i][1], i]]], look(group.index).colour),
  });
  const ring = { color: "transparent", borderColor: colour("--text"), borderWidth: 1, opacity: 0.75 };
  return {
    grid: { left: 8, right: 24, top: 8, bottom: 30 },
    xAxis: numberAxis("final test accuracy", percentMark, { nameGap: 26, boundaryGap: ["2%", "2%"], splitNumber: width < 500 ? 3 : 6 }),
    yAxis: { ...groupAxis(groups, width), splitLine: { show: true, lineStyle: { color: colour("--grid") } } },
    tooltip: tooltip(rows, { axisPointer: { type: "shadow", axis: "y" } }),
    series: [
      room(ends.flatMap((pair, i) => pair.map((x) => [x, i]))),
      ...groups.map(row),
      { type: "scatter", symbolSize: 7, itemStyle: ring, data: groups.flatMap((group, i) => finalAccuracies(group).map((x) => [x, i])) },
    ],
  };
}

const PARTS = [
  { key: "compute", title: "compute", colour: "--series-1", decal: { symbol: "none" } },
  { key: "exchange", title: "exchange", colour: "--series-5", decal: { rotation: Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [2, 5] } },
  { key: "rest", title: "rest", colour: "--series-6", decal: { rotation: -Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [1, 8] } },
];

function timeOption(groups, width) {
  const rows = groupRows(groups, (group) => PARTS.map(({ key, title }) => [null, title, timePart(group, key)]));
  return {
    grid: { left: 8, right: 24, top: 40, bottom: 30 },
    legend: { top: 0, left: 0, itemWidth: 22, textStyle: { color: colour("--text") } },
    xAxis: numberAxis("seconds", (value) => short(value, 6), { scale: false, nameGap: 26, splitNumber: width < 500 ? 3 : 6 }),
    yAxis: groupAxis(groups, width),
    tooltip: tooltip(rows, { axisPointer: { type: "shadow" } }),
    series: PARTS.map((part) => ({
      type: "bar",
      name: part.title,
      stack: "time",
      barMaxWidth: 20,
      data: groups.map((group) => group.summary.time[part.key]),
      itemStyle: { color: colour(part.colour), decal: { color: "rgba(255, 255, 255, 0.75)", ...part.decal } },
    })),
  };
}

/** Seconds of one part, and its share of them all. */
function timePart(group, key) {
  const time = group.summary.time;
  const all = PARTS.reduce((sum, part) => sum + (time[part.key] ?? 0), 0);
  return known(time[key]) && all > 0 ? `${duration(time[key])} (${percent(time[key] / all, 0)})` : duration(time[key]);
}
