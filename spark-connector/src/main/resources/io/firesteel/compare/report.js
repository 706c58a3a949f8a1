// Fills the page from the data in it: heading, choices and legends; the charts and tables are made by the other scripts.

const data = JSON.parse(byId("data").textContent);

function heading() {
  document.title = `${data.name}: comparison`;
  byId("name").textContent = data.name;
  const all = runsOf(data);
  const done = all.filter((run) => run.status === "done").length;
  const facts = [
    ["Made", when(data.made)],
    ["Hardware", data.hardware],
    ["Spark", data.spark],
    ["Firesteel", data.firesteel],
    ["Budget of a run", data.budget],
    ["Goal", known(data.goal) ? `accuracy ${percentMark(data.goal)}` : null],
    ["Runs", done === all.length ? `${all.length}, all finished` : `${done} of ${all.length} finished`],
  ];
  const rows = facts.filter(([, value]) => value).map(([key, value]) => element("div", {}, element("dt", {}, key), element("dd", {}, value)));
  byId("facts").append(...rows);
  byId("made").textContent = `Made by Firesteel ${data.firesteel}, ${when(data.made)}. This file needs no network.`;
  byId("method").append(...data.method.map((paragraph) => element("p", {}, paragraph)));
}

/** A moment in ISO 8601 with less to read, still in UTC. */
const when = (moment) => (moment ? moment.replace("T", " ").replace(/(:\d\d)(:\d\d)?(\.\d+)?Z$/, "$1 UTC") : null);

function glance() {
  const summary = (key) => (group) => group.summary[key] ?? null;
  const toGoal = (group) => (group.summary.to_goal?.reached > 0 ? group.summary.to_goal.seconds : null);
  const card = (title, of, sign, words) => {
    const told = data.groups.filter((group) => known(of(group)));
    if (told.length === 0) return null;
    const first = told.reduce((a, b) => (sign * of(b) > sign * of(a) ? b : a));
    return element("li", {},
      element("p", { class: "label" }, title), element("p", { class: "value" }, words(first)), element("p", {}, first.label));
  };
  const cards = [
    card("Most accurate", (group) => group.summary.accuracy?.mean, 1, (group) => percentSpread(group.summary.accuracy)),
    card("Steadiest", summary("steadiness"), -1, (group) => `${hundredths(group.summary.steadiness, 2)} points`),
    card(`First to ${percentMark(data.goal)}`, toGoal, -1, (group) => duration(toGoal(group))),
    card("Most images a second", summary("images_per_second"), 1, (group) => count(group.summary.images_per_second)),
  ];
  byId("cards").append(...cards.filter((one) => one !== null));
  const judged = data.groups.filter((group) => typeof group.summary.beats_one_machine === "boolean");
  const better = judged.filter((group) => group.summary.beats_one_machine).map((group) => group.label);
  if (judged.length === 0) return;
  byId("verdict").textContent = better.length === 0
    ? "No group is better than one machine in both accuracy and time."
    : `Better than one machine in both accuracy and time: ${better.join("; ")}.`;
}

/** Radio buttons in a fieldset; `chosen` is called with the option. */
function radios(form, name, title, options, chosen) {
  const items = options.map((option, i) => {
    const input = element("input", { type: "radio", name, value: option.key, ...(i === 0 ? { checked: "" } : {}) });
    input.addEventListener("change", () => chosen(option));
    return element("label", {}, input, option.title ?? option.key);
  });
  byId(form).append(element("fieldset", {}, element("legend", {}, title), ...items));
}

function checkbox(form, title, checked, chosen) {
  const input = element("input", { type: "checkbox", ...(checked ? { checked: "" } : {}) });
  input.addEventListener("change", () => chosen(input.checked));
  byId(form).append(element("label", {}, input, title));
}

/** A button for each line, which takes it out and puts it back; `hidden` has the indices of those taken out. */
function legend(id, labels, hidden, changed) {
  byId(id).replaceChildren(...labels.map((words, index) => {
    const button = element("button", { type: "button", "aria-pressed": String(!hidden.has(index)) }, swatch(look(index)), words);
    button.addEventListener("click", () => {
      if (!hidden.delete(index)) hidden.add(index);
      button.setAttribute("aria-pressed", String(!hidden.has(index)));
      changed();
    });
    return button;
  }));
}

const FEW = 8; // groups whose bands can be told apart

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
  legend("curve-legend", data.groups.map((group) => group.label), chosen.hidden, draw);
}

function sweepSection() {
  const axes = numericAxes(data);
  const chosen = { key: axes[0]?.key, lines: axes[0] ? sweepLines(data, axes[0].key) : [], hidden: new Set() };
  if (chosen.lines.length === 0) return byId("sweep").remove();
  const describe = () => `Line chart of final accuracy over ${chosen.key}. The table of results has the values.`;
  const draw = addChart("sweep-chart", describe, () => sweepOption(chosen.key, chosen.lines, chosen.hidden));
  const lines = () => legend("sweep-legend", chosen.lines.map((line) => line.label), chosen.hidden, draw);
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
  addChart("time-chart", () => "Bar chart of the time of a run by group: compute, exchange, wait and rest. The table below it has the values.",
    (width) => timeOption(timed, width), rowsHeight(timed));
  byId("time").append(element("details", {}, element("summary", {}, "As a table"), timeTable(timed)));
}

function contents() {
  const links = [...document.querySelectorAll("main section")].map((section) =>
    element("li", {}, element("a", { href: `#${section.id}` }, section.querySelector("h2").textContent)));
  byId("contents").append(...links);
}

heading();
glance();
curveSection();
rowSections();
sweepSection();
byId("results").append(resultsTable(data));
byId("settings").append(settingsTable(data));
byId("failures").append(failures(data));
byId("commands").append(commandsTable(data));
contents();
watch();
