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
    ["Seconds", data.simulated ? "virtual: those of the simulated cluster" : null],
    ["Goal", known(data.goal) ? `accuracy ${percentMark(data.goal)}` : null],
    ["Runs", done === all.length ? `${all.length}, all finished` : `${done} of ${all.length} finished`],
  ];
  const rows = facts.filter(([, value]) => value).map(([key, value]) => element("div", {}, element("dt", {}, key), element("dd", {}, value)));
  byId("facts").append(...rows);
  byId("made").textContent = `${["Made by Firesteel", data.firesteel].filter(Boolean).join(" ")}, ${when(data.made)}. This file needs no network.`;
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
  const told = cards.filter((one) => one !== null);
  if (told.length === 0) return byId("glance").remove();
  byId("cards").append(...told);
  const judged = data.groups.filter((group) => typeof group.summary.beats_one_machine === "boolean");
  const better = judged.filter((group) => group.summary.beats_one_machine).map((group) => group.label);
  if (judged.length === 0) return;
  byId("verdict").textContent = better.length === 0
    ? "No group is better than one machine in both accuracy and time."
    : `Better than one machine in both accuracy and time: ${better.join("; ")}.`;
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
byId("settings").append(settings(data));
byId("failures").append(failures(data));
byId("commands").append(commandsTable(data));
contents();
watch();
