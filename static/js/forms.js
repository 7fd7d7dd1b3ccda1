// Forms: sent once, not left with unsaved input unasked; row selection with its bulk bar; small aids in fields.

const GUARDED = "form[data-guard]";

const differs = (field) => {
  if (!field.name || field.type === "hidden" || field.disabled || field.hasAttribute("data-unguarded")) return false;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field instanceof HTMLSelectElement) {
    const options = [...field.options];
    if (!options.some((option) => option.defaultSelected)) return field.selectedIndex > 0;
    return options.some((option) => option.selected !== option.defaultSelected);
  }
  // A page that came back with errors has typed text as its default: data-offered is what stood there first.
  return "defaultValue" in field && field.value !== (field.dataset.offered ?? field.defaultValue);
};

/** Return how many fields of guarded forms under `root` hold unsaved input. data-dirty="n" adds what a script knows. */
export function changedFields(root = document) {
  return [...root.querySelectorAll(GUARDED)].reduce((sum, form) => {
    if (form.dataset.left) return sum;
    const known = Number.parseInt(form.dataset.dirty || "0", 10) || 0;
    return sum + Math.max(known, [...form.elements].filter(differs).length);
  }, 0);
}

/** Say what would be lost under `root`; data-chosen="n" counts servers that are selected and not added. */
export function unsaved(root = document) {
  const forms = [...root.querySelectorAll(`${GUARDED}[data-chosen]`)].filter((form) => !form.dataset.left);
  const chosen = forms.reduce((sum, form) => sum + Number(form.dataset.chosen), 0);
  const fields = changedFields(root);
  const losses = [];
  if (chosen) losses.push(`${chosen} selected ${chosen === 1 ? "server is" : "servers are"} not added`);
  if (fields) losses.push(`${fields} changed ${fields === 1 ? "field is" : "fields are"} not saved`);
  return losses.length ? `${losses.join(", ")}.` : "";
}

/** Stop guarding the forms under `root`: their input may go. */
export function forget(root = document) {
  root.querySelectorAll(GUARDED).forEach((form) => { form.dataset.left = "1"; });
}

addEventListener("beforeunload", (event) => {
  // A form whose input the server keeps as a draft (data-kept) loses nothing by a reload.
  const atRisk = [...document.querySelectorAll(`${GUARDED}:not([data-kept])`)];
  if (atRisk.some((form) => changedFields(form.parentElement))) event.preventDefault();
});

// Links of the page ask with our own dialog; the browser's question is left for closing the window.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.target || link.hasAttribute("data-close") || link.hasAttribute("data-close-panel")) return;
  if (link.getAttribute("href").startsWith("#") || link.closest("form[data-guard] [data-stays], [data-stays]")) return;
  if (!unsaved()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const { mayDiscard } = await import("./dialogs.js");
  if (await mayDiscard(document)) link.click();
}, true);

// --- sent once ---

function setBusy(form, busy) {
  const submitter = form._submitter || form.querySelector('[type="submit"], button:not([type])');
  if (busy) form.dataset.busy = "1";
  else delete form.dataset.busy;
  if (!submitter?.classList.contains("button")) return;
  if (busy) {
    submitter.setAttribute("aria-disabled", "true");
    if (submitter.querySelector(".spinner")) return;
    const spinner = document.createElement("span");
    spinner.className = "spinner";
    submitter.prepend(spinner);
  } else {
    submitter.removeAttribute("aria-disabled");
    submitter.querySelector(".spinner")?.remove();
  }
}

document.addEventListener("click", (event) => {
  const disabled = event.target.closest('button[aria-disabled="true"], a[aria-disabled="true"]');
  if (!disabled) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.busy) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form._submitter = event.submitter;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  forget(form.parentElement || document);
  setTimeout(() => { if (!event.defaultPrevented) setBusy(form, true); });
}, true);

document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt instanceof HTMLFormElement && event.detail.requestConfig.verb !== "get") setBusy(event.detail.elt, true);
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt instanceof HTMLFormElement) setBusy(event.detail.elt, false);
});
addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-busy]").forEach((form) => setBusy(form, false));
});

// --- row selection: [data-selection] around a table with .check-all, .row-check, [data-bulk], [data-bulk-count] ---

let lastCheck = null;

/** Bring the head checkbox and the bulk bar in line with the ticked rows. */
export function countSelection(root) {
  const boxes = [...root.querySelectorAll(".row-check:not(:disabled)")];
  const ticked = boxes.filter((box) => box.checked);
  const all = root.querySelector(".check-all");
  if (all) {
    all.checked = ticked.length > 0 && ticked.length === boxes.length;
    all.indeterminate = ticked.length > 0 && ticked.length < boxes.length;
  }
  const bar = root.querySelector("[data-bulk]");
  if (bar) bar.hidden = !ticked.length;
  const count = root.querySelector("[data-bulk-count]");
  if (count) count.textContent = `${ticked.length} selected`;
}

