// The table of servers whose ports and weights are being typed: panel step 2, group pages, IDC rows.
// Checks as the server does, replicates and resets columns (rules R1-R16), adds and deletes rows, and gives the fields
// their keys. Every button here posts its form without script; the page then comes back changed in the same way.

import { announce, showToast } from "./toasts.js";

const COLUMNS = {
  weight: { label: "Weight", noun: "weight", nouns: "weights", min: 0, max: 100 },
  port: { label: "Port", noun: "port", nouns: "ports", min: 1, max: 65535 },
};
const WHOLE_NUMBER = /^-?[0-9]{1,18}$/;
const NO_REQUESTS = "Receives no new requests";

const tableOf = (element) => element.closest?.("[data-server-table]");
const rowsOf = (table) => [...table.querySelectorAll("tr[data-row]")];
const fieldOf = (row, column) => row.querySelector(`input[data-column="${column}"]`);
const fieldsOf = (table, column) => rowsOf(table).map((row) => fieldOf(row, column)).filter(Boolean);
const columnsOf = (table) => Object.keys(COLUMNS).filter((column) => table.querySelector(`input[data-column="${column}"]`));
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

// --- what a value may be ---

function problemOf(field) {
  const { label, noun, min, max } = COLUMNS[field.dataset.column];
  const text = field.value.trim();
  if (!text) return `Enter a ${noun} from ${min} to ${max}.`;
  const fits = WHOLE_NUMBER.test(text) && Number(text) >= min && Number(text) <= max;
  return fits ? "" : `${label} must be a whole number from ${min} to ${max}; given: ${text}.`;
}

function sameServerAndPort(table) {
  const seen = new Map();
  const twice = new Set();
  rowsOf(table).forEach((row) => {
    const field = fieldOf(row, "port");
    if (!field || problemOf(field)) return;
    const place = `${row.dataset.server} ${Number(field.value)}`;
    if (seen.has(place)) { twice.add(field); twice.add(seen.get(place)); }
    seen.set(place, field);
  });
  return twice;
}

function say(field, message, isError) {
  const cell = field.closest("td");
  cell.querySelector(".field-message")?.remove();
  if (isError) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-errormessage", `${field.id}-error`);
    field.setAttribute("aria-describedby", `${field.id}-error`);
  } else {
    ["aria-invalid", "aria-errormessage", "aria-describedby"].forEach((name) => field.removeAttribute(name));
  }
  if (!message) return;
  const note = document.createElement("span");
  note.className = `field-message${isError ? " field-error" : ""}`;
  note.id = `${field.id}-error`;
  note.textContent = message;
  cell.append(note);
}

/** Mark every field; an empty one only when `strict` or once it was marked. Return the fields that block saving. */
function check(table, strict = false) {
  const twice = sameServerAndPort(table);
  const bad = [];
  columnsOf(table).flatMap((column) => fieldsOf(table, column)).forEach((field) => {
    const problem = problemOf(field) || (twice.has(field) ? "Same server and port" : "");
    if (problem) bad.push(field);
    // What the server said of a value stands until the value changes; only it can know better.
    if (!problem && field.dataset.refused === field.value) return;
    const isMarked = field.getAttribute("aria-invalid") === "true";
    if (problem && (strict || isMarked || field.value.trim())) say(field, problem, true);
    else say(field, !problem && field.dataset.column === "weight" && Number(field.value) === 0 ? NO_REQUESTS : "", false);
  });
  return bad.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
}

function summarize(table) {
  const rows = rowsOf(table);
  const form = table.closest("form");
  const place = form?.querySelector("[data-table-summary]");
  const servers = new Set(rows.map((row) => row.dataset.server)).size;
  if (form && "chosen" in form.dataset) form.dataset.chosen = String(servers);
  const parts = columnsOf(table).flatMap((column) => {
    const { noun, nouns } = COLUMNS[column];
    const fields = fieldsOf(table, column);
    const empty = fields.filter((field) => !field.value.trim()).length;
    const wrong = fields.filter((field) => field.value.trim() && problemOf(field)).length;
    return [
      empty ? `${count(empty, `${noun} is`, `${nouns} are`)} empty.` : "",
      wrong ? `${count(wrong, `${noun} is`, `${nouns} are`)} not valid.` : "",
    ];
  });
  const twice = sameServerAndPort(table).size;
  if (twice) parts.push(`${twice} rows have the same server and port.`);
  if (!place) return;
  const told = rows.length === servers
    ? `${count(servers, "server", "servers")}.`
    : `${count(rows.length, "row", "rows")} of ${count(servers, "server", "servers")}.`;
  const problems = document.createElement("span");
  problems.className = "field-error";
  problems.textContent = parts.filter(Boolean).join(" ");
  place.replaceChildren(`${told} `, problems);
}

