// Toasts: what the server sends in the HX-Trigger header (event "toast"), what the page brought with it, and what
// other scripts say themselves. A toast never takes the focus; it is announced by a live region.

const STAY_MS = { success: 3000, info: 5000, warning: 5000, error: 0 };
const STAY_WITH_UNDO_MS = 10000;

const icon = (name, size = "") => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${size}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
};

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
};

/** Say something to screen readers only. */
export function announce(text, urgent = false) {
  const region = document.getElementById(urgent ? "announcer-alert" : "announcer-status");
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = text; });
}

function undoForm(undo) {
  if (typeof undo === "function") {
    const button = element("button", { class: "link-button", type: "button" }, "Undo");
    button.addEventListener("click", () => {
      undo();
      close(button.closest(".toast"));
    });
    return button;
  }
  const form = element("form", { method: "post", action: undo.url, "data-toast-undo": "" });
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const fields = { ...undo.fields, csrfmiddlewaretoken: token, next: location.pathname + location.search };
  Object.entries(fields).forEach(([name, value]) => {
    form.append(element("input", { type: "hidden", name, value }));
  });
  form.append(element("button", { class: "link-button", type: "submit" }, undo.label || "Undo"));
  return form;
}

function raise() {
  const region = document.getElementById("toasts");
  if (!region.children.length) return;
  // Shown again, so that it lies above a dialog that opened after it.
  if (region.matches(":popover-open")) region.hidePopover();
  region.showPopover();
}

function close(toast) {
  if (!toast) return;
  toast.remove();
  const region = document.getElementById("toasts");
  if (!region.children.length && region.matches(":popover-open")) region.hidePopover();
}

function start(toast) {
  const hasUndo = Boolean(toast.querySelector("[data-toast-undo], .link-button"));
  const stay = hasUndo ? STAY_WITH_UNDO_MS : STAY_MS[toast.dataset.toast];
  if (!stay) return;
  let timer = setTimeout(() => close(toast), stay);
  const hold = () => clearTimeout(timer);
  const release = () => { timer = setTimeout(() => close(toast), stay); };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("pointerleave", release);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("focusout", release);
}

/** Show a toast. `undo` is a function, or {url, fields, label} to post. */
export function showToast({ level = "success", text, undo = null }) {
  const toast = element("div", { class: `toast toast-${level}`, "data-toast": level }, icon(level), element("span", {}, text));
  if (undo) toast.append(undoForm(undo));
  const button = element("button", {
    class: "icon-button icon-button-small", type: "button", "data-toast-close": "", "aria-label": "Close message",
  }, icon("close", "icon-small"));
  toast.append(button);
  document.getElementById("toasts").append(toast);
  raise();
  start(toast);
  announce(text, level === "error");
  return toast;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-toast-close]")) close(event.target.closest(".toast"));
});

// Alt+Z takes back what the newest toast offers to take back.
document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.key.toLowerCase() !== "z") return;
  const buttons = document.querySelectorAll("#toasts .link-button");
  if (!buttons.length) return;
  event.preventDefault();
  buttons[buttons.length - 1].click();
});

document.body.addEventListener("toast", (event) => {
  const entries = Array.isArray(event.detail) ? event.detail : event.detail.value;
  (entries || []).forEach(showToast);
});

document.body.addEventListener("htmx:responseError", (event) => {
  const answer = event.detail.xhr;
  if (answer.getResponseHeader("HX-Trigger")) return;
  const number = answer.getResponseHeader("X-Request-Id");
  showToast({ level: "error", text: `The server answered ${answer.status}.${number ? ` Request ${number}.` : ""}` });
});

document.body.addEventListener("htmx:sendError", () => {
  showToast({ level: "error", text: "The console did not answer. Traffic is not affected. Try again in a moment." });
});

document.querySelectorAll("#toasts .toast").forEach((toast) => {
  start(toast);
  announce(toast.querySelector("span").textContent, toast.dataset.toast === "error");
});
raise();
document.addEventListener("openclb:modal-opened", raise);
