// The service worker: pages that were read stay readable when the clinic's Wi-Fi is lost, and a form that cannot be sent is kept and sent
// later. vault.js is served before it in the same file. Nothing here is needed: without it, or without HTTPS, all pages work as they are.
//
// A browser ends an idle worker after half a minute, and with it the keys in its memory. They are then asked of any page of ours that is
// open, which holds them too; else of the clinic's computer. Where neither has them, nothing that was kept can be read.
"use strict";

var PATIENCE_MS = 5000;
var SHORT_PATIENCE_MS = 1500;
var SEND_PATIENCE_MS = 15000;
var AWAY_MS = 20000;
var ASK_MS = 1000;
var PAGES_MAX = 200;
var PAGE_AGE_MS = 7 * 24 * 3600 * 1000;
var DRAFT_AGE_MS = 30 * 24 * 3600 * 1000;
var DRAFTS_MAX = 100;
var PUBLIC = "medtech-public";
var PUBLIC_MAX = 60;
var OFFLINE = "/offline";
var KEPT = "/offline/kept";
var TOKEN = "form.token";
var BY_ITSELF = { "x-part": "worker" }; // Says that nobody asked: it keeps no login awake, and takes no news from the next page.
var LEAVING = /^\/(login|logout|lock)(\/|$)/;
var NEVER_KEPT = /^\/(login|logout|lock|unlock|pin|trust|offline)(\/|$)/;

var held = null;
var failedAt = 0;
var sending = null;
var forms = {}; // What pages said of forms that they are about to send, by token.

// --- keys ----------------------------------------------------------------------------------------------------------

function later(ms) {
  return new Promise(function (done) { setTimeout(function () { done(null); }, ms); });
}

async function pages() {
  return self.clients.matchAll({ type: "window", includeUncontrolled: true });
}

function askPage(page) {
  return new Promise(function (done) {
    var channel = new MessageChannel();
    channel.port1.onmessage = function (event) { done(event.data); };
    page.postMessage({ ask: "keys" }, [channel.port2]);
  });
}

async function keysOfPages() {
  var asked = (await pages()).map(askPage);
  if (!asked.length) { return null; }
  var first = new Promise(function (done) {
    asked.forEach(function (one) { one.then(function (keys) { if (keys) { done(keys); } }); });
  });
  return Promise.race([first, later(ASK_MS)]);
}

// Whose session it is, and her keys; null when nobody is logged in, or the session is locked. Rejected when there is no answer.
async function keysOfSession() {
  var answer = await fetch("/offline/key", { credentials: "same-origin", cache: "no-store", redirect: "error", headers: BY_ITSELF });
  return answer.ok ? Vault.keysOf(await answer.json()) : null;
}

async function keys() {
  if (!held) { held = await keysOfPages(); }
  return held;
}

async function keysOrAsk() {
  var found = await keys();
  if (found) { return found; }
  try {
    held = await keysOfSession();
  } catch (away) {
    held = null;
  }
  return held;
}

// `leaver` is the page that is on its way to the login already.
async function forget(leaver) {
  held = null;
  forms = {};
  (await pages()).forEach(function (page) { page.postMessage({ told: "locked", stay: page.id === leaver }); });
}

// --- what is public: style, scripts, the pages that say that there is no answer -------------------------------------

