// Tables that sort by a click on a column's head, and that mark the best value of a column.

/** A table in a box of its own that scrolls sideways.
  *
  * @param columns of {title, value, show, number, best, kind}: `value` is what it sorts by, `show` the words or a node (else
  *   the value itself), `best` is "max" or "min", `kind` a class of its cells. The first is the head of its row.
  */
function table(caption, columns, rows) {
  const body = element("tbody");
  const heads = columns.map((column) => headOf(column, rows.length > 1));
  const order = { column: null, sign: 1 };
  const lines = rows.map((row) => ({ row, line: lineOf(row, columns, rows) }));
  const show = () => body.append(...sorted(lines, order).map(({ line }) => line));
  heads.forEach((head, i) => head.querySelector("button")?.addEventListener("click", () => {
    const column = columns[i];
    order.sign = order.column === column ? -order.sign : column.best === "max" ? -1 : 1;
    order.column = column;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order.sign > 0 ? "ascending" : "descending");
    show();
  }));
  show();
  const whole = element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), body);
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption }, whole);
}

const classOf = (column) => (column.number ? "number" : (column.kind ?? ""));

function headOf(column, sorts) {
  const head = element("th", { scope: "col", class: classOf(column) });
  head.append(sorts && column.value ? element("button", { type: "button" }, column.title) : column.title);
  return head;
}

function lineOf(row, columns, rows) {
  return element("tr", {}, ...columns.map((column, i) => {
    const shown = column.show ? column.show(row) : String(column.value(row) ?? UNKNOWN);
    if (i === 0) return element("th", { scope: "row" }, shown);
    const best = isBest(row, column, rows);
    const marks = best ? [element("span", { "aria-hidden": "true" }, "★ "), element("span", { class: "hidden" }, "best: ")] : [];
    return element("td", { class: `${classOf(column)} ${best ? "best" : ""}` }, ...marks, shown);
  }));
}

/** Whether the row has the column's best value, and another has a worse one. */
function isBest(row, column, rows) {
  const values = column.best ? rows.map(column.value).filter(known) : [];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least < most && column.value(row) === (column.best === "max" ? most : least);
}

/** Unknown values stay last whichever way it is sorted. */
function sorted(lines, { column, sign }) {
  if (column === null) return lines;
  const compare = (a, b) => {
    const [x, y] = [a, b].map(({ row }) => column.value(row) ?? null);
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true }));
  };
  return [...lines].sort(compare);
}

const label = { title: "group", value: (group) => group.label };

function resultsTable(data) {
  const number = (title, value, show, best) => ({ title, value, number: true, best, show: (group) => show(value(group)) });
  const pair = (title, of, show, best) => ({
    title, number: true, best, value: (group) => of(group)?.mean ?? null, show: (group) => spread(of(group), show),
  });
  const points = (value) => hundredths(value, 2);
  const summary = (key) => (group) => group.summary[key] ?? null;
  const goal = (key) => (group) => group.summary.to_goal?.[key] ?? null;
  const reached = (group) => (known(goal("reached")(group)) ? `${goal("reached")(group)} of ${group.summary.n}` : UNKNOWN);
  const beats = (group) => ({ true: "yes", false: "no" })[summary("beats_one_machine")(group)] ?? null;
  const columns = [
    number("n", summary("n"), count),
    pair("accuracy, %", summary("accuracy"), points, "max"),
    pair("best, %", summary("best"), points, "max"),
    number("steadiness, points", summary("steadiness"), points, "min"),
    number("largest drop, points", summary("drop"), points, "min"),
    pair(`accuracy after ${duration(data.equal_seconds)}, %`, summary("at_equal_seconds"), points, "max"),
    pair(data.simulated ? "virtual seconds" : "seconds", summary("seconds"), (value) => short(value, 4), "min"),
    number("seconds to goal", goal("seconds"), (value) => short(value, 4), "min"),
    number("samples to goal", goal("samples"), count, "min"),
    { ...number("reached goal", goal("reached"), count), show: reached },
    number("speed-up", summary("speed_up"), (value) => short(value, 3), "max"),
    number("images/s", summary("images_per_second"), count, "max"),
    number("exchanged", summary("bytes"), bytes),
    number("staleness", summary("staleness"), (value) => short(value, 3)),
    { title: "beats one machine", value: beats },
  ];
  const told = columns.filter((column) => data.groups.some((group) => column.value(group) !== null));
  return table("Results by group, mean ± standard deviation over seeds; a star marks the best of a column", [label, ...told], data.groups);
}

function timeTable(groups) {
  const parts = PARTS.map(({ key, title }) => ({
    title, number: true, value: (group) => group.summary.time[key] ?? null, show: (group) => timePart(group, key),
  }));
  return table("Mean time of a run, of all workers together, by what they were doing", [label, ...parts], groups);
}

/** A table, or a sentence where there is nothing to tell. */
function settings(data) {
  const keys = [...new Set([...data.axes.map((axis) => axis.key), ...data.groups.flatMap((group) => Object.keys(group.differs))])];
  if (keys.length === 0) return element("p", {}, "None: all groups have the same.");
  const value = (key) => (group) => {
    const one = group.settings[key] ?? group.differs[key] ?? null;
    return one === null || typeof one === "string" || known(one) ? one : JSON.stringify(one);
  };
  return table("Settings by group, where not all groups have the same", [label, ...keys.map((key) => ({ title: key, value: value(key) }))], data.groups);
}
