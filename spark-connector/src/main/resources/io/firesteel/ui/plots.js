"use strict";
// The plots of a run: which lines each has, and how uPlot draws them. page.js gives it the data of the page.
const firesteelPlots = (() => {
  const MOST_WORKERS = 10; // lines of workers; the table has all of them
  const LEAST_SECONDS = 0.1;
  const HEIGHT = 220; // pixels
  const COLOURS = {
    light: ["#0b62d6", "#b8480a", "#1a7f37", "#7a3ec2", "#a11d5c", "#0d7083", "#8a6100", "#4b5866", "#c02d2d", "#3c7a00"],
    dark: ["#6cb0ff", "#ff9d5c", "#5fd07f", "#c29bff", "#ff8bbd", "#5fd0e0", "#e5b93c", "#b4bfca", "#ff8585", "#a5d66a"],
  };

  /** The values of a column, each divided by that of another one; unknown where that is 0. */
  const ratios = (above, below, factor = 1) => above.map((value, i) =>
    value === null || !below[i] ? null : (factor * value) / below[i]);

  /** Seconds since the value before, the first since `start`. Unknown where that is null, or too short to tell a speed. */
  const passed = (seconds, start) => seconds.map((now, i) => {
    const before = i ? seconds[i - 1] : start;
    return now === null || before === null || now - before < LEAST_SECONDS ? null : now - before;
  });

  const line = (label, curve, values) => ({ label, curve, values });
  const digits = (value, count) => value.toLocaleString("en", { maximumSignificantDigits: count });
  const plain = (value) => digits(value, 4);
  const percent = (value) => `${digits(value, 4)} %`;
  const whole = (value) => Math.round(value).toLocaleString("en");
  const time = (millis) => (millis < 1000 ? `${digits(millis, 3)} ms` : `${digits(millis / 1000, 3)} s`);
  const fromZero = (_, least, most) => [0, (most || 1) * 1.05];
  const ofPercent = (_, least, most) => {
    const room = Math.max(1, (most - least) / 10);
    return [Math.max(0, least - room), Math.min(100, most + room)];
  };

  /** All plots of a run: title, lines, how a value is written, and from where to where the axis goes. One without lines is not shown. */
  function of(data) {
    const { rounds, evaluations, exchanges } = data.curves;
    const start = data.resumed ? null : 0;
    const workers = Object.keys(data.curves).filter((name) => name.startsWith("worker "));
    const training = data.synchronous ? rounds : exchanges;
    const each = (sums) => ratios(sums, exchanges.exchanges, 1000);
    return [
      {
        title: "Loss",
        format: plain,
        lines: [
          training && line("training", training, training.loss),
          evaluations && line("evaluation", evaluations, evaluations.loss),
        ],
      },
      {
        title: "Accuracy",
        format: percent,
        range: ofPercent,
        lines: [evaluations && line("accuracy", evaluations, evaluations.accuracy.map((part) => part === null ? null : 100 * part))],
      },
      {
        title: "Images a second",
        format: whole,
        range: fromZero,
        lines: [training && line("all workers", training, ratios(training.images, data.synchronous ? rounds.time : passed(training.seconds, start)))],
      },
      {
        title: "Images a second, by worker",
        format: whole,
        range: fromZero,
        lines: workers.length > 1 && workers.length <= MOST_WORKERS
          ? workers.map((name) => line(name, data.curves[name], ratios(data.curves[name].images, data.curves[name].time)))
          : [],
      },
      {
        title: "Time of an exchange and of the local steps before it",
        format: time,
        range: fromZero,
        lines: exchanges
          ? ["computing", "exchanging", "waiting"].map((part) => line(part, exchanges, each(exchanges[part])))
          : [],
      },
      {
        title: "Staleness: updates by others since a worker's exchange before",
        format: plain,
        range: fromZero,
        lines: exchanges && !data.synchronous
          ? [line("mean", exchanges, ratios(exchanges.staleness, exchanges.exchanges))]
          : [],
      },
    ].map((plot) => ({ ...plot, lines: plot.lines.filter(Boolean) })).filter((plot) => plot.lines.length);
  }

  /** Lines over one axis, as uPlot wants them: all places in order, and each line's values there. */
  function table(lines, axis) {
    const places = [...new Set(lines.flatMap((one) => one.curve[axis]))].filter((x) => x !== null).sort((a, b) => a - b);
    const at = new Map(places.map((x, i) => [x, i]));
    return [places, ...lines.map((one) => {
      const values = new Array(places.length).fill(null);
      one.curve[axis].forEach((x, i) => { if (x !== null) values[at.get(x)] = one.values[i]; });
      return values;
    })];
  }

  /** Draws a plot into `box`. */
  function draw(box, plot, axis, dark) {
    const ink = getComputedStyle(box).color;
    const grid = { stroke: dark ? "#ffffff22" : "#00000018", width: 1 };
    const colours = COLOURS[dark ? "dark" : "light"];
    const value = (_, v) => (v === null || v === undefined ? "–" : plot.format(v));
    const data = table(plot.lines, axis);
    const label = axis === "round" ? "round" : "seconds";
    const options = {
      width: box.clientWidth,
      height: HEIGHT,
      scales: { x: { time: false }, y: plot.range ? { range: plot.range } : {} },
      cursor: { y: false, drag: { x: true, y: false } },
      axes: [
        { stroke: ink, grid, ticks: grid, label, labelSize: 20, size: 32 },
        { stroke: ink, grid, ticks: grid, size: 64, values: (_, all) => all.map(plot.format) },
      ],
      series: [
        { label, value: (_, v) => (v === null || v === undefined ? "–" : digits(v, 6)) },
        ...plot.lines.map((one, i) => ({
          label: one.label,
          stroke: colours[i],
          width: 1.5,
          spanGaps: true,
          value,
          points: { show: data[0].length < 60, size: 5, fill: colours[i] },
        })),
      ],
    };
    return new uPlot(options, data, box);
  }

  return { of, draw };
})();