/** Bring marks, links in the head, empty state and the summary in line with the rows. */
function refresh(table, { strict = false } = {}) {
  const bad = check(table, strict);
  columnsOf(table).forEach((column) => {
    const reset = table.querySelector(`[data-reset="${column}"]`);
    const idle = !fieldsOf(table, column).some((field) => field.value !== "");
    if (idle) reset?.setAttribute("aria-disabled", "true");
    else reset?.removeAttribute("aria-disabled");
  });
  const isEmpty = !rowsOf(table).length;
  const scroll = table.querySelector("[data-table-rows]");
  if (scroll) scroll.hidden = isEmpty;
  const empty = table.querySelector("[data-table-empty]");
  if (empty) empty.hidden = !isEmpty;
  const primary = table.closest("form")?.querySelector("[data-table-submit]");
  if (primary) {
    if (isEmpty) primary.setAttribute("aria-disabled", "true");
    else primary.removeAttribute("aria-disabled");
  }
  summarize(table);
  return bad;
}

const tellChange = (table) => table.dispatchEvent(new Event("change", { bubbles: true }));

// --- replicate and reset, and taking them back ---

const undoable = new WeakMap(); // table: its last copy or Reset
const offers = new WeakMap(); // toast: the table that it offers to restore

function setValues(table, changes, text) {
  const real = changes.filter(({ field, after }) => field.value !== after).map((change) => ({ ...change, before: change.field.value }));
  undoable.get(table)?.toast?.querySelector("[data-toast-close]")?.click();
  undoable.delete(table);
  real.forEach(({ field, after }) => { field.value = after; });
  refresh(table);
  if (!real.length) {
    showToast({ level: "info", text: "All rows have this value already" });
    return;
  }
  tellChange(table);
  const hidden = real.filter(({ field }) => field.closest("tr").hidden).length;
  const where = hidden ? `, ${hidden} of them not visible` : "";
  const undo = () => takeBack(table);
  const twice = sameServerAndPort(table).size > 0;
  const level = twice ? "warning" : "success";
  const warning = twice ? ". Rows with the same server and port must be changed" : "";
  const toast = showToast({ level, text: `${count(real.length, "row", "rows")} ${text}${where}${warning}`, undo });
  undoable.set(table, { real, toast });
  offers.set(toast, table);
}

function takeBack(table) {
  const last = undoable.get(table);
  if (!last) return;
  undoable.delete(table);
  last.real.forEach(({ field, before, after }) => { if (field.isConnected && field.value === after) field.value = before; });
  last.toast.querySelector("[data-toast-close]")?.click();
  refresh(table);
  tellChange(table);
  announce("The change is taken back");
}

function targetsOf(field, direction) {
  const all = fieldsOf(tableOf(field), field.dataset.column);
  const at = all.indexOf(field);
  if (direction === "below") return all.slice(at + 1);
  if (direction === "above") return all.slice(0, at);
  return all;
}

function hindrance(field, direction) {
  const all = fieldsOf(tableOf(field), field.dataset.column);
  const { noun } = COLUMNS[field.dataset.column];
  if (!field.value.trim()) return `no ${noun} here`;
  if (problemOf(field)) return `${noun} not valid`;
  if (all.length === 1) return "only row";
  if (direction === "above" && field === all[0]) return "first row";
  if (direction === "below" && field === all[all.length - 1]) return "last row";
  return "";
}

