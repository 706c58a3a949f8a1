// Accuracy over an axis of numbers, tau or the workers say: a line for each combination of the other axes.

const WIDE = 8; // largest value by smallest, from which a logarithmic axis shows more

/** The axes with at least two values, all of them numbers. */
function numericAxes(data) {
  const isNumber = (value) => value.trim() !== "" && Number.isFinite(Number(value));
  return data.axes.filter((axis) => axis.values.length > 1 && axis.values.every(isNumber));
}

/** [{label, points: [{x, mean, sd}]}], in the order of the groups. */
function sweepLines(data, key) {
  const lines = new Map();
  for (const { settings, summary } of data.groups) {
    if (settings[key] === undefined || !known(summary.accuracy?.mean)) continue;
    const rest = data.axes.filter((axis) => axis.key !== key && settings[axis.key] !== undefined);
    const label = rest.map((axis) => wordOf(axis.key, settings[axis.key])).join(", ") || "all runs";
    if (!lines.has(label)) lines.set(label, []);
    lines.get(label).push({ x: Number(settings[key]), ...summary.accuracy });
  }
  return [...lines].map(([label, points]) => ({ label, points: points.sort((a, b) => a.x - b.x) }));
}

/** Numbers say little without their key, names of strategies much. */
const wordOf = (key, value) => (/^[\d.+-]/.test(value) || /^(true|false|none)$/.test(value) ? `${key} ${value}` : value);

function sweepOption(key, lines, hidden) {
  const shown = lines.flatMap((line, index) => (hidden.has(index) ? [] : [{ ...line, look: look(index) }]));
  const values = [...new Set(lines.flatMap((line) => line.points.map((point) => point.x)))].sort((a, b) => a - b);
  const log = values[0] > 0 && values.at(-1) / values[0] >= WIDE;
  const margin = log ? 1.25 : (values.at(-1) - values[0]) / 12;
  const ends = ({ mean, sd }) => [mean - (sd ?? 0), mean + (sd ?? 0)];
  const nearest = (x) => values.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a));
  const rows = (x) => [`${key} ${nearest(x)}`, shown.flatMap(({ label, look, points }) =>
    points.filter((point) => point.x === nearest(x)).map((point) => [look, label, percentSpread(point)]))];
  const axis = numberAxis(key, (value) => short(value, 6), { nameGap: 26 });
  return {
    xAxis: {
      ...axis,
      type: log ? "log" : "value",
      min: log ? values[0] / margin : values[0] - margin,
      max: log ? values.at(-1) * margin : values.at(-1) + margin,
      axisLabel: { ...axis.axisLabel, customValues: values },
      axisTick: { show: true, customValues: values },
      splitLine: { show: false },
    },
    yAxis: numberAxis("final test accuracy", percentMark, { nameGap: 50 }),
    tooltip: tooltip(rows),
    series: [
      room(shown.flatMap(({ points }) => points.flatMap((point) => ends(point).map((y) => [point.x, y])))),
      ...shown.map(({ points, look }) => ({
        type: "line",
        data: points.map(({ x, mean }) => [x, mean]),
        symbol: `path://${look.marker}`,
        symbolSize: 11,
        lineStyle: { color: colour(look.colour), width: 2, type: look.dash.length ? look.dash : "solid" },
        itemStyle: { color: colour(look.colour) },
        markLine: bars(points.map((point) => ends(point).map((y) => [point.x, y])), look.colour),
      })),
    ],
  };
}
