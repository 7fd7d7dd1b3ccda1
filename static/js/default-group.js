// The Default Server Group tab: the weight popover with its live shares, the preview of bulk weights, and a poll that
// never takes away what somebody is editing.

import { announce } from "./toasts.js";

const MAX_WEIGHT = 100;
const isWeight = (text) => /^[0-9]{1,3}$/.test(text.trim()) && Number(text) <= MAX_WEIGHT;
const percent = (value) => `${(Math.round(value * 10) / 10).toString()} %`;
const tableOf = () => document.getElementById("server-table");
const rowsOf = () => [...document.querySelectorAll("[data-server-row]")];

// --- shares before and after, while a weight is typed (I1) ---

function drawShare(row, after) {
  const cell = document.getElementById(`share-${row.dataset.serverRow}`);
  if (!cell || !("canServe" in row.dataset)) return;
  const before = Number(cell.dataset.share);
  const fill = cell.querySelector(".share-fill");
  cell.querySelector(".share-value").textContent = percent(after);
  fill.setAttribute("width", after.toFixed(1));
  cell.querySelector(".share-before")?.remove();
  cell.querySelector("[data-share-was]")?.remove();
  if (Math.abs(after - before) < 0.05) return;
  const mark = fill.cloneNode();
  mark.setAttribute("class", "share-before");
  mark.setAttribute("width", before.toFixed(1));
  fill.before(mark);
  const note = document.createElement("span");
  note.className = "share-note";
  note.dataset.shareWas = "";
  note.textContent = `was ${percent(before)}`;
  cell.append(note);
}

const restoreShares = () => rowsOf().forEach((row) => drawShare(row, Number(document.getElementById(`share-${row.dataset.serverRow}`)?.dataset.share || 0)));

function previewShares(input) {
  const form = input.closest("[data-weight-form]");
  const place = form.querySelector("[data-share-preview]");
  const row = document.getElementById(`row-${form.dataset.weightForm}`);
  if (!row || !place) return;
  if (!isWeight(input.value) || !("canServe" in row.dataset)) {
    restoreShares();
    place.textContent = "canServe" in row.dataset ? "" : "It receives no requests while its health is not normal. ";
    return;
  }
  const was = Number(row.dataset.weight);
  const now = Number(input.value);
  const sum = Number(tableOf().dataset.servingWeight);
  const part = (weight, total) => (total ? (100 * weight) / total : 0);
  rowsOf().forEach((each) => drawShare(each, part(each === row ? now : Number(each.dataset.weight), sum - was + now)));
  const [before, after] = [part(was, sum), part(now, sum - was + now)];
  place.replaceChildren();
  if (now === was) return;
  const strong = document.createElement("strong");
  strong.textContent = percent(after);
  place.append(`Share ${percent(before)} → `, strong, ". ");
  if (!now) place.append("It gets no new requests. ");
}

function step(input, by) {
  if (input.value.trim() && !isWeight(input.value)) return;
  input.value = String(Math.min(MAX_WEIGHT, Math.max(0, Number(input.value || "0") + by)));
  previewShares(input);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-weight-input]")) previewShares(event.target);
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-weight-input]")) return;
  if (!["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  step(event.target, (event.key === "ArrowUp" ? 1 : -1) * (event.shiftKey ? 10 : 1));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  if (button) step(button.closest("form").querySelector("[data-weight-input]"), Number(button.dataset.step));
  const close = event.target.closest("[data-weight-close]");
  const popover = close?.closest("[popover]");
  if (!popover) return;
  event.preventDefault();
  popover.hidePopover();
});

// A popover that closes unsaved is again as the server drew it; when others changed the row, a fresh table comes.
const drawn = new WeakMap();
let tableIsLate = false;

function takeBack(popover) {
  if (popover.dataset.answered) {
    popover.replaceChildren(...drawn.get(popover));
    window.htmx?.process(popover);
  }
  popover.querySelector("form")?.reset();
  if (!tableIsLate && popover.dataset.answered !== "409") return;
  tableIsLate = false;
  window.htmx?.trigger(tableOf(), "objectsChanged");
}

document.addEventListener("toggle", (event) => {
  const popover = event.target;
  if (!popover.matches?.(".weight-popover")) return;
  popover.closest("tr")?.classList.toggle("is-current", event.newState === "open");
  if (event.newState === "open") {
    drawn.set(popover, [...popover.children].map((part) => part.cloneNode(true)));
    const input = popover.querySelector("[data-weight-input]");
    if (input) previewShares(input);
    return;
  }
  restoreShares();
  takeBack(popover);
  delete popover.dataset.answered;
}, true);

// A fresh table never replaces the one in which a weight is being typed.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "server-table" || !document.querySelector(".weight-popover:popover-open")) return;
  event.detail.shouldSwap = false;
  tableIsLate = true;
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  const popover = event.target.closest?.(".weight-popover") || document.querySelector(".weight-popover:popover-open");
  if (!popover || event.detail.requestConfig.verb !== "post") return;
  if (event.detail.xhr.status === 204) {
    popover.hidePopover();
    return;
  }
  popover.dataset.answered = String(event.detail.xhr.status);
  const first = popover.querySelector("[aria-invalid=true]") || popover.querySelector("[data-autofocus]");
  first?.focus();
  if (first instanceof HTMLInputElement) first.select();
  announce(popover.querySelector("[data-weight-error], [role=alert]")?.textContent.trim() || "", true);
});

// --- the poll ---

// Cells of shares rest while the popover shows what they would become.
document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target.id?.startsWith("share-") && document.querySelector(".weight-popover:popover-open")) event.preventDefault();
});

// Other rows than the page shows: fetch them, unless somebody is in the middle of something; the next poll asks again.
document.body.addEventListener("serversChanged", () => {
  const busy = document.querySelector("#server-table :popover-open, dialog:modal, .panel");
  if (!busy && tableOf()) window.htmx.trigger(tableOf(), "objectsChanged");
});

// --- bulk weights ---

function previewPlan(form) {
  const plan = form.elements.plan.value;
  const text = form.elements.value.value.trim();
  const rows = [...form.querySelectorAll("[data-plan-row]")];
  const valid = plan === "even" || isWeight(text);
  rows.forEach((row, at) => {
    const was = Number(row.dataset.weight);
    const even = Math.floor(MAX_WEIGHT / rows.length) + (at < MAX_WEIGHT % rows.length ? 1 : 0);
    const given = Number(text);
    const after = { set: given, add: was + given, subtract: was - given, even }[plan];
    const shown = Math.min(MAX_WEIGHT, Math.max(0, after));
    row.querySelector("[data-plan-after]").textContent = valid ? ` → ${shown}` : "";
  });
}

["input", "change"].forEach((name) => document.addEventListener(name, (event) => {
  const form = event.target.closest?.("[data-bulk-weights]");
  if (!form?.elements.plan) return;
  // A refusal was about the plan and the number that stood here before.
  form.elements.value.removeAttribute("aria-invalid");
  form.elements.value.removeAttribute("aria-describedby");
  form.querySelector("#bulk-value-error")?.remove();
  previewPlan(form);
}));

document.body.addEventListener("htmx:afterSettle", () => {
  document.querySelectorAll("[data-bulk-weights]").forEach((form) => { if (form.elements.plan) previewPlan(form); });
});