function replicate(field, direction) {
  if (hindrance(field, direction)) return;
  const after = field.value.trim();
  setValues(tableOf(field), targetsOf(field, direction).filter((each) => each !== field).map((each) => ({ field: each, after })), "changed");
}

function prepareMenu(menu) {
  const field = fieldOf(menu.closest("tr"), menu.dataset.menuFor);
  const { noun, nouns } = COLUMNS[menu.dataset.menuFor];
  menu.querySelectorAll("[data-replicate]").forEach((item) => {
    const why = hindrance(field, item.dataset.replicate);
    item.querySelector(".menu-item-end").textContent = why || count(targetsOf(field, item.dataset.replicate).length, "row", "rows");
    if (why) item.setAttribute("aria-disabled", "true");
    else item.removeAttribute("aria-disabled");
  });
  const others = columnsOf(tableOf(menu)).filter((column) => column !== menu.dataset.menuFor).map((column) => COLUMNS[column].nouns);
  const stays = others.length ? ` ${others[0][0].toUpperCase()}${others[0].slice(1)} stay as they are.` : "";
  const problem = problemOf(field);
  menu.querySelector(".menu-note").textContent = problem
    ? `Enter a valid ${noun} first; it is what will be copied.`
    : `Copies ${noun} ${field.value.trim()} to other ${nouns}.${stays} Nothing is saved yet.`;
}

function preview(item) {
  const menu = item?.closest("[data-menu-for]");
  document.querySelectorAll("[data-server-table] .is-target").forEach((field) => field.classList.remove("is-target"));
  if (!menu || item.getAttribute("aria-disabled") === "true") return;
  const field = fieldOf(menu.closest("tr"), menu.dataset.menuFor);
  targetsOf(field, item.dataset.replicate).forEach((each) => { if (each !== field) each.classList.add("is-target"); });
}

document.addEventListener("beforetoggle", (event) => {
  const menu = event.target;
  if (menu.matches?.("[data-menu-for]") && event.newState === "open") prepareMenu(menu);
}, true);
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("[data-menu-for]") && event.newState === "closed") preview(null);
}, true);
["pointerover", "focusin"].forEach((name) => document.addEventListener(name, (event) => {
  const item = event.target.closest?.("[data-replicate]");
  if (item) preview(item);
}));
document.addEventListener("pointerout", (event) => {
  if (event.target.closest?.("[data-replicate]") && !event.relatedTarget?.closest?.("[data-replicate]")) preview(document.activeElement?.closest("[data-replicate]"));
});

// --- rows come and go ---

/** Give every row the ids and button values of its place. */
function renumber(table) {
  const rows = rowsOf(table);
  rows.forEach((row, at) => {
    const goesOn = rows[at + 1]?.dataset.server === row.dataset.server;
    row.classList.toggle("is-continued", goesOn);
    row.querySelectorAll("input[data-column]").forEach((field) => {
      const column = field.dataset.column;
      field.id = `${column}-${at}`;
      const port = column === "weight" ? fieldOf(row, "port")?.value : "";
      field.setAttribute("aria-label", `${COLUMNS[column].label} of ${row.dataset.name}${port ? `, port ${port}` : ""}`);
      const menu = row.querySelector(`[data-menu-for="${column}"]`);
      menu.id = `replicate-${column}-${at}`;
      const button = row.querySelector(`[data-menu-button="${column}"]`);
      button.id = `replicate-${column}-${at}-button`;
      button.setAttribute("popovertarget", menu.id);
      button.setAttribute("aria-label", `Copy ${COLUMNS[column].noun} of ${row.dataset.name} to other rows`);
      menu.querySelectorAll("[data-replicate]").forEach((item) => { item.value = `replicate ${column} ${item.dataset.replicate} ${at}`; });
    });
    row.querySelectorAll("[data-act]").forEach((button) => { button.value = `${button.dataset.act} ${at}`; });
    const choice = row.querySelector("[data-delete-choice]");
    const remove = row.querySelector("[data-delete]");
    if (choice) {
      choice.id = `delete-${at}`;
      if (goesOn) remove.setAttribute("popovertarget", choice.id);
      else remove.removeAttribute("popovertarget");
      const ports = rows.filter((each) => each.dataset.server === row.dataset.server).length;
      choice.querySelector("[data-delete-all]").textContent = `Server and all ${ports} ports`;
    }
  });
}

