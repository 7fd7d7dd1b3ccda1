// Regions that htmx refreshes: polling rests while nobody looks or somebody edits, and a refresh keeps ticks and open rows.
// A region is an element with an id, hx-get, data-region and hx-trigger "every 5s, objectsChanged from:body".

import { countSelection } from "./forms.js";

const isEdited = (region) =>
  Boolean(region.querySelector(":popover-open")) ||
  [...document.querySelectorAll("dialog:modal, .panel")].some((overlay) => !overlay.contains(region)) ||
  (region.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select, textarea"));

let kept = null;

// What takes the focus when its holder goes with its row: the same control of the rows below, then of those above.
function heirsOf(holder, region) {
  const kind = holder.id.split("-", 1)[0];
  if (!kind || !holder.closest("tr")) return [];
  const same = [...region.querySelectorAll(`tr [id^="${CSS.escape(kind)}-"]`)].filter((each) => each.tagName === holder.tagName).map((each) => each.id);
  const at = same.indexOf(holder.id);
  return [...same.slice(at + 1), ...same.slice(0, at).reverse()];
}

const focusAfter = (holder, region) =>
  (holder.id ? [holder.id, ...heirsOf(holder, region), ...(region.dataset.heir || "").split(" ").filter(Boolean)] : []);

function focusFirst(ids) {
  const tries = [...ids.map((id) => document.getElementById(id)), document.getElementById("main")];
  tries.find((each) => each?.checkVisibility())?.focus();
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!elt.hasAttribute?.("data-region") || requestConfig.triggeringEvent) return;
  if (document.hidden || isEdited(elt)) event.preventDefault();
});

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const region = event.detail.target;
  kept = null;
  if (!region.hasAttribute?.("data-region")) return;
  kept = {
    id: region.id,
    ticked: new Set([...region.querySelectorAll(".row-check:checked")].map((box) => box.value)),
    open: new Set([...region.querySelectorAll("details[open][id]")].map((each) => each.id)),
    focus: region.contains(document.activeElement) ? focusAfter(document.activeElement, region) : [],
  };
});

document.body.addEventListener("htmx:afterSwap", () => {
  const region = kept && document.getElementById(kept.id);
  if (!region) return;
  region.querySelectorAll(".row-check").forEach((box) => { if (kept.ticked.has(box.value)) box.checked = true; });
  region.querySelectorAll("details[id]").forEach((each) => { if (kept.open.has(each.id)) each.open = true; });
  if (!kept.focus.length) return;
  countSelection(region);
  focusFirst(kept.focus);
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.querySelectorAll("[data-region]").forEach((region) => window.htmx?.trigger(region, "objectsChanged"));
});