document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || !box.matches(".row-check")) return;
  if (event.shiftKey && lastCheck?.isConnected) {
    const boxes = [...box.closest("[data-selection]").querySelectorAll(".row-check:not(:disabled)")];
    const [from, to] = [boxes.indexOf(lastCheck), boxes.indexOf(box)].sort((a, b) => a - b);
    if (from >= 0) boxes.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
  }
  lastCheck = box;
});

document.addEventListener("change", (event) => {
  const root = event.target.closest("[data-selection]");
  if (!root) return;
  if (event.target.matches(".check-all")) {
    root.querySelectorAll(".row-check:not(:disabled)").forEach((box) => { box.checked = event.target.checked; });
  }
  if (event.target.matches(".check-all, .row-check")) countSelection(root);
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-bulk-clear]")) return;
  const root = event.target.closest("[data-selection]");
  root.querySelectorAll(".row-check").forEach((box) => { box.checked = false; });
  countSelection(root);
});

// --- aids in fields ---

function checkTyped(input) {
  const button = input.form?.querySelector("[data-confirm-button]");
  if (!button) return;
  if (input.value.trim() === input.dataset.typedConfirm) button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
}

// Parts that matter only for some value of another field: data-shown-when="protocol=http"; "a=1,b=2" means either.
function showParts(form) {
  form?.querySelectorAll("[data-shown-when]").forEach((part) => {
    const holds = (condition) => {
      const [name, value] = condition.split("=");
      const field = form.elements[name] || form.elements[`shown_${name}`];
      return field && (field.type === "checkbox" ? String(field.checked) : field.value) === value;
    };
    part.hidden = !part.dataset.shownWhen.split(",").some(holds);
  });
}

// A list that another one narrows (data-narrowed-by names it): only options of its value (data-of) are offered.
function narrow(list) {
  const wanted = list.form?.elements[list.dataset.narrowedBy]?.value;
  [...list.options].forEach((option) => {
    option.hidden = option.disabled = Boolean(wanted && option.dataset.of && option.dataset.of !== wanted);
  });
  if (list.selectedOptions[0]?.disabled) list.value = "";
}

document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches("[data-typed-confirm]")) checkTyped(field);
  showParts(field.form);
  field.form?.querySelectorAll("[data-narrowed-by]").forEach(narrow);
  // What the server said of a text no longer holds for another one.
  if (!field.matches("[data-unmarks][aria-invalid]")) return;
  field.removeAttribute("aria-invalid");
  field.parentElement.querySelectorAll(".field-error").forEach((message) => message.remove());
});

document.addEventListener("change", (event) => {
  // A select or switch marked so sends its form at once; without script the button beside it does.
  if (event.target.matches("[data-send-on-change]")) event.target.form.requestSubmit();
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const { showToast } = await import("./toasts.js");
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      showToast({ level: "success", text: "Copied" });
    } catch {
      showToast({ level: "error", text: "The browser did not allow copying." });
    }
  }
  const peek = event.target.closest("[data-peek]");
  if (peek) {
    const field = document.getElementById(peek.dataset.peek);
    const show = field.type === "password";
    field.type = show ? "text" : "password";
    peek.setAttribute("aria-pressed", String(show));
  }
});

const TIME_SLICES = { hour: [11, 16], day: [5, 16], default: [0, 16] };

// Times come in the server's zone and are shown in the reader's, in ISO order; the title has the whole one.
function localise(time) {
  const at = new Date(time.dateTime);
  if (time.dataset.local || Number.isNaN(at.getTime())) return;
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().replace("T", " ");
  const [from, to] = TIME_SLICES[time.dataset.format || "default"];
  time.textContent = shifted.slice(from, to);
  time.title = at.toString().replace(/ \(.*/, "");
  time.dataset.local = "1";
}

/** Prepare what came with a page or a swap. */
export function prepare(root) {
  root.querySelectorAll("time[datetime]").forEach(localise);
  root.querySelectorAll("[data-peek][hidden]").forEach((button) => { button.hidden = false; });
  root.querySelectorAll("[data-typed-confirm]").forEach(checkTyped);
  root.querySelectorAll("form:has([data-shown-when])").forEach(showParts);
  root.querySelectorAll("[data-narrowed-by]").forEach(narrow);
  root.querySelectorAll("[data-mixed]").forEach((box) => { box.indeterminate = true; });
  const selections = root.matches?.("[data-selection]") ? [root] : [...root.querySelectorAll("[data-selection]")];
  selections.forEach(countSelection);
}
