// The log of a run that is at work: its new lines, and whether the page follows them.
(() => {
  "use strict";
  const MOST = 5000;
  const list = () => document.getElementById("log");
  const follows = () => { const box = document.getElementById("follow"); return !box || box.checked; };
  document.addEventListener("line", (event) => {
    const to = list(), line = event.detail;
    if (!to || !("run" in to.dataset) || line.id <= Number(to.dataset.last)) return;
    const wanted = document.getElementById("log-text")?.value.toLowerCase() || "";
    to.dataset.last = line.id;
    if (wanted && !line.message.toLowerCase().includes(wanted)) return;
    const row = document.createElement("li");
    row.className = line.level;
    for (const [name, text, kind] of [["time", line.clock, ""], ["span", line.level, "level"], ["span", line.message, ""]]) {
      const part = document.createElement(name);
      part.textContent = text;
      if (kind) part.className = kind;
      if (name === "time") part.title = line.exact;
      row.append(part);
    }
    to.append(row);
    while (to.children.length > MOST) to.firstChild.remove();
    if (follows()) to.scrollTop = to.scrollHeight;
  });
  document.addEventListener("progress", (event) => {
    const card = document.getElementById("progress"), at = event.detail;
    if (!card) { return; }
    const bar = card.querySelector("progress");
    if (at.total) { bar.max = at.total; bar.value = at.done; }
    card.querySelector("b").textContent = at.words;
    card.querySelector("p").lastChild.textContent = ` · ${at.rate}${at.left ? ` · ${at.left}` : ""}`;
  });
  const bottom = () => { const to = list(); if (to && "run" in to.dataset) to.scrollTop = to.scrollHeight; };
  bottom();
})();
