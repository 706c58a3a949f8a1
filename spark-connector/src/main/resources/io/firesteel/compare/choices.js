// What can be chosen beside a chart: radio buttons, boxes to tick, groups by their settings, and lines by their legend.

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

/** Lists of the values of each axis; `chosen` is called with whether a group has all that is chosen in them. */
function filters(form, axes, chosen) {
  const lists = axes.filter((axis) => axis.values.length > 1).map((axis) => {
    const list = element("select", {}, element("option", { value: "" }, "all"), ...axis.values.map((value) => element("option", {}, value)));
    list.addEventListener("change", () => chosen((group) => lists.every(({ key, list }) => !list.value || list.value === group.settings[key])));
    return { key: axis.key, list };
  });
  byId(form).append(...lists.map(({ key, list }) => element("label", {}, `${key} `, list)));
}

/** A button for each line, which takes it out and puts it back.
  *
  * @param lines [index, label], the index deciding how it looks
  * @param hidden indices of those taken out
  */
function legend(id, lines, hidden, changed) {
  byId(id).replaceChildren(...lines.map(([index, words]) => {
    const button = element("button", { type: "button", "aria-pressed": String(!hidden.has(index)) }, swatch(look(index)), words);
    button.addEventListener("click", () => {
      if (!hidden.delete(index)) hidden.add(index);
      button.setAttribute("aria-pressed", String(!hidden.has(index)));
      changed();
    });
    return button;
  }));
}
