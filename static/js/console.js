// The console's script: everything on the main path works without it; it saves page loads and adds keys.
// One module per matter; this one starts them and holds what belongs to the frame: theme, navigation, search.

import "./toasts.js";
import "./popovers.js";
import "./dialogs.js";
import "./regions.js";
import "./paging.js";
import { prepare } from "./forms.js";

prepare(document);
document.body.addEventListener("htmx:afterSettle", (event) => prepare(event.detail.elt));

const remember = (form, values) => {
  const body = new FormData(form);
  body.delete("next");
  Object.entries(values).forEach(([name, value]) => body.set(name, value));
  fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
};

// --- theme ---
document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]");
  if (!choice) return;
  event.preventDefault();
  const theme = choice.dataset.themeChoice;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.querySelectorAll("[data-theme-choice]").forEach((each) => each.setAttribute("aria-checked", String(each === choice)));
  choice.closest("[popover]").hidePopover();
  remember(choice.form, { theme });
});

// --- folded navigation ---
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-nav-fold]");
  if (!button) return;
  event.preventDefault();
  const folded = document.getElementById("shell").classList.toggle("is-nav-folded");
  button.setAttribute("aria-expanded", String(!folded));
  button.value = folded ? "0" : "1";
  remember(button.form, { navigation_folded: folded ? "1" : "0" });
});

// --- search ---
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
  const search = document.querySelector("[data-search-focus]");
  if (event.key === "/" && !typing && search && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
    search.select();
  }
  const form = event.target.closest?.(".global-search");
  if (!form) return;
  const hits = [...form.querySelectorAll(".search-hits a")];
  const at = hits.indexOf(document.activeElement);
  if (event.key === "ArrowDown" && hits.length) { event.preventDefault(); hits[Math.min(at + 1, hits.length - 1)].focus(); }
  if (event.key === "ArrowUp" && at >= 0) { event.preventDefault(); (hits[at - 1] || search).focus(); }
  if (event.key === "Escape") { form.querySelector(".search-hits").replaceChildren(); search.focus(); search.select(); }
});

// --- lines that open ---
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-expand-all]");
  if (!button) return;
  const open = button.getAttribute("aria-expanded") !== "true";
  button.closest("table").querySelectorAll("tbody details").forEach((line) => { line.open = open; });
  button.setAttribute("aria-expanded", String(open));
  button.textContent = open ? "Collapse all" : "Expand all";
});

document.body.addEventListener("htmx:afterSettle", () => {
  document.querySelectorAll("[data-expand-all]").forEach((button) => {
    const lines = [...button.closest("table").querySelectorAll("tbody details")];
    const open = lines.length > 0 && lines.every((line) => line.open);
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Collapse all" : "Expand all";
  });
});

// The current tab is in sight on narrow screens, also where CSS cannot say so.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
