// My Servers, step 1: counts while ticking, opens the interfaces of a server in place, offers to select all matches.
// Without script each of these is a button that posts the form.

import "./panel-history.js";

const panelOf = (element) => element.closest?.("[data-server-panel]");

function countSelected(form) {
  const ticked = form.querySelectorAll('input[type="checkbox"][name="selected"]:checked').length;
  const number = ticked + form.querySelectorAll('input[name="kept"]').length;
  form.dataset.chosen = String(number);
  const count = form.querySelector("[data-selection-count]");
  const told = document.createElement("strong");
  told.textContent = String(number);
  if (count.querySelector("strong")?.textContent !== told.textContent) {
    count.replaceChildren("You have selected ", told, number === 1 ? " server." : " servers.");
  }
  const next = form.querySelector("[data-needs-selection]");
  if (number) {
    next.removeAttribute("aria-disabled");
    next.removeAttribute("title");
  } else {
    next.setAttribute("aria-disabled", "true");
    next.title = "Select at least one server first";
  }
  const all = form.querySelector("[data-select-all]");
  if (all) all.hidden = !form.querySelector(".check-all")?.checked;
}

function toggleInterfaces(form, button) {
  const key = button.dataset.expand;
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  const use = button.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, open ? "#minus" : "#plus"));
  form.querySelectorAll("[data-sub-of]").forEach((row) => { if (row.dataset.subOf === key) row.hidden = !open; });
  form.querySelectorAll('input[name="opened"]').forEach((input) => { if (input.value === key) input.remove(); });
  if (!open) return;
  const input = document.createElement("input");
  input.type = "hidden";
  input.name = "opened";
  input.value = key;
  form.querySelector("#candidate-list").prepend(input);
}

document.addEventListener("click", (event) => {
  const form = panelOf(event.target);
  if (!form) return;
  const button = event.target.closest("[data-expand]");
  if (button) {
    event.preventDefault();
    toggleInterfaces(form, button);
    return;
  }
  // The switch says the same: it must not send its old state along.
  if (event.target.closest("[data-show-hidden]")) form.elements.available.checked = false;
});

// After the head's checkbox has ticked its rows (forms.js listens on the document too).
document.addEventListener("change", (event) => {
  const form = panelOf(event.target);
  if (form) queueMicrotask(() => countSelected(form));
});

// Shift ranges tick boxes without an event of their own.
document.addEventListener("click", (event) => {
  const form = panelOf(event.target);
  if (form && event.target.matches('input[name="selected"]')) queueMicrotask(() => countSelected(form));
});

function prepare() {
  document.querySelectorAll("[data-server-panel]").forEach(countSelected);
}

prepare();
document.body.addEventListener("htmx:afterSettle", prepare);
