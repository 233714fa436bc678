// What a colleague saved appears on an open page: the part of it that changed is fetched anew, and nobody who reads or writes is disturbed.
// The page names its stream of news in `data-live` of its main part. Nothing here is needed.
"use strict";

(function () {
  var GATHER_MS = 400;
  var main = document.querySelector("main[data-live]");
  if (!main || !window.EventSource) { return; }

  var source = null;
  var timer = 0;
  var by = null;
  var since = null;
  var told = document.getElementById("live");

  function touched(form) {
    return Array.from(form.elements).some(function (one) {
      if (one.type === "hidden") { return false; }
      if (one.options) {
        return Array.from(one.options).some(function (option) { return option.selected !== option.defaultSelected; }) &&
          one.selectedIndex > 0;
      }
      return one.checked !== one.defaultChecked || (one.type !== "checkbox" && one.type !== "radio" && one.value !== one.defaultValue);
    });
  }

  // Who is writing keeps what is before her; she is told, and asks for the rest herself.
  function writing() {
    var active = document.activeElement;
    if (active && main.contains(active) && /^(INPUT|SELECT|TEXTAREA)$/.test(active.tagName)) { return true; }
    return Array.from(main.querySelectorAll("form")).some(touched);
  }

  function words() {
    return by ? told.dataset.by.replace("%s", by) : told.dataset.somebody;
  }

  function say(offer) {
    told.textContent = "";
    var text = document.createElement("span");
    text.textContent = words();
    told.appendChild(text);
    if (offer) {
      var button = document.createElement("a");
      button.href = location.href;
      button.textContent = told.dataset.show;
      told.appendChild(document.createTextNode(" "));
      told.appendChild(button);
    }
    told.hidden = false;
  }

  function pathOf(one, top) {
    var path = [];
    for (var at = one; at && at !== top; at = at.parentElement) { path.unshift(Array.from(at.parentElement.children).indexOf(at)); }
    return path;
  }

  function follow(path, top) {
    return path.reduce(function (at, place) { return at && at.children[place]; }, top);
  }

  // Where one stands in what is replaced: the same link or button, by its words, else by its place.
  function again(active, old, fresh) {
    if (active.id && fresh.querySelector("#" + CSS.escape(active.id))) { return fresh.querySelector("#" + CSS.escape(active.id)); }
    var alike = Array.from(fresh.querySelectorAll(active.tagName)).filter(function (one) {
      return one.textContent === active.textContent && one.getAttribute("href") === active.getAttribute("href");
    });
    return alike[0] || follow(pathOf(active, old), fresh);
  }

  function opened(old, fresh) {
    Array.from(old.querySelectorAll("details[open]")).forEach(function (one) {
      var summary = one.querySelector("summary");
      var same = Array.from(fresh.querySelectorAll("details")).filter(function (other) {
        var heading = other.querySelector("summary");
        return summary && heading && heading.textContent.replace(/\d+/g, "") === summary.textContent.replace(/\d+/g, "");
      });
      var place = follow(pathOf(one, old), fresh);
      var found = same.indexOf(place) >= 0 ? place : same[0];
      if (found) { found.open = true; }
    });
  }

  // What is fetched when it is opened, is so in what came anew, too.
  function live(fresh) {
    if (window.htmx) { window.htmx.process(fresh); }
  }

  function replace(old, fresh) {
    var active = document.activeElement;
    var within = old.contains(active);
    opened(old, fresh);
    old.replaceWith(fresh);
    live(fresh);
    if (within) {
      var next = again(active, old, fresh);
      if (next && next.focus) { next.focus({ preventScroll: true }); }
    }
  }

  // Parts that are the same stay untouched; what is first in view stays where it is on the screen.
  function exchange(fresh) {
    var old = Array.from(main.children);
    var now = Array.from(fresh.children);
    var anchor = old.filter(function (one) { return one.getBoundingClientRect().bottom > 0; })[0];
    var key = function (one) { return one.id || one.getAttribute("aria-labelledby") || one.className; };
    var name = anchor ? key(anchor) : null;
    var before = anchor ? anchor.getBoundingClientRect().top : 0;
    var known = {};
    old.forEach(function (one) { known[key(one)] = one; });
    now.forEach(function (one, place) {
      var present = known[key(one)];
      delete known[key(one)];
      if (!present) { main.insertBefore(one, main.children[place] || null); live(one); return; }
      if (present.outerHTML !== one.outerHTML) { replace(present, one); present = one; }
      if (main.children[place] !== present) { main.insertBefore(present, main.children[place] || null); }
    });
    Object.keys(known).forEach(function (gone) { known[gone].remove(); });
    var moved = Array.from(main.children).filter(function (one) { return key(one) === name; })[0];
    if (moved) { window.scrollBy(0, moved.getBoundingClientRect().top - before); }
  }

  async function refresh() {
    timer = 0;
    if (writing()) { say(true); return; }
    var answer;
    try {
      answer = await fetch(location.href, { headers: { accept: "text/html", "x-part": "live" }, redirect: "error", cache: "no-store" });
    } catch (away) {
      return; // What is shown stays; when the stream comes back it says again that something changed.
    }
    if (!answer.ok) { return; }
    var fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (!fresh) { return; }
    // Somebody may have begun to write while the answer came.
    if (writing()) { say(true); return; }
    exchange(fresh);
    say(false);
  }

  function soon(event) {
    by = JSON.parse(event.data).by;
    since = event.lastEventId;
    timer = timer || setTimeout(refresh, GATHER_MS);
  }

  // A browser opens few connections to one computer, so only the page that is looked at listens. The stream goes on where it was left, at
  // first where the page was made.
  function listen() {
    if (document.hidden) {
      if (source) { source.close(); source = null; }
    } else if (!source) {
      source = new EventSource(since === null ? main.dataset.live : main.dataset.live.replace(/since=\d+/, "since=" + since));
      source.addEventListener("saved", soon);
    }
  }

  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", function () { if (source) { source.close(); source = null; } });
  addEventListener("pageshow", listen);
  listen();
})();
