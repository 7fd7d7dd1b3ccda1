// Pages of a table: a new page is read from its first row, by eye and by keyboard.

import { announce } from "./toasts.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

document.body.addEventListener("htmx:afterSwap", (event) => {
  const asked = event.detail.requestConfig?.elt;
  if (!asked?.closest?.("nav.pagination")) return;
  const region = document.getElementById(event.detail.target.id);
  const table = region?.querySelector("table");
  if (!table) return;
  table.tabIndex = -1;
  table.focus({ preventScroll: true });
  region.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
  const pages = region.querySelectorAll("nav.pagination .pagination-link:not([aria-label], [aria-disabled])");
  const current = region.querySelector("nav.pagination [aria-current=page]");
  if (current) announce(`Page ${current.textContent} of ${pages[pages.length - 1].textContent}`);
});
