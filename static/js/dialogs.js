// Dialogs and the slide panel: what htmx puts into #dialog-slot becomes modal; what stands in #panel-slot keeps the focus
// inside itself while the page behind is inert. Both give the focus back to their opener, both ask before input is lost.

import { forget, unsaved } from "./forms.js";

const dialogSlot = document.getElementById("dialog-slot");
const panelSlot = document.getElementById("panel-slot");
const FIELDS = "input:not([type=hidden]):not([disabled]), select:not([disabled]), textarea:not([disabled])";
const FOCUSABLE = `a[href], button:not([disabled]), ${FIELDS}, [tabindex="0"]`;

let dialogOpener = null;
let panelOpener = null;
let panel = null;

function giveBack(opener) {
  if (!opener) return;
  const again = opener.isConnected ? opener : opener.id && document.getElementById(opener.id);
  (again || document.getElementById("main"))?.focus();
}

function focusInto(root) {
  const chosen = root.querySelector("[data-autofocus]") || root.querySelector("[aria-invalid=true]") ||
    [...root.querySelectorAll(FIELDS)].find((field) => field.getClientRects().length) || root.querySelector(FOCUSABLE);
  chosen?.focus();
}

function openModal(dialog) {
  dialog.removeAttribute("open");
  dialog.showModal();
  focusInto(dialog);
  document.dispatchEvent(new CustomEvent("openclb:modal-opened"));
}

/** Ask a yes/no question; resolves to true for the first button. */
export function ask({ title, text, yes, no }) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.className = "dialog";
    dialog.setAttribute("role", "alertdialog");
    dialog.setAttribute("aria-labelledby", "ask-title");
    dialog.innerHTML = '<div class="dialog-head"><h2 id="ask-title"></h2></div><div class="dialog-body"><p></p></div>' +
      '<div class="dialog-foot"><button class="button button-danger" type="button" value="yes"></button>' +
      '<button class="button" type="button" value="no" data-autofocus></button></div>';
    dialog.querySelector("h2").textContent = title;
    dialog.querySelector("p").textContent = text;
    const [yesButton, noButton] = dialog.querySelectorAll("button");
    yesButton.textContent = yes;
    noButton.textContent = no;
    let answer = false;
    yesButton.addEventListener("click", () => { answer = true; dialog.close(); });
    noButton.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); resolve(answer); });
    document.body.append(dialog);
    openModal(dialog);
  });
}

/** Ask before input under `root` is lost; true when nothing stands in the way. */
export async function mayDiscard(root) {
  const losses = unsaved(root);
  if (!losses) return true;
  const discard = await ask({
    title: "Discard changes?",
    text: losses,
    yes: "Discard",
    no: "Keep editing",
  });
  if (discard) forget(root);
  return discard;
}

// --- dialogs ---

async function closeDialog(dialog) {
  if (!(await mayDiscard(dialog))) return;
  dialog.close();
}

function adoptDialog() {
  const dialog = dialogSlot.querySelector("dialog");
  if (!dialog) {
    giveBack(dialogOpener);
    dialogOpener = null;
    return;
  }
  if (dialog.matches(":modal")) return;
  openModal(dialog);
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); closeDialog(dialog); });
  dialog.addEventListener("close", () => {
    if (!dialog.isConnected) return;
    dialogSlot.replaceChildren();
    giveBack(dialogOpener);
    dialogOpener = null;
  });
  dialog.addEventListener("mousedown", (event) => { if (event.target === dialog) closeDialog(dialog); });
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { target, elt } = event.detail;
  if (target === dialogSlot && !dialogSlot.contains(elt)) {
    const menu = elt.closest("[popover]");
    dialogOpener = menu ? document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`) || elt : elt;
  }
  if (target === panelSlot && !panelSlot.contains(elt)) panelOpener = elt;
});

// --- the slide panel ---

function setInert(inert) {
  ["shell"].forEach((id) => { const part = document.getElementById(id); if (part) part.inert = inert; });
}

function adoptPanel({ initial = false } = {}) {
  const found = panelSlot?.querySelector(".panel") || null;
  const isNew = found && !panel;
  if (!found && panel) {
    setInert(false);
    giveBack(panelOpener);
    panelOpener = null;
  }
  panel = found;
  if (!found) return;
  setInert(true);
  found.setAttribute("aria-modal", "true");
  if (!isNew) panelSlot.querySelectorAll(".panel, .panel-mask").forEach((part) => part.classList.add("is-settled"));
  if (isNew || initial || !found.contains(document.activeElement)) focusInto(found);
}

async function leavePanel(link) {
  if (!(await mayDiscard(panel))) return;
  const close = link || panel.querySelector("[data-close-panel]");
  if (!close) return;
  if (close.hasAttribute("hx-get") && window.htmx) window.htmx.trigger(close, "leave");
  else location.assign(close.href);
}

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  const dialog = close?.closest("dialog");
  if (dialog?.matches(":modal")) {
    event.preventDefault();
    closeDialog(dialog);
    return;
  }
  const link = event.target.closest("[data-close-panel]");
  if (link && panel) {
    event.preventDefault();
    event.stopImmediatePropagation();
    leavePanel(link);
  }
}, true);

document.addEventListener("keydown", (event) => {
  const openDialog = document.querySelector("dialog:modal");
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    const primary = (openDialog || panel)?.querySelector(".button-primary, .button-danger[type=submit]");
    if (primary) { event.preventDefault(); primary.click(); }
    return;
  }
  if (!panel || openDialog) return;
  if (event.key === "Escape" && !event.defaultPrevented) {
    if (document.querySelector(":popover-open:not(#toasts)")) return;
    event.preventDefault();
    leavePanel();
  }
  if (event.key === "Tab") keepInside(event);
});

function keepInside(event) {
  const all = [...panel.querySelectorAll(FOCUSABLE)].filter((each) => each.getClientRects().length);
  if (!all.length) return;
  const outside = !panel.contains(document.activeElement);
  const edge = event.shiftKey ? all[0] : all[all.length - 1];
  if (outside || document.activeElement === edge) {
    event.preventDefault();
    (event.shiftKey ? all[all.length - 1] : all[0]).focus();
  }
}

const watch = (slot, adopt) => { if (slot) new MutationObserver(() => adopt()).observe(slot, { childList: true, subtree: slot === panelSlot }); };
watch(dialogSlot, adoptDialog);
watch(panelSlot, adoptPanel);
adoptPanel({ initial: true });