function addPort(row) {
  const table = tableOf(row);
  const same = rowsOf(table).filter((each) => each.dataset.server === row.dataset.server);
  const made = table.querySelector("template[data-row-template]").content.firstElementChild.cloneNode(true);
  made.dataset.server = row.dataset.server;
  made.dataset.name = row.dataset.name;
  made.querySelector('input[name="key"]').value = row.querySelector('input[name="key"]').value;
  const remove = made.querySelector("[data-delete]");
  remove.setAttribute("aria-label", `Delete this port of ${row.dataset.name}`);
  same[same.length - 1].after(made);
  window.htmx?.process(made);
  renumber(table);
  refresh(table);
  markDirty(table);
  fieldOf(made, "port").focus();
}

function markDirty(table) {
  const form = table.closest("form");
  if (form) form.dataset.dirty = String((Number.parseInt(form.dataset.dirty || "0", 10) || 0) + 1);
  tellChange(table);
}

function deleteRows(table, gone, text) {
  const rows = rowsOf(table);
  const at = rows.indexOf(gone[0]);
  const next = rows.slice(at).find((row) => !gone.includes(row));
  gone.forEach((row) => row.remove());
  renumber(table);
  refresh(table);
  markDirty(table);
  announce(text);
  const form = table.closest("form");
  (next?.querySelector("[data-delete]") || form?.querySelector("[data-table-back]:not([hidden])") || form?.querySelector("[data-table-previous]"))?.focus();
}

/** The row goes; when it carried the identity of more rows, the next one's values move up into it. */
function deleteRow(row) {
  const table = tableOf(row);
  const next = row.nextElementSibling;
  const isFirst = row.hasAttribute("data-first");
  const text = `A port of ${row.dataset.name} deleted from the list`;
  if (isFirst && next?.matches("tr[data-row]") && next.dataset.server === row.dataset.server) {
    Object.keys(COLUMNS).forEach((column) => {
      const [to, from] = [fieldOf(row, column), fieldOf(next, column)];
      if (to && from) to.value = from.value;
    });
    next.remove();
    renumber(table);
    refresh(table);
    markDirty(table);
    announce(text);
    row.querySelector("[data-delete]").focus();
    return;
  }
  deleteRows(table, [row], isFirst ? `${row.dataset.name} deleted from the list` : text);
}

// --- clicks ---

document.addEventListener("click", (event) => {
  const table = tableOf(event.target);
  if (!table) return;
  const find = (selector) => event.target.closest(selector);
  const row = find("tr[data-row]");
  const item = find("[data-replicate]");
  if (item) {
    event.preventDefault();
    const menu = item.closest("[data-menu-for]");
    const button = row.querySelector(`[data-menu-button="${menu.dataset.menuFor}"]`);
    menu.hidePopover();
    replicate(fieldOf(row, menu.dataset.menuFor), item.dataset.replicate);
    button.focus();
    return;
  }
  const reset = find("[data-reset]");
  if (reset) {
    event.preventDefault();
    setValues(table, fieldsOf(table, reset.dataset.reset).map((field) => ({ field, after: "" })), "emptied");
    return;
  }
  if (find("[data-add-port]")) { event.preventDefault(); addPort(row); return; }
  if (find("[data-add-row]")) { event.preventDefault(); addBlankRow(table); return; }
  if (find("[data-delete-one]")) { event.preventDefault(); find("[popover]").hidePopover(); deleteRow(row); return; }
  if (find("[data-delete-all], [data-drop]")) {
    event.preventDefault();
    find("[popover]")?.hidePopover();
    deleteRows(table, rowsOf(table).filter((each) => each.dataset.server === row.dataset.server), `${row.dataset.name} deleted from the list`);
    return;
  }
  const remove = find("[data-delete]");
  if (remove && !remove.hasAttribute("popovertarget")) { event.preventDefault(); deleteRow(row); }
});