async function publicPages() {
  var cache = await caches.open(PUBLIC);
  var found = [OFFLINE, KEPT];
  for (var place = 0; place < found.length; place += 1) {
    var answer = await fetch(found[place], { cache: "no-store" });
    if (!answer.ok) { throw new Error("not there"); }
    var html = await answer.clone().text();
    await cache.put(found[place], answer);
    var needed = html.match(/\/assets\/[^"']+/g) || [];
    await cache.addAll(needed.filter(function (one, at) { return needed.indexOf(one) === at; }));
  }
}

async function asset(request) {
  var cache = await caches.open(PUBLIC);
  var found = await cache.match(request);
  if (found) { return found; }
  var answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
    var all = await cache.keys();
    var old = all.filter(function (one) { return new URL(one.url).pathname.indexOf("/assets/") === 0; });
    if (old.length > PUBLIC_MAX) { await cache.delete(old[0]); }
  }
  return answer;
}

async function noAnswer(page) {
  var found = await (await caches.open(PUBLIC)).match(page);
  return found || Response.error();
}

// --- reading -------------------------------------------------------------------------------------------------------

function isPage(answer) {
  return answer.type === "basic" && answer.status === 200 && (answer.headers.get("content-type") || "").indexOf("text/html") === 0;
}

function nameOf(url) {
  return "page " + url.pathname + url.search;
}

async function keep(url, answer) {
  if (NEVER_KEPT.test(url.pathname) || !isPage(answer)) { return; }
  var mine = await keysOrAsk();
  if (!mine) { return; }
  var policy = answer.headers.get("content-security-policy") || "default-src 'none'";
  var said = { at: Date.now(), html: await answer.text(), policy: policy };
  await Vault.put(mine, "pages", await Vault.idOf(mine, nameOf(url)), said);
  await Vault.prune("pages", PAGES_MAX, PAGE_AGE_MS);
}

function timeSaid(at, language) {
  var then = new Date(at);
  var how = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (then.toDateString() !== new Date().toDateString()) {
    how.weekday = "long";
    how.day = "numeric";
    how.month = "long";
  }
  return new Intl.DateTimeFormat(language, how).format(then);
}

// The page as it was, with what it says at its top about being a copy: that must not depend on another script.
function marked(said) {
  var language = (said.html.match(/<html[^>]* lang="([A-Za-z-]+)"/) || [null, "en"])[1];
  var time = timeSaid(said.at, language).replace(/[<&]/g, "");
  return said.html
    .replace(/<body(?: class="([^"]*)")?/, '<body class="read-copy $1" data-read-at="' + said.at + '"')
    .replace('<p id="read-at" hidden', '<p id="read-at"')
    .replace("<time data-read-at></time>", "<time>" + time + "</time>");
}

async function copyOf(url) {
  var mine = await keys();
  if (!mine) { return null; }
  var found = await Vault.get(mine, "pages", await Vault.idOf(mine, nameOf(url)));
  if (!found || Date.now() - found.said.at > PAGE_AGE_MS) { return null; }
  var headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": found.said.policy, "cache-control": "no-store" };
  return new Response(marked(found.said), { headers: headers });
}

function answered(answer) {
  if (answer) {
    var back = failedAt > 0;
    failedAt = 0;
    if (back) { sendSoon(); }
  } else {
    failedAt = Date.now();
  }
  return answer;
}

async function left(path) {
  var headers = { "content-type": "application/x-www-form-urlencoded" };
  var answer = await fetch(path, { method: "POST", body: "next=/", headers: headers, credentials: "same-origin", redirect: "manual" });
  return answer.type === "opaqueredirect";
}

// Who left while there was no answer is logged out before anything else is asked for: the next person must not find her session.
async function leaveFirst() {
  var path = await Vault.noted("left");
  if (!path) { return true; }
  try {
    if (!await left(path)) { await left("/logout"); }
  } catch (away) {
    return false;
  }
  await Vault.note("left", null);
  return true;
}

async function read(event, url) {
  if (!await leaveFirst()) { return noAnswer(OFFLINE); }
  var coming = fetch(event.request).then(function (answer) { return answer; }, function () { return null; });
  var patience = Date.now() - failedAt < AWAY_MS ? SHORT_PATIENCE_MS : PATIENCE_MS;
  var answer = await Promise.race([coming, later(patience)]);
  if (!answer) {
    failedAt = Date.now();
    var copy = await copyOf(url);
    if (copy) { return copy; }
    answer = await coming;
  }
  if (!answered(answer)) { return noAnswer(OFFLINE); }
  event.waitUntil(keep(url, answer.clone()).catch(function () { return null; }));
  return answer;
}

async function leave(event, url) {
  await forget(event.clientId);
  var known = event.request.method === "POST" && url.pathname !== "/login";
  try {
    var answer = answered(await fetch(event.request));
    if (known) { await Vault.note("left", null); }
    return answer;
  } catch (away) {
    answered(null);
    if (known) { await Vault.note("left", url.pathname); }
    return noAnswer(OFFLINE);
  }
}

// A part of a page that was asked for anew because a colleague saved something.
async function fresh(event, url) {
  var answer = await fetch(event.request);
  event.waitUntil(keep(url, answer.clone()).catch(function () { return null; }));
  return answer;
}

// --- forms ---------------------------------------------------------------------------------------------------------

function tokenIn(body, type) {
  var said = new TextDecoder("iso-8859-1").decode(body);
  if (type.indexOf("application/x-www-form-urlencoded") === 0) {
    return new URLSearchParams(said).get(TOKEN) || null;
  }
  var found = said.match(/name="form\.token"\r\n\r\n([^\r\n]+)\r\n/);
  return found ? found[1] : null;
}

async function send(event, url) {
  if (!await leaveFirst()) { return noAnswer(OFFLINE); }
  var type = event.request.headers.get("content-type") || "";
  var body = await event.request.clone().arrayBuffer();
  var token = tokenIn(body, type);
  var coming = fetch(event.request).then(function (answer) { return answer; }, function () { return null; });
  // Without a token nothing can be sent twice, so there is nothing to do but wait.
  var answer = answered(await (token ? Promise.race([coming, later(SEND_PATIENCE_MS)]) : coming));
  if (!token) { return answer || noAnswer(OFFLINE); }
  if (answer) {
    if (answer.type === "opaqueredirect") { event.waitUntil(dropDraft(token)); }
    return answer;
  }
  if (!await keepForm(url, type, body, token)) { return await coming || noAnswer(OFFLINE); }
  return Response.redirect(KEPT, 303);
}

// The pages for when there is no answer are read in the language that was chosen last.
async function changeLanguage(event) {
  var coming = fetch(event.request);
  event.waitUntil(coming.then(publicPages).catch(function () { return null; }));
  try {
    return answered(await coming);
  } catch (away) {
    answered(null);
    return noAnswer(OFFLINE);
  }
}

async function dropDraft(token) {
  var about = forms[token];
  delete forms[token];
  if (about && about.draft) { await Vault.remove("drafts", about.draft); }
}

async function keepForm(url, type, body, token) {
  var mine = await keys();
  if (!mine) { return false; }
  var about = forms[token] || {};
  var said = { at: Date.now(), path: url.pathname + url.search, type: type, title: about.title || "", state: "kept" };
  await Vault.put(mine, "outbox", await Vault.idOf(mine, "form " + token), said, body);
  await dropDraft(token); // What waits is no draft any more: the same form may be filled in for another visit.
  await tellKept();
  return true;
}

async function keptForms() {
  var mine = await keys();
  if (!mine) { return []; }
  var all = await Vault.list("outbox");
  var found = [];
  for (var place = 0; place < all.length; place += 1) {
    var one = await Vault.get(mine, "outbox", all[place].id);
    if (one) { found.push(one); }
  }
  return found;
}

function shown(one) {
  return { id: one.id, at: one.said.at, title: one.said.title, state: one.said.state };
}

async function tellKept() {
  var all = (await keptForms()).map(shown);
  (await pages()).forEach(function (page) { page.postMessage({ told: "kept", forms: all }); });
}

// What came of sending it: "saved" when it led to another page, as every form does that was carried out; "asks" when the page that came
// has something to ask or to say; "later" when nobody is logged in, or the computer cannot now.
function verdict(answer) {
  if (answer.redirected) { return LEAVING.test(new URL(answer.url).pathname) ? "later" : "saved"; }
  return answer.status >= 500 || answer.status === 429 || answer.status === 401 ? "later" : "asks";
}

async function sendOne(mine, one) {
  var answer = await fetch(one.said.path, {
    method: "POST", headers: Object.assign({ "content-type": one.said.type }, BY_ITSELF), body: one.bytes, credentials: "same-origin", cache: "no-store",
  });
  var state = verdict(answer);
  if (state === "later") { return false; }
  if (state === "saved") {
    await Vault.remove("outbox", one.id);
    var where = new URL(answer.url);
    var told = { told: "saved", form: shown(one), where: where.pathname + where.search };
    (await pages()).forEach(function (page) { page.postMessage(told); });
  } else {
    one.said.state = "asks";
    await Vault.put(mine, "outbox", one.id, one.said, one.bytes);
  }
  return true;
}

async function sendAll() {
  var waiting = (await keptForms()).filter(function (one) { return one.said.state === "kept"; });
  if (!waiting.length || !await leaveFirst()) { return; }
  var mine = await keys();
  // A form is sent in the name of who filled it in, or not at all.
  var present = await keysOfSession();
  if (!present || !mine || present.owner !== mine.owner) { return; }
  for (var place = 0; place < waiting.length; place += 1) {
    if (!await sendOne(mine, waiting[place])) { break; }
  }
  await tellKept();
}

function sendSoon() {
  if (!sending) {
    var done = function () { sending = null; };
    sending = sendAll().then(done, done);
  }
  return sending;
}

// --- what pages ask ------------------------------------------------------------------------------------------------

var ANSWERS = {
  keys: function () { return keysOrAsk(); },
  kept: async function () { return (await keptForms()).map(shown); },
  form: async function (asked) {
    var mine = await keys();
    var one = mine ? await Vault.get(mine, "outbox", asked.id) : null;
    return one ? { path: one.said.path, type: one.said.type, bytes: one.bytes } : null;
  },
  discard: async function (asked) { await Vault.remove("outbox", asked.id); await tellKept(); return true; },
  send: async function () { await sendSoon(); return true; },
  submitting: async function (asked) { forms[asked.token] = { title: asked.title, draft: asked.draft }; return true; },
  forget: async function (asked, page) { await forget(page); return true; },
  keep: async function (asked) {
    var url = new URL(asked.url);
    await Promise.all(asked.assets.map(function (one) { return asset(new Request(one)); }));
    await keep(url, await fetch(asked.url, { credentials: "same-origin", redirect: "error", headers: BY_ITSELF }));
    return true;
  },
};

self.addEventListener("message", function (event) {
  var asked = event.data || {};
  var answer = ANSWERS[asked.ask];
  if (!answer) { return; }
  var port = event.ports[0];
  var done = function (said) { if (port) { port.postMessage(said); } };
  event.waitUntil(answer(asked, event.source ? event.source.id : "").then(done, function () { done(null); }));
});

self.addEventListener("install", function (event) {
  event.waitUntil(publicPages().then(function () { return self.skipWaiting(); }));
});

self.addEventListener("activate", function (event) {
  var tidy = Promise.all([Vault.prune("pages", PAGES_MAX, PAGE_AGE_MS), Vault.prune("drafts", DRAFTS_MAX, DRAFT_AGE_MS)]);
  event.waitUntil(tidy.then(function () { return self.clients.claim(); }));
});

self.addEventListener("fetch", function (event) {
  var request = event.request;
  var url = new URL(request.url);
  if (url.origin !== self.location.origin) { return; }
  var get = request.method === "GET";
  if (get && url.pathname.indexOf("/assets/") === 0) {
    event.respondWith(asset(request));
  } else if (request.mode === "navigate" && url.pathname === KEPT) {
    event.respondWith(noAnswer(KEPT));
  } else if (request.mode === "navigate" && LEAVING.test(url.pathname)) {
    event.respondWith(leave(event, url));
  } else if (request.mode === "navigate" && get) {
    event.respondWith(read(event, url));
  } else if (request.mode === "navigate" && url.pathname === "/language") {
    event.respondWith(changeLanguage(event));
  } else if (request.mode === "navigate" && request.method === "POST") {
    event.respondWith(send(event, url));
  } else if (get && request.headers.get("x-part") === "live") {
    event.respondWith(fresh(event, url));
  }
});
