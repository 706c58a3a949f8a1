// Numbers as people read them, and elements of the page. Text of the data is only ever set as text, never as HTML.
"use strict";

const UNKNOWN = "–";
const MINUTE = 60, HOUR = 3600; // seconds
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** @param {number} digits significant ones */
function short(value, digits = 3) {
  return known(value) ? value.toLocaleString("en", { maximumSignificantDigits: digits }) : UNKNOWN;
}

const count = (value) => (known(value) ? Math.round(value).toLocaleString("en") : UNKNOWN);

/** A fraction as per cent, without the sign. */
function hundredths(value, digits = 1) {
  if (!known(value)) return UNKNOWN;
  return (100 * value).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** As per cent with no more digits than the value has, for the marks of an axis. */
const percentMark = (value) => `${short(100 * value, 4)} %`;

const percent = (value, digits) => (known(value) ? `${hundredths(value, digits)} %` : UNKNOWN);

function duration(seconds) {
  if (!known(seconds)) return UNKNOWN;
  const rounded = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  if (rounded >= HOUR) return `${Math.floor(rounded / HOUR)} h ${two(Math.floor((rounded % HOUR) / MINUTE))} min`;
  if (rounded >= 2 * MINUTE) return `${Math.floor(rounded / MINUTE)} min ${two(rounded % MINUTE)} s`;
  return `${short(seconds)} s`;
}

function bytes(value) {
  if (!known(value)) return UNKNOWN;
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), UNITS.length - 1);
  return `${short(value / 1000 ** power)} ${UNITS[power]}`;
}

/** Mean and standard deviation, each in words of `show`; a single run has no deviation. */
function spread(pair, show) {
  if (!known(pair?.mean)) return UNKNOWN;
  return known(pair.sd) ? `${show(pair.mean)} ± ${show(pair.sd)}` : show(pair.mean);
}

const percentSpread = (pair, digits) =>
  known(pair?.mean) ? `${spread(pair, (value) => hundredths(value, digits))} %` : UNKNOWN;

/** An element with attributes and children; a child that is a string becomes text, null is left out. */
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svgElement(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

const byId = (id) => document.getElementById(id);
