// Tables with a row for each run: those that failed or are missing, and the command that repeats each.

const STATUS = { done: "finished", failed: "failed", missing: "not run" };

const runsOf = (data) => data.groups.flatMap((group) => group.runs.map((run) => ({ ...run, group: group.label })));

const runColumns = [
  { title: "group", value: (run) => run.group },
  { title: "seed", value: (run) => run.seed },
  { title: "status", value: (run) => STATUS[run.status] ?? run.status },
];

/** A table, or a sentence where all went well. */
function failures(data) {
  const wrong = runsOf(data).filter((run) => run.status !== "done");
  if (wrong.length === 0) return element("p", {}, "None: all runs finished.");
  const error = { title: "error", kind: "text", value: (run) => run.error, show: errorOf };
  return table("Runs that failed or were not run", [...runColumns, error], wrong);
}

/** The first line, and all of it on demand. */
function errorOf(run) {
  const [first, ...more] = (run.error ?? UNKNOWN).split("\n");
  if (more.length === 0) return first;
  return element("details", {}, element("summary", {}, first), element("pre", { tabindex: "0" }, more.join("\n")));
}

function commandsTable(data) {
  const final = (run) => run.points.at(-1)?.[4] ?? null;
  const columns = [
    ...runColumns,
    { title: "accuracy, %", number: true, value: final, show: (run) => hundredths(final(run), 2) },
    { title: "command", show: (run) => element("code", {}, run.command) },
    { title: "copy", kind: "copy", show: copyButton },
  ];
  return table("The command of each run", columns, runsOf(data));
}

function copyButton(run) {
  const words = `Copy the command of ${run.group}, seed ${run.seed}`;
  const button = element("button", { type: "button", "aria-label": words }, "Copy");
  button.addEventListener("click", async () => { byId("copied").textContent = await copied(button, run); });
  return button;
}

/** What became of it. Where the browser gives no clipboard to a page from a file, the command is selected. */
async function copied(button, run) {
  try {
    await navigator.clipboard.writeText(run.command);
    return `Copied the command of ${run.group}, seed ${run.seed}.`;
  } catch {
    getSelection().selectAllChildren(button.closest("tr").querySelector("code"));
    return "The command is selected: press Ctrl+C or ⌘C to copy it.";
  }
}
