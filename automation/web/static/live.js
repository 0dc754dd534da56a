// Fetches the page again every few seconds and puts its new content in place, so that nothing jumps.
(() => {
  "use strict";
  const seconds = Number(document.currentScript.dataset.seconds) || 5;
  const mark = document.getElementById("live");
  const busy = () => document.hidden || String(document.getSelection()) !== "" || document.querySelector("details[open]");

  async function refresh() {
    if (!busy()) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (!answer.ok) throw new Error(answer.statusText);
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const page = document.getElementById("page");
        const focused = document.activeElement && document.activeElement.getAttribute("href");
        page.replaceChildren(...fresh.getElementById("page").childNodes);
        if (focused) page.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
        mark.className = "live";
        mark.textContent = "live";
        if (!fresh.getElementById("live")) { mark.remove(); return; }
      } catch {
        mark.className = "live gone";
        mark.textContent = "not reachable";
      }
    }
    setTimeout(refresh, seconds * 1000);
  }
  setTimeout(refresh, seconds * 1000);
})();
