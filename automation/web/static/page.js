// What every page does beside being read: stays live, knows keys, the viewer's zone and theme. Nothing of it is needed to read.
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const keep = (name, value) => { document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=strict`; };
  const kept = (name) => document.cookie.split("; ").find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);

  // The viewer's zone: the server words every moment by it from the next answer on.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const moved = zone !== "UTC" || kept("zone") ? kept("zone") !== encodeURIComponent(zone) : false;
  if (moved) keep("zone", encodeURIComponent(zone));

  const theme = () => {
    const dark = document.documentElement.dataset.theme === "dark"
      || (document.documentElement.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    keep("theme", dark ? "light" : "dark");
  };

  // Live: the server says that something changed, and the page takes its new content in place.
  const mark = () => $("#live");
  let held = false, wanted = false, asking = false;
  const say = (text, kind = "") => { const to = mark(); if (to && to.textContent !== text) { to.textContent = text; to.className = `live ${kind}`; } };
  const busy = () => held || document.hidden || String(getSelection()) !== "" || $("dialog[open]")
    || $$("#page input:checked").some((box) => box.dataset.row !== undefined)
    || (document.activeElement && document.activeElement.matches("#page input, #page textarea, #page select"));

  function place(fresh) {
    const page = $("#page"), next = fresh.getElementById("page");
    if (!page || !next) return;
    const opened = new Set($$("details[open][id]", page).map((one) => one.id));
    const at = document.activeElement?.getAttribute("href");
    const scrolled = $$(".scroll", page).map((one) => one.scrollLeft);
    for (const id of opened) { const one = next.querySelector(`#${CSS.escape(id)}`); if (one) one.open = true; }
    // A log that follows by itself, and a form that somebody fills in, stay as they are.
    for (const still of $$("[data-still][id]", page)) { const one = next.querySelector(`#${CSS.escape(still.id)}`); if (one) one.replaceWith(still); }
    page.replaceChildren(...next.childNodes);
    $$(".scroll", page).forEach((one, number) => { one.scrollLeft = scrolled[number] || 0; });
    if (at) page.querySelector(`[href="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
    for (const name of ["nav.side"]) { const now = $(name), then = fresh.querySelector(name); if (now && then && now.innerHTML !== then.innerHTML && !now.contains(document.activeElement)) now.replaceChildren(...then.childNodes); }
    document.title = fresh.title;
    if (!fresh.body.dataset.live) delete document.body.dataset.live;
    if (window.htmx) window.htmx.process(page);
    document.dispatchEvent(new Event("placed"));
  }

  async function refresh() {
    wanted = true;
    if (asking || busy()) return;
    wanted = false; asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok && !busy()) place(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { say("not reachable", "gone"); }
    asking = false;
  }
  setInterval(() => { if (wanted) refresh(); }, 1000);

  let source = null;
  function follow() {
    const address = document.body.dataset.live;
    if (!address || source) return;
    source = new EventSource(address);
    source.addEventListener("open", () => say(held ? "held" : "live", held ? "held" : "on"));
    source.addEventListener("error", () => say("not reachable", "gone"));
    source.addEventListener("change", refresh);
    source.addEventListener("line", (event) => document.dispatchEvent(new CustomEvent("line", { detail: JSON.parse(event.data) })));
    source.addEventListener("progress", (event) => document.dispatchEvent(new CustomEvent("progress", { detail: JSON.parse(event.data) })));
    source.addEventListener("end", () => { source.close(); source = null; say("", ""); refresh(); });
  }
  const hold = () => { held = !held; say(held ? "held" : "live", held ? "held" : "on"); if (!held && wanted) refresh(); };

  // Keys.
  const rows = () => $$("#page .rows tbody tr");
  const step = (by) => {
    const all = rows(), now = all.findIndex((row) => row.classList.contains("here"));
    const next = all[Math.min(Math.max(now + by, 0), all.length - 1)];
    if (!next) return;
    all[now]?.classList.remove("here");
    next.classList.add("here");
    next.scrollIntoView({ block: "nearest" });
    $("a.name, a.id, a", next)?.focus({ preventScroll: true });
  };
  let going = false;
  const acts = {
    "/": () => $("[data-key='/']", $("#page")) ? $("#page [data-key='/']").focus() : $("#find").focus(),
    "?": () => $("#keys").showModal(), t: theme, l: hold, n: () => step(1), p: () => step(-1),
    x: () => { const box = $("tr.here input[data-row]"); if (box) { box.checked = !box.checked; box.dispatchEvent(new Event("change", { bubbles: true })); } },
    g: () => { going = true; setTimeout(() => { going = false; }, 1500); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) {
      if (event.key === "Escape") event.target.blur?.();
      return;
    }
    if (going) { going = false; const to = $(`[data-go="${CSS.escape(event.key)}"]`); if (to) { event.preventDefault(); to.click(); } return; }
    const act = acts[event.key];
    if (act && !$("dialog[open]")) { event.preventDefault(); act(); }
  });

  // Clicks: what a button or a box does is named in the page.
  const did = {
    theme, keys: () => $("#keys").showModal(), hold,
    open: (from) => $(`#${CSS.escape(from.dataset.dialog)}`)?.showModal(),
    all: (from) => { for (const box of $$("input[data-row]")) box.checked = from.checked; count(); },
    key: (from) => { $("input", from.closest("label, .field")).value = crypto.randomUUID(); },
  };
  function count() {
    const number = $$("input[data-row]:checked").length;
    for (const bar of $$("[data-selected]")) { bar.hidden = number === 0; $("[data-count]", bar).textContent = `${number} selected`; }
  }
  document.addEventListener("click", (event) => {
    const from = event.target.closest("[data-act]");
    if (from && did[from.dataset.act]) did[from.dataset.act](from);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-row]")) count();
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    const asks = event.target.dataset.sure;
    if (asks && !event.target.dataset.asked) { event.preventDefault(); sure(event.target, asks, event.submitter); }
  });
  function sure(form, text, button) {
    const box = document.createElement("dialog");
    box.innerHTML = "<p></p><form method=\"dialog\"><button value=\"\">Leave it</button> <button value=\"yes\" class=\"bad\">Go on</button></form>";
    $("p", box).textContent = text;
    box.addEventListener("close", () => { if (box.returnValue === "yes") { form.dataset.asked = "1"; form.requestSubmit(button); delete form.dataset.asked; } box.remove(); });
    document.body.append(box);
    box.showModal();
  }
  document.addEventListener("htmx:afterSwap", () => document.dispatchEvent(new Event("placed")));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && document.body.dataset.live) refresh(); });
  follow();
  if (moved) fetch(location.href, { headers: { Accept: "text/html" } }).then((answer) => answer.text())
    .then((text) => place(new DOMParser().parseFromString(text, "text/html"))).catch(() => {});
})();
