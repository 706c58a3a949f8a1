// The mean of a group's learning curves and how far its seeds lie apart, over any measure of effort.

// `show` writes a value (of a quality a mean with its deviation), `mark` one beside the axis.
const EFFORTS = [
  { key: "samples", title: "samples", column: 0, show: count, mark: count },
  { key: "seconds", title: "training seconds", column: 1, show: duration, mark: (value) => short(value, 6) },
  { key: "virtual", title: "virtual seconds", column: 2, show: duration, mark: (value) => short(value, 6) },
  { key: "bytes", title: "bytes exchanged", column: 3, show: bytes, mark: bytes },
];

const QUALITIES = [
  { key: "accuracy", title: "test accuracy", column: 4, show: (pair) => percentSpread(pair), mark: percentMark },
  { key: "loss", title: "test loss", column: 5, show: (pair) => spread(pair, (value) => short(value, 4)), mark: (value) => short(value, 4) },
];

const finished = (group) => group.runs.filter((run) => run.status === "done");

/** Whether some point of some run has a value above 0 there. */
function occurs(groups, column) {
  return groups.some((group) => group.runs.some((run) => run.points.some((point) => point[column] > 0)));
}

/** The points [x, y] of one run, x rising; of several evaluations at the same x the last one counts. */
function curveOf(run, effort, quality) {
  const points = [];
  for (const point of run.points) {
    const x = point[effort.column], y = point[quality.column];
    if (!known(x) || !known(y)) continue;
    if (points.length > 0 && points.at(-1)[0] >= x) points.pop();
    points.push([x, y]);
  }
  return points;
}

/** y at x of a curve with at least one point, linear between points and constant beyond the ends. */
function valueAt(curve, x) {
  let low = 0, high = curve.length - 1;
  if (x <= curve[low][0]) return curve[low][1];
  if (x >= curve[high][0]) return curve[high][1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (curve[middle][0] <= x) low = middle;
    else high = middle;
  }
  const [x0, y0] = curve[low], [x1, y1] = curve[high];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/** Values of x that all curves reach: the points themselves where all have the same, as with samples, else even steps. */
function commonGrid(curves) {
  const longest = curves.reduce((a, b) => (a.length >= b.length ? a : b));
  const same = curves.every((curve) => curve.length === longest.length && curve.every((p, i) => p[0] === longest[i][0]));
  if (same) return longest.map((point) => point[0]);
  const from = Math.max(...curves.map((curve) => curve[0][0]));
  const to = Math.min(...curves.map((curve) => curve.at(-1)[0]));
  if (!(to > from)) return [];
  const steps = longest.length - 1;
  return longest.map((_, i) => from + ((to - from) * i) / steps);
}

/** Mean and standard deviation of numbers; the deviation of a sample, null for a single one. */
function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, sd: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (values.length - 1)) };
}

/** The group's curve over its finished runs: [{x, mean, sd}], empty where the effort never grows. */
function meanCurve(group, effort, quality) {
  const curves = finished(group).map((run) => curveOf(run, effort, quality)).filter((curve) => curve.length > 1);
  if (curves.length === 0) return [];
  return commonGrid(curves).map((x) => ({ x, ...moments(curves.map((curve) => valueAt(curve, x))) }));
}

/** Accuracies of the last evaluation of each finished run. */
function finalAccuracies(group) {
  return finished(group).map((run) => run.points.at(-1)?.[4]).filter(known);
}
