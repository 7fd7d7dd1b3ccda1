// Back after Add goes to the page before the panel: the last step is replaced by the tab's own address, the steps before it are
// passed over. After a reload the server answers such a step with the plain tab, for its draft is gone.

const draftOf = (address) => new URL(address, location.href).searchParams.get("draft");
const finished = new Set();

// The first step has no draft in its address until something is kept; it gets it when the next step follows.
document.body.addEventListener("htmx:beforeOnLoad", (event) => {
  const draft = draftOf(event.detail.xhr.getResponseHeader("HX-Push-Url") || "");
  const here = new URL(location.href);
  if (!draft || !here.searchParams.has("panel") || here.searchParams.has("draft")) return;
  here.searchParams.set("draft", draft);
  history.replaceState(history.state, "", here);
});

document.body.addEventListener("panelFinished", (event) => {
  if (event.detail.draft) finished.add(event.detail.draft);
});

addEventListener("popstate", (event) => {
  if (!finished.has(draftOf(location.href))) return;
  event.stopImmediatePropagation();
  if (window.navigation?.canGoBack === false) history.replaceState(history.state, "", location.pathname);
  else history.back();
}, { capture: true });
