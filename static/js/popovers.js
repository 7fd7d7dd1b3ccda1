// Popovers and menus: the browser opens and closes them (popover, popovertarget); this places them beside their button,
// keeps aria-expanded, and gives menus their keys. data-hover-open opens on hover too, with time to travel to the menu.

const GAP = 4;
const EDGE = 8;
const HOVER_OPEN_MS = 100;
const HOVER_CLOSE_MS = 300;

const invokers = new WeakMap();

const invokerOf = (popover) =>
  invokers.get(popover) || document.querySelector(`[popovertarget="${CSS.escape(popover.id)}"]`);

function place(popover) {
  const button = invokerOf(popover);
  if (!button || !popover.matches(".menu, .popover")) return;
  popover.classList.add("is-placed");
  const at = button.getBoundingClientRect();
  const size = popover.getBoundingClientRect();
  const placement = popover.dataset.placement || "bottom-start";
  let left = placement === "bottom-end" ? at.right - size.width : at.left;
  let top = at.bottom + GAP;
  if (placement === "right") [left, top] = [at.right + GAP, at.top - GAP];
  if (placement === "left") [left, top] = [at.left - size.width - GAP, at.top - GAP];
  if (left + size.width > innerWidth - EDGE) left = Math.max(EDGE, at.right - size.width);
  if (left < EDGE) left = EDGE;
  if (left + size.width > innerWidth - EDGE) left = Math.max(EDGE, innerWidth - EDGE - size.width);
  if (top + size.height > innerHeight - EDGE && at.top - GAP - size.height > EDGE) top = at.top - GAP - size.height;
  popover.style.left = `${Math.round(left)}px`;
  popover.style.top = `${Math.round(top)}px`;
}

const items = (menu) =>
  [...menu.querySelectorAll('[role^="menuitem"]')].filter((item) => item.offsetParent !== null || item.getClientRects().length);

function moveInMenu(event) {
  const menu = event.target.closest('[role="menu"]');
  if (!menu) return;
  const all = items(menu);
  const at = all.indexOf(document.activeElement);
  const goTo = (index) => { event.preventDefault(); all[(index + all.length) % all.length]?.focus(); };
  if (event.key === "ArrowDown") goTo(at + 1);
  else if (event.key === "ArrowUp") goTo(at < 0 ? -1 : at - 1);
  else if (event.key === "Home") goTo(0);
  else if (event.key === "End") goTo(all.length - 1);
  else if (event.key === "Tab") menu.hidePopover?.();
  else if (event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey) {
    const letter = event.key.toLowerCase();
    const key = (item) => item.dataset.key || item.textContent.trim()[0]?.toLowerCase();
    const next = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((item) => key(item) === letter);
    if (next) { event.preventDefault(); next.focus(); }
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[popovertarget]");
  if (button) {
    clearTimeout(openTimer); // a click is the answer that hovering waited for
    const popover = document.getElementById(button.getAttribute("popovertarget"));
    if (popover) invokers.set(popover, button);
  }
  const item = event.target.closest('[role^="menuitem"]');
  if (!item) return;
  if (item.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else if (!item.closest("form")) {
    // After the item's own handlers: a menu that hides first would take the focus away from them.
    setTimeout(() => item.closest("[popover]")?.hidePopover());
  }
}, true);

document.addEventListener("toggle", (event) => {
  const popover = event.target;
  if (!(popover instanceof HTMLElement) || !popover.hasAttribute("popover")) return;
  const open = event.newState === "open";
  const button = invokerOf(popover);
  if (button && popover.id !== "toasts") button.setAttribute("aria-expanded", String(open));
  if (!open) return;
  place(popover);
  if (popover.dataset.openedBy === "hover") return;
  const first = popover.getAttribute("role") === "menu" ? items(popover)[0] : popover.querySelector("[autofocus], [data-autofocus]");
  first?.focus();
  if (first instanceof HTMLInputElement) first.select();
}, true);

document.addEventListener("keydown", (event) => {
  moveInMenu(event);
  const button = event.target.closest?.('[popovertarget][aria-haspopup="menu"]');
  if (button && event.key === "ArrowDown") {
    event.preventDefault();
    button.click();
  }
});

const replaceAll = () => document.querySelectorAll(":popover-open.is-placed").forEach(place);
addEventListener("resize", replaceAll);
addEventListener("scroll", replaceAll, true);

// --- opening on hover ---

let openTimer;
let closeTimer;

function hoverParts(target) {
  const button = target.closest?.("[data-hover-open]");
  const popover = button
    ? document.getElementById(button.getAttribute("popovertarget"))
    : target.closest?.('[popover][data-opened-by="hover"]');
  return { button, popover };
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "mouse") return;
  const { button, popover } = hoverParts(event.target);
  if (!popover) return;
  clearTimeout(closeTimer);
  if (!button || popover.matches(":popover-open")) return;
  clearTimeout(openTimer);
  openTimer = setTimeout(() => {
    if (document.querySelector(":popover-open:not([data-opened-by=hover]):not(#toasts)")) return;
    invokers.set(popover, button);
    popover.dataset.openedBy = "hover";
    popover.showPopover();
  }, HOVER_OPEN_MS);
});

document.addEventListener("pointerout", (event) => {
  const { popover } = hoverParts(event.target);
  if (!popover) return;
  clearTimeout(openTimer);
  if (popover.dataset.openedBy !== "hover") return;
  clearTimeout(closeTimer);
  closeTimer = setTimeout(() => {
    if (popover.matches(":popover-open") && !popover.contains(document.activeElement)) popover.hidePopover();
  }, HOVER_CLOSE_MS);
});

document.addEventListener("toggle", (event) => {
  if (event.newState === "closed" && event.target.dataset) delete event.target.dataset.openedBy;
}, true);

// A help button also speaks when the focus reaches it by keyboard.
document.addEventListener("focusin", (event) => {
  const help = event.target.closest?.(".help[popovertarget]");
  if (!help || !help.matches(":focus-visible")) return;
  const popover = document.getElementById(help.getAttribute("popovertarget"));
  invokers.set(popover, help);
  popover.dataset.openedBy = "hover";
  if (!popover.matches(":popover-open")) popover.showPopover();
});

document.addEventListener("focusout", (event) => {
  const help = event.target.closest?.(".help[popovertarget]");
  if (help) document.getElementById(help.getAttribute("popovertarget"))?.hidePopover();
});
