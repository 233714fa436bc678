// Nothing here is needed: pages are complete without it. It keeps the bar about the hub true while a page is open,
// and says that a form is being sent.
"use strict";

const REFRESH_MS = 20_000;
const WAITING_REFRESH_MS = 3_000; // An exchange that runs by itself sends a change within a few seconds, and tells nobody.
const GATHER_MS = 400;

function busy(form) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button[type=submit]");
    if (button) {
      button.textContent = form.dataset.busy;
      button.setAttribute("aria-disabled", "true");
      // Disabled a moment later, or the form would not be sent.
      setTimeout(() => { button.disabled = true; }, 0);
    }
  });
}

document.querySelectorAll("form[data-busy]").forEach(busy);
// A page that comes back from the browser's memory shows its buttons as they were.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

const bar = document.getElementById("standing");
if (bar) {
  let waiting = 0;
  let source = null;

  const refresh = async () => {
    waiting = 0;
    const present = document.getElementById("standing");
    if (present.contains(document.activeElement)) return;
    let answer;
    try {
      answer = await fetch("/sync/state", { headers: { accept: "text/html" }, redirect: "manual" });
    } catch {
      return; // The server is away; what is shown stays, and the next look will tell.
    }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("standing");
    if (!fresh) return;
    fresh.querySelector("input[name=next]")?.setAttribute("value", location.pathname);
    const said = (one) => one.querySelector(".standing-words").textContent.replace(/\s+/g, " ");
    if (said(fresh) === said(present)) return;
    fresh.querySelector(".standing-words").setAttribute("role", "status");
    fresh.querySelectorAll("form[data-busy]").forEach(busy);
    present.replaceWith(fresh);
  };
  const soon = () => { waiting = waiting || setTimeout(refresh, GATHER_MS); };

  // A browser opens few connections to one host, so only the page that is looked at listens.
  const listen = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) {
      source = new EventSource("/events");
      source.addEventListener("change", soon);
      source.addEventListener("many", soon);
    }
  };
  document.addEventListener("visibilitychange", () => { listen(); if (!document.hidden) soon(); });
  addEventListener("pagehide", () => { source?.close(); source = null; });
  setInterval(() => { if (!document.hidden) soon(); }, REFRESH_MS);
  setInterval(() => {
    if (!document.hidden && document.getElementById("standing").dataset.mood !== "safe") soon();
  }, WAITING_REFRESH_MS);
  listen();
}

// What is folded is printed too.
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((one) => {
  one.open = true;
  one.dataset.unfolded = "";
}));
addEventListener("afterprint", () => document.querySelectorAll("details[data-unfolded]").forEach((one) => {
  one.open = false;
  delete one.dataset.unfolded;
}));
