// The sections with charts: each draws its chart and has the choices of what is shown in it.

const FEW = 8; // groups whose bands can be told apart, and whose legend is read at a glance

function curveSection() {
  const efforts = EFFORTS.filter((effort) => occurs(data.groups, effort.column));
  const qualities = QUALITIES.filter((quality) => occurs(data.groups, quality.column));
  if (efforts.length === 0 || qualities.length === 0) return byId("curves").remove();
  const chosen = { effort: efforts[0], quality: qualities[0], log: false, half: false, bands: data.groups.length <= FEW, hidden: new Set() };
  let curves;
  const compute = () => {
    curves = data.groups.map((group) => meanCurve(group, chosen.effort, chosen.quality));
    const left = data.groups.filter((_, i) => curves[i].length === 0).map((group) => group.label);
    byId("curve-note").textContent = left.length === 0 ? "" : `Without values on this axis: ${left.join("; ")}.`;
  };
  compute();
  const describe = () => `Line chart of ${chosen.quality.title} over ${chosen.effort.title}, a line for each of ${data.groups.length} groups. The table of results has the final values.`;
  const draw = addChart("curve-chart", describe, () => curvesOption(data, curves, chosen));
  const change = (key) => (value) => { chosen[key] = value; compute(); draw(); };
  radios("curve-choices", "effort", "Over", efforts, change("effort"));
  radios("curve-choices", "quality", "Show", qualities, change("quality"));
  checkbox("curve-choices", "logarithmic axis", chosen.log, change("log"));
  checkbox("curve-choices", "second half", chosen.half, change("half"));
  checkbox("curve-choices", "bands", chosen.bands, change("bands"));
  const lines = (shown) => {
    chosen.hidden = new Set(data.groups.flatMap((group, i) => (shown(group) ? [] : [i])));
    legend("curve-legend", data.groups.map((group, i) => [i, group.label]).filter(([i]) => !chosen.hidden.has(i)), chosen.hidden, draw);
  };
  lines(() => true);
  if (data.groups.length > FEW) filters("curve-choices", data.axes, (shown) => { lines(shown); draw(); });
}

function sweepSection() {
  const axes = numericAxes(data);
  const chosen = { key: axes[0]?.key, lines: axes[0] ? sweepLines(data, axes[0].key) : [], hidden: new Set() };
  if (chosen.lines.length === 0) return byId("sweep").remove();
  const describe = () => `Line chart of final accuracy over ${chosen.key}. The table of results has the values.`;
  const draw = addChart("sweep-chart", describe, () => sweepOption(chosen.key, chosen.lines, chosen.hidden));
  const lines = () => legend("sweep-legend", chosen.lines.map((line, i) => [i, line.label]), chosen.hidden, draw);
  const change = ({ key }) => {
    Object.assign(chosen, { key, lines: sweepLines(data, key), hidden: new Set() });
    lines();
    draw();
  };
  if (axes.length > 1) radios("sweep-choices", "axis", "Over", axes, change);
  lines();
}

function rowSections() {
  const numbered = data.groups.map((group, index) => ({ ...group, index }));
  const judged = numbered.filter((group) => known(group.summary.accuracy?.mean));
  if (judged.length === 0) byId("accuracy").remove();
  else addChart("accuracy-chart", () => "Final accuracy of each group with its standard deviation. The table of results has the values.",
    (width) => accuracyOption(judged, width), rowsHeight(judged));
  const timed = numbered.filter((group) => group.summary.time && PARTS.some(({ key }) => known(group.summary.time[key])));
  if (timed.length === 0) return byId("time").remove();
  addChart("time-chart", () => "Bar chart of the time of a run by group: compute, exchange and rest. The table below it has the values.",
    (width) => timeOption(timed, width), rowsHeight(timed));
  byId("time").append(element("details", {}, element("summary", {}, "As a table"), timeTable(timed)));
}
