"use strict";
// A page of the tab: draws its plots, and reads the page anew while a run goes on.
(() => {
  const EVERY = 5000; // milliseconds between two readings of the page
  const drawn = new Map(); // by title: the box of a plot, and the plot
  let axis = "round";
  let data = read(document);

  function read(root) {
    return JSON.parse(root.getElementById("firesteel-data").textContent);
  }

  /** As Spark's own pages from 4.2 on, else as the browser is set. */
  function isDark() {
    const theme = document.documentElement.getAttribute("data-bs-theme");
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function draw() {
    const place = document.getElementById("firesteel-plots");
    if (!place || !data.curves) return;
    const plots = firesteelPlots.of(data);
    document.querySelector(".firesteel-axis").hidden = !plots.length;
    for (const plot of plots) {
      const old = drawn.get(plot.title);
      const box = old ? old.box : place.appendChild(figure(plot.title));
      if (old) old.plot.destroy();
      drawn.set(plot.title, { box, plot: firesteelPlots.draw(box.lastChild, plot, axis, isDark()) });
    }
  }

  /** An element with the title of a plot and an empty box for it. */
  function figure(title) {
    const whole = document.createElement("figure");
    const caption = whole.appendChild(document.createElement("figcaption"));
    caption.textContent = title;
    whole.appendChild(document.createElement("div"));
    return whole;
  }

  async function refresh() {
    if (!data.going) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok && !document.hidden) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        data = read(page);
        for (const part of document.querySelectorAll("[data-part]")) {
          const now = page.querySelector(`[data-part="${part.dataset.part}"]`);
          if (now) part.replaceChildren(...now.childNodes);
        }
        draw();
      }
    } catch (_) {
      return; // the application has ended and nobody answers any more: what was read last stays
    }
    setTimeout(refresh, EVERY);
  }

  for (const button of document.querySelectorAll("[data-axis]")) {
    button.addEventListener("click", () => {
      axis = button.dataset.axis;
      document.querySelectorAll("[data-axis]").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      draw();
    });
  }
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let resized;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(draw, 200);
  });
  // Spark's scripts and styles are loaded by then
  addEventListener("load", () => {
    draw();
    setTimeout(refresh, EVERY);
  });
})();