function addBlankRow(table) {
  const made = table.querySelector("template[data-row-template]").content.firstElementChild.cloneNode(true);
  const serial = Number(table.dataset.serial || "0") + 1;
  table.dataset.serial = String(serial);
  made.dataset.server = `new:script-${serial}`;
  made.querySelector('input[name="key"]').value = made.dataset.server;
  table.querySelector("tbody").append(made);
  renumber(table);
  refresh(table);
  markDirty(table);
  made.querySelector("input:not([type=hidden])").focus();
}

// --- keys ---

function step(field, by) {
  const { min, max } = COLUMNS[field.dataset.column];
  if (field.value.trim() && problemOf(field)) return;
  const from = field.value.trim() ? Number(field.value) : min - Math.sign(by);
  field.value = String(Math.min(max, Math.max(min, from + by)));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("keydown", (event) => {
  const table = tableOf(event.target);
  if (!table) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key.toLowerCase() === "z" && !event.shiftKey && undoable.has(table) && !undoable.get(table).typed) {
    event.preventDefault();
    takeBack(table);
    return;
  }
  const field = event.target.matches("input[data-column]") ? event.target : null;
  if (event.key === "Enter" && !control && event.target.matches("tr[data-row] input")) {
    event.preventDefault();
    if (!field) return;
    const all = fieldsOf(table, field.dataset.column).filter((each) => !each.closest("tr").hidden);
    const next = all[all.indexOf(field) + (event.shiftKey ? -1 : 1)];
    next?.focus();
    next?.select();
  }
  if (!field) return;
  if (control && event.key.toLowerCase() === "d") { event.preventDefault(); replicate(field, "below"); }
  if (["ArrowUp", "ArrowDown"].includes(event.key) && !control && !event.altKey) {
    event.preventDefault();
    step(field, (event.key === "ArrowUp" ? 1 : -1) * (event.shiftKey ? 10 : 1));
  }
});

document.addEventListener("input", (event) => {
  const table = tableOf(event.target);
  if (!table) return;
  if (event.target.matches("[data-table-search]")) { filterRows(table, event.target.value); return; }
  if (!event.target.matches("tr[data-row] input")) return;
  // What is typed after a copy is the newer change: Ctrl+Z is the field's again, the toast still takes the copy back.
  const last = undoable.get(table);
  if (last) last.typed = true;
  if (event.target.matches("input[data-column]")) refresh(table);
});

// An empty field is not yet a mistake while somebody types; it becomes one when they leave it.
document.addEventListener("focusout", (event) => {
  const field = event.target;
  if (!field.matches?.("[data-server-table] input[data-column]") || field.value.trim()) return;
  if (field.dataset.touched) say(field, problemOf(field), true);
});
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-server-table] input[data-column]")) event.target.dataset.touched = "1";
});

function filterRows(table, text) {
  const wanted = text.trim().toLowerCase();
  rowsOf(table).forEach((row) => {
    row.hidden = Boolean(wanted) && !(row.dataset.search || row.dataset.name).toLowerCase().includes(wanted);
  });
}

// --- sending ---

document.addEventListener("submit", (event) => {
  const table = event.target.querySelector("[data-server-table]");
  if (!table || !event.submitter?.matches("[data-table-submit]")) return;
  const [first] = refresh(table, { strict: true });
  if (!first) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (first.closest("tr").hidden) {
    const search = table.querySelector("[data-table-search]");
    if (search) search.value = "";
    filterRows(table, "");
  }
  first.focus();
  first.select();
  announce(first.closest("td").querySelector(".field-message")?.textContent || "", true);
}, true);

function prepareTables(root) {
  // A table that is gone takes its offer of undo with it.
  document.querySelectorAll("#toasts .toast").forEach((toast) => {
    const table = offers.get(toast);
    if (table && !table.isConnected) toast.querySelector("[data-toast-close]").click();
  });
  root.querySelectorAll("[data-server-table]").forEach((table) => {
    table.querySelectorAll("[data-needs-script]").forEach((part) => { part.hidden = false; });
    renumber(table);
    refresh(table);
  });
}

prepareTables(document);
document.body.addEventListener("htmx:afterSettle", (event) => prepareTables(event.detail.elt.parentElement || document));
