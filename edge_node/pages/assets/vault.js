// What a browser keeps of records: encrypted with keys that come from the clinic's computer after the login and are held in memory alone.
//
// One store for pages that were read, one for what is being typed, one for forms that could not be sent. A record's id is a keyed hash
// of what it is about (an address, a form), so that not even that can be read; in clear are only whose it is, as an opaque sign, and when.
// Keys cannot be taken out of the browser's own cryptography, and are written nowhere.
"use strict";

var Vault = (function () {
  var DATABASE = "medtech";
  var STORES = ["pages", "drafts", "outbox", "notes"];
  var IV_BYTES = 12;
  var text = new TextEncoder();
  var words = new TextDecoder();
  var opened = null;

  function asked(request) {
    return new Promise(function (done, failed) {
      request.onsuccess = function () { done(request.result); };
      request.onerror = function () { failed(request.error); };
    });
  }

  function database() {
    opened = opened || new Promise(function (done, failed) {
      var request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = function () {
        STORES.forEach(function (name) { request.result.createObjectStore(name, { keyPath: "id" }); });
      };
      request.onsuccess = function () {
        request.result.onversionchange = function () { request.result.close(); opened = null; };
        done(request.result);
      };
      request.onerror = function () { opened = null; failed(request.error); };
    });
    return opened;
  }

  async function store(name, mode) {
    return (await database()).transaction(name, mode).objectStore(name);
  }

  // Two keys of the one that the clinic's computer gave: to encrypt, and to name.
  async function keysOf(told) {
    var raw = Uint8Array.from(atob(told.key), function (sign) { return sign.charCodeAt(0); });
    var master = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveKey"]);
    raw.fill(0);
    var derived = function (purpose, kind, uses) {
      var how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: text.encode(purpose) };
      return crypto.subtle.deriveKey(how, master, kind, false, uses);
    };
    return {
      owner: told.owner,
      idleMs: told.idle_seconds * 1000,
      sealing: await derived("seal", { name: "AES-GCM", length: 256 }, ["encrypt", "decrypt"]),
      naming: await derived("name", { name: "HMAC", hash: "SHA-256", length: 256 }, ["sign"]),
    };
  }

  async function idOf(keys, what) {
    var signed = new Uint8Array(await crypto.subtle.sign("HMAC", keys.naming, text.encode(what)));
    return Array.from(signed, function (one) { return ("0" + one.toString(16)).slice(-2); }).join("");
  }

  // What is encrypted begins with the length of its words; bytes (a form's body) follow them. Where it lies is part of what is authenticated.
  async function put(keys, name, id, said, bytes) {
    var head = text.encode(JSON.stringify(said));
    var tail = new Uint8Array(bytes || 0);
    var clear = new Uint8Array(4 + head.length + tail.length);
    new DataView(clear.buffer).setUint32(0, head.length);
    clear.set(head, 4);
    clear.set(tail, 4 + head.length);
    var iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    var how = { name: "AES-GCM", iv: iv, additionalData: text.encode(name + " " + id) };
    var sealed = await crypto.subtle.encrypt(how, keys.sealing, clear);
    var record = { id: id, owner: keys.owner, at: said.at, iv: iv, sealed: sealed };
    return asked((await store(name, "readwrite")).put(record));
  }

  async function unseal(keys, name, record) {
    var how = { name: "AES-GCM", iv: record.iv, additionalData: text.encode(name + " " + record.id) };
    var clear = new Uint8Array(await crypto.subtle.decrypt(how, keys.sealing, record.sealed));
    var length = new DataView(clear.buffer).getUint32(0);
    var said = JSON.parse(words.decode(clear.subarray(4, 4 + length)));
    return { id: record.id, said: said, bytes: clear.slice(4 + length).buffer };
  }

  // null: there is none, or it is somebody else's, or it is damaged.
  async function get(keys, name, id) {
    var record = await asked((await store(name, "readonly")).get(id));
    if (!record || record.owner !== keys.owner) { return null; }
    try {
      return await unseal(keys, name, record);
    } catch (damaged) {
      return null;
    }
  }

  async function remove(name, id) {
    return asked((await store(name, "readwrite")).delete(id));
  }

  // Of all of them without opening any: id, owner, at. A few at a time would do no less, since there are never many.
  async function list(name) {
    var found = await asked((await store(name, "readonly")).getAll());
    return found.map(function (one) { return { id: one.id, owner: one.owner, at: one.at }; })
      .sort(function (one, other) { return one.at - other.at; });
  }

  async function prune(name, countMax, ageMsMax) {
    var all = await list(name);
    var now = Date.now();
    var gone = all.filter(function (one, place) { return place < all.length - countMax || now - one.at > ageMsMax; });
    for (var place = 0; place < gone.length; place += 1) { await remove(name, gone[place].id); }
  }

  // Notes hold nothing of anybody: that the clinic's computer has yet to be told that somebody left.
  async function note(id, value) {
    return asked((await store("notes", "readwrite")).put({ id: id, value: value }));
  }

  async function noted(id) {
    var found = await asked((await store("notes", "readonly")).get(id));
    return found ? found.value : null;
  }

  return {
    keysOf: keysOf, idOf: idOf, put: put, get: get, remove: remove, list: list, prune: prune, note: note, noted: noted,
  };
})();
