// The page's side of what worker.js does: what is typed is kept, forms that could not be sent are told of, and keys are held for the worker.
// Nothing here is needed; without HTTPS or in an old browser it does nothing.
"use strict";

(function () {
  if (!window.isSecureContext || !navigator.serviceWorker || !window.crypto || !window.crypto.subtle) { return; }

  var DRAFT_MS = 300;
  var SEND_MS = 10000;
  var LOOK_MS = 15000;
  var REACH_MS = 5000;
  var UNKEPT = /^(hidden|password|file|submit|button|reset|image)$/;
  var TICKED = /^(radio|checkbox)$/;
  var words = document.getElementById("offline-words");
  var bar = document.getElementById("kept");
  var held = null;
  var waiting = 0;
  var usedAt = Date.now();
  var leaving = false;

  function worker() {
    return navigator.serviceWorker.ready.then(function (registration) { return registration.active; });
  }

  function ask(message) {
    return worker().then(function (active) {
      return new Promise(function (done) {
        var channel = new MessageChannel();
        channel.port1.onmessage = function (event) { done(event.data); };
        active.postMessage(message, [channel.port2]);
      });
    });
  }

  function hour(at) {
    var how = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    return new Intl.DateTimeFormat(document.documentElement.lang, how).format(new Date(at));
  }

  function element(kind, name, text) {
    var made = document.createElement(kind);
    if (name) { made.className = name; }
    if (text) { made.textContent = text; }
    return made;
  }

  // --- what is being typed -----------------------------------------------------------------------------------------

  function tokenOf(form) { return form.querySelector("input[name='form.token']"); }

  function fieldsOf(form) {
    return Array.from(form.elements).filter(function (one) { return one.name && !UNKEPT.test(one.type); });
  }

  function chosen(one) {
    return Array.from(one.options).filter(function (option) { return option.selected; }).map(function (option) { return option.value; });
  }

  function changed(one) {
    if (TICKED.test(one.type)) { return one.checked !== one.defaultChecked; }
    if (one.options) {
      var given = Array.from(one.options).filter(function (option) { return option.defaultSelected; });
      var begun = given.length || one.multiple ? given : Array.from(one.options).slice(0, 1);
      return JSON.stringify(chosen(one)) !== JSON.stringify(begun.map(function (option) { return option.value; }));
    }
    return one.value !== one.defaultValue;
  }

  // Fields of one name are told apart by their order among those of that name; ticks by their values.
  function named(form) {
    var taken = {};
    return fieldsOf(form).map(function (one) {
      var place = taken[one.name] = (taken[one.name] || 0) + 1;
      return { field: one, key: one.name + " " + (TICKED.test(one.type) ? "= " + one.value : place) };
    });
  }

  function valueOf(one) {
    if (TICKED.test(one.type)) { return one.checked; }
    return one.options ? chosen(one) : one.value;
  }

  // Only what she changed: what the page brought may be another by the time it is filled in again, and a colleague's change must not be
  // taken back by a draft. What was changed in an earlier part of the same work (`before`) stays with it.
  function valuesOf(form, before) {
    var values = {};
    named(form).forEach(function (one) {
      if (one.key in before || changed(one.field)) { values[one.key] = valueOf(one.field); }
    });
    return values;
  }

  function fill(form, values) {
    var filled = false;
    named(form).forEach(function (one) {
      if (!(one.key in values) || JSON.stringify(valueOf(one.field)) === JSON.stringify(values[one.key])) { return; }
      filled = true;
      if (TICKED.test(one.field.type)) {
        one.field.checked = values[one.key];
      } else if (one.field.options) {
        Array.from(one.field.options).forEach(function (option) { option.selected = values[one.key].indexOf(option.value) >= 0; });
      } else {
        one.field.value = values[one.key];
      }
    });
    return filled;
  }

  function title() {
    var heading = document.querySelector("h1");
    return heading ? heading.textContent.replace(/\s+/g, " ").trim() : document.title;
  }

  // What was sent and not answered goes again under its own token, so that it is carried out once; changed, it is another form.
  function restore(form, found, save) {
    var token = tokenOf(form);
    var own = token.value;
    if (found.said.sent) { token.value = found.said.token; }
    form.addEventListener("input", function () { token.value = own; }, { once: true });
    if (!fill(form, found.said.values)) { return; }
    form.dispatchEvent(new Event("change", { bubbles: true }));
    var told = element("div", "news news-plain draft");
    told.setAttribute("role", "status");
    told.appendChild(element("p", "", words.dataset.restored.replace("%s", hour(found.said.at))));
    var afresh = element("button", "button plain", words.dataset.afresh);
    afresh.type = "button";
    afresh.addEventListener("click", function () {
      form.reset();
      token.value = own;
      save.forgotten();
      told.remove();
    });
    told.appendChild(afresh);
    form.insertBefore(told, form.firstChild);
  }

  async function draft(form, place) {
    var id = await Vault.idOf(held, "draft " + location.pathname + " " + (form.id || place));
    var timer = 0;
    var done = false;
    var before = {};
    var write = function (sent) {
      timer = 0;
      if (!held) { return; }
      var said = { at: Date.now(), token: tokenOf(form).value, sent: sent, values: valuesOf(form, before) };
      Vault.put(held, "drafts", id, said).catch(function () { return null; });
    };
    var save = { forgotten: function () { clearTimeout(timer); timer = 0; before = {}; Vault.remove("drafts", id); } };
    var typed = function () { if (!done && !timer) { timer = setTimeout(write, DRAFT_MS, false); } };
    var found = await Vault.get(held, "drafts", id);
    // Who typed before the draft was there writes something else: the draft must neither mix with it nor lend it a token that was used.
    if (found && !Object.keys(valuesOf(form, {})).length) {
      before = found.said.values;
      restore(form, found, save);
    } else if (found) {
      typed();
    }
    form.addEventListener("input", typed);
    form.addEventListener("change", typed);
    form.addEventListener("submit", function () {
      clearTimeout(timer);
      done = true;
      write(true);
      // A page that was opened while the worker began has none yet, and is sent without it.
      var worker = navigator.serviceWorker.controller;
      if (worker) { worker.postMessage({ ask: "submitting", token: tokenOf(form).value, title: title(), draft: id }); }
    });
    // A page that comes back from the browser's memory is typed into again.
    addEventListener("pageshow", function () { done = false; });
    form.setAttribute("data-drafted", "");
  }

  // --- forms that wait ---------------------------------------------------------------------------------------------

  function tell(text, mood, where) {
    bar.textContent = "";
    bar.className = "kept kept-" + mood;
    bar.appendChild(element("span", "", text));
    if (where) {
      var link = element("a", "", words.dataset.show);
      link.href = where;
      bar.appendChild(document.createTextNode(" "));
      bar.appendChild(link);
    }
    bar.hidden = false;
  }

  function tellKept(forms) {
    waiting = forms.filter(function (one) { return one.state === "kept"; }).length;
    listKept(forms);
    if (!forms.length) {
      if (bar.className !== "kept kept-saved") { bar.hidden = true; }
      return;
    }
    var asks = forms.length > waiting;
    var names = forms.map(function (one) { return one.title || words.dataset.form; }).join(" · ");
    tell((asks ? words.dataset.asks : words.dataset.kept).replace("%s", names), asks ? "asks" : "waits", "/offline/kept");
  }

  function listKept(forms) {
    var list = document.getElementById("kept-list");
    if (!list) { return; }
    Array.from(list.querySelectorAll("li[data-id]")).forEach(function (one) { one.remove(); });
    document.getElementById("kept-none").hidden = forms.length > 0 || list.children.length > 0;
    forms.forEach(function (one) {
      var item = element("li", "kept-form");
      item.setAttribute("data-id", one.id);
      item.appendChild(element("strong", "", one.title || words.dataset.form));
      item.appendChild(element("span", "quiet", " " + hour(one.at)));
      item.appendChild(element("p", "", one.state === "kept" ? words.dataset.waits : words.dataset.asked));
      if (one.state !== "kept") {
        var open = element("button", "button", words.dataset.open);
        open.type = "button";
        open.addEventListener("click", function () { sendAsPage(one.id); });
        item.appendChild(open);
      }
      list.appendChild(item);
    });
  }

  function listSaved(told) {
    var list = document.getElementById("kept-list");
    if (!list) { return; }
    document.getElementById("kept-none").hidden = true;
    var item = element("li", "kept-form kept-saved");
    var link = element("a", "", told.form.title || words.dataset.form);
    link.href = told.where;
    item.appendChild(link);
    item.appendChild(element("p", "", words.dataset.done));
    list.appendChild(item);
  }

  // What the clinic's computer asks about a form is asked on its own page: so the form goes there once more as if it were sent from here.
  async function sendAsPage(id) {
    var found = await ask({ ask: "form", id: id });
    if (!found) { return; }
    var sent = await new Response(found.bytes, { headers: { "content-type": found.type } }).formData();
    var form = element("form");
    form.method = "post";
    form.action = found.path;
    if (found.type.indexOf("multipart/") === 0) { form.enctype = "multipart/form-data"; }
    form.hidden = true;
    sent.forEach(function (value, name) { form.appendChild(inputOf(name, value)); });
    document.body.appendChild(form);
    await ask({ ask: "discard", id: id });
    form.submit();
  }

  function inputOf(name, value) {
    var input = element(typeof value === "string" ? "textarea" : "input");
    input.name = name;
    if (typeof value === "string") {
      input.value = value;
    } else {
      var files = new DataTransfer();
      if (value.size) { files.items.add(value); }
      input.type = "file";
      input.files = files.files;
    }
    return input;
  }

  // --- a copy ------------------------------------------------------------------------------------------------------

  // What is before somebody is not exchanged under her hands: she is told that the present page can be had.
  async function back() {
    var told = document.getElementById("read-at");
    if (!await reached() || told.hasAttribute("data-back")) { return; }
    told.setAttribute("data-back", "");
    told.textContent = words.dataset.back + " ";
    var link = element("a", "", words.dataset.present);
    link.href = location.href;
    told.appendChild(link);
  }

  // --- leaving -----------------------------------------------------------------------------------------------------

  function locked(stay) {
    held = null;
    if (!stay && !leaving) { location.replace("/"); }
  }

  async function reached() {
    try {
      var stop = new AbortController();
      setTimeout(function () { stop.abort(); }, REACH_MS);
      await fetch("/healthz", { cache: "no-store", signal: stop.signal });
      return true;
    } catch (away) {
      return false;
    }
  }

  // While it answers, the clinic's computer itself locks who does nothing for long. While it does not, this does.
  async function look() {
    if (!held || Date.now() - usedAt < held.idleMs || await reached()) { return; }
    await ask({ ask: "forget" });
    location.replace("/");
  }

  // --- beginning ---------------------------------------------------------------------------------------------------

  var TOLD = {
    locked: function (told) { locked(told.stay); },
    kept: function (told) { tellKept(told.forms); },
    saved: function (told) {
      listSaved(told);
      tell(words.dataset.saved.replace("%s", told.form.title || words.dataset.form), "saved", told.where);
    },
  };

  navigator.serviceWorker.addEventListener("message", function (event) {
    var said = event.data || {};
    if (said.ask === "keys") { event.ports[0].postMessage(held); }
    if (TOLD[said.told]) { TOLD[said.told](said); }
  });
  navigator.serviceWorker.startMessages();

  ["pointerdown", "keydown"].forEach(function (kind) {
    addEventListener(kind, function () { usedAt = Date.now(); }, { passive: true });
  });
  addEventListener("pagehide", function () { leaving = true; });
  addEventListener("pageshow", function () { leaving = false; });
  addEventListener("online", function () { ask({ ask: "send" }); });
  setInterval(function () { if (waiting) { ask({ ask: "send" }); } }, SEND_MS);
  setInterval(look, LOOK_MS);
  if (document.body.hasAttribute("data-read-at")) { setInterval(back, SEND_MS); }

  function assets() {
    return Array.from(document.querySelectorAll("link[href^='/assets/'], script[src^='/assets/']"), function (one) {
      return one.getAttribute("href") || one.getAttribute("src");
    });
  }

  async function begin() {
    var first = !navigator.serviceWorker.controller;
    await navigator.serviceWorker.register("/worker.js", { updateViaCache: "none" });
    held = await ask({ ask: "keys" });
    if (first) { await ask({ ask: "keep", url: location.href, assets: assets() }); }
    tellKept(await ask({ ask: "kept" }) || []);
    if (waiting) { ask({ ask: "send" }); }
    if (!held) { return; }
    var forms = Array.from(document.querySelectorAll("form")).filter(tokenOf);
    for (var place = 0; place < forms.length; place += 1) { await draft(forms[place], place); }
    document.documentElement.setAttribute("data-offline", "ready");
  }

  begin().catch(function () { document.documentElement.setAttribute("data-offline", "none"); });
})();
