// Nothing here is needed: pages are complete without it. It keeps the bar about the hub true while a page is open, says that a form is
// being sent, and shows of a form what is asked. Written for browsers from 2017 on (ES2017), which a test reads it as.
"use strict";

(function () {
  const REFRESH_MS = 20000;
  const WAITING_REFRESH_MS = 3000; // An exchange that runs by itself sends a change within a few seconds, and tells nobody.
  const GATHER_MS = 400;

  function each(within, selector, act) {
    Array.prototype.forEach.call(within.querySelectorAll(selector), act);
  }

  function busy(form) {
    form.addEventListener("submit", function (event) {
      const button = event.submitter || form.querySelector("button[type=submit]");
      if (button && !button.hasAttribute("data-again")) {
        button.textContent = form.dataset.busy;
        button.setAttribute("aria-disabled", "true");
        // Disabled a moment later, or the form would not be sent.
        setTimeout(function () { button.disabled = true; }, 0);
      }
    });
  }

  each(document, "form[data-busy]", busy);
  // A page that comes back from the browser's memory shows its buttons as they were.
  addEventListener("pageshow", function (event) { if (event.persisted) location.reload(); });

  // --- the language is changed by choosing it ---

  each(document, ".languages select", function (select) {
    select.form.querySelector("button").hidden = true;
    select.addEventListener("change", function () { select.form.submit(); });
  });

  // --- forms: what is not asked is not shown; the server decides what counts ---

  // `data-when` is a list of which all hold; each is a list of conditions of which any holds: [field, [values], least, most].
  function given(form, name) {
    const found = [];
    each(form, "[name]", function (input) {
      // A date in three inputs is answered when it has a year.
      if (input.name !== name && input.name !== name + ".year") return;
      if ((input.type === "checkbox" || input.type === "radio") && !input.checked) return;
      found.push(input.value.trim());
    });
    return found.filter(function (value) { return value !== ""; });
  }

  function holds(form, condition) {
    const values = given(form, condition[0]);
    if (condition[1].length) return values.some(function (value) { return condition[1].indexOf(value) >= 0; });
    const number = parseFloat((values[0] || "").replace(",", "."));
    if (condition[2] === null && condition[3] === null) return values.length > 0;
    return (condition[2] === null || number >= condition[2]) && (condition[3] === null || number <= condition[3]);
  }

  function ask(form) {
    each(form, "[data-when]", function (block) {
      const asked = JSON.parse(block.dataset.when).every(function (any) {
        return any.some(function (condition) { return holds(form, condition); });
      });
      block.hidden = !asked;
    });
  }

  each(document, "form[data-form]", function (form) {
    ask(form);
    form.addEventListener("input", function () { ask(form); });
    form.addEventListener("change", function () { ask(form); });
  });
  // Of a form that came back, what has to be looked at is in view and in focus.
  const summary = document.querySelector("[data-summary]");
  if (summary) summary.focus();

  // --- a card before the camera, where a browser has both camera and reader; the photo and the number work without ---

  each(document, "form[data-scan]", function (form) {
    const button = form.querySelector("[data-camera]");
    if (!window.BarcodeDetector || !navigator.mediaDevices) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      const video = form.querySelector("video");
      const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
      const stop = function () {
        if (video.srcObject) video.srcObject.getTracks().forEach(function (track) { track.stop(); });
      };
      const look = function () {
        detector.detect(video).then(function (codes) {
          if (!codes.length) { setTimeout(look, 250); return; }
          stop();
          form.querySelector("[name=number]").value = codes[0].rawValue;
          form.submit();
        }).catch(function () { setTimeout(look, 1000); });
      };
      navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).then(function (stream) {
        form.querySelector(".scan-live").hidden = false;
        button.hidden = true;
        video.srcObject = stream;
        addEventListener("pagehide", stop);
        return video.play().then(look);
      }).catch(function () { button.hidden = true; }); // Not allowed: the photo remains.
    });
  });

  // --- the login locks itself when nobody uses it ---

  // Typing and touching is use, so it is told to the server, at most once a minute; when there was none for long enough, the screen is
  // locked here too.
  const idleMs = 1000 * Number(document.body.dataset.idleSeconds || 0);
  if (idleMs) {
    let used = Date.now();
    let told = used;
    const tell = function () {
      used = Date.now();
      if (used - told < Math.min(60000, idleMs / 4)) return;
      told = used;
      fetch("/awake", { method: "POST", credentials: "same-origin" }).catch(function () { told = used; }); // Away: nothing to keep awake.
    };
    ["keydown", "pointerdown", "input", "scroll"].forEach(function (name) { addEventListener(name, tell, { passive: true }); });
    setInterval(function () { if (Date.now() - used > idleMs) document.getElementById("lock").submit(); }, 5000);
  }

  // --- the bar about the hub ---

  const bar = document.getElementById("standing");
  if (bar) {
    let waiting = 0;
    let source = null;

    const said = function (one) { return one.querySelector(".standing-words").textContent.replace(/\s+/g, " "); };
    const show = function (text) {
      const present = document.getElementById("standing");
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("standing");
      if (!fresh || said(fresh) === said(present)) return;
      const next = fresh.querySelector("input[name=next]");
      if (next) next.setAttribute("value", location.pathname);
      fresh.querySelector(".standing-words").setAttribute("role", "status");
      each(fresh, "form[data-busy]", busy);
      present.parentNode.replaceChild(fresh, present);
    };
    const refresh = function () {
      waiting = 0;
      if (document.getElementById("standing").contains(document.activeElement)) return;
      fetch("/sync/state", { headers: { accept: "text/html" }, redirect: "manual", credentials: "same-origin" })
        .then(function (answer) { return answer.ok ? answer.text().then(show) : undefined; })
        .catch(function () { waiting = 0; }); // The server is away; what is shown stays, and the next look will tell.
    };
    const soon = function () { waiting = waiting || setTimeout(refresh, GATHER_MS); };
    const quiet = function () {
      if (source) source.close();
      source = null;
    };

    // A browser opens few connections to one host, so only the page that is looked at listens.
    const listen = function () {
      if (document.hidden) {
        quiet();
      } else if (!source) {
        source = new EventSource("/events");
        source.addEventListener("change", soon);
        source.addEventListener("many", soon);
      }
    };
    document.addEventListener("visibilitychange", function () { listen(); if (!document.hidden) soon(); });
    addEventListener("pagehide", quiet);
    setInterval(function () { if (!document.hidden) soon(); }, REFRESH_MS);
    setInterval(function () {
      if (!document.hidden && document.getElementById("standing").dataset.mood !== "safe") soon();
    }, WAITING_REFRESH_MS);
    listen();
  }

  // --- print: what is folded is printed too ---

  addEventListener("beforeprint", function () {
    each(document, "details:not([open])", function (one) {
      one.open = true;
      one.dataset.unfolded = "";
    });
  });
  addEventListener("afterprint", function () {
    each(document, "details[data-unfolded]", function (one) {
      one.open = false;
      delete one.dataset.unfolded;
    });
  });
})();
