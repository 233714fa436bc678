// Sends a large file in chunks before its form is sent, and goes on where it stopped. Without it the form sends the file itself.
// Written for browsers from 2017 on (ES2017), which a test reads it as.
"use strict";

(function () {
  const RETRIES = 6;
  const WAIT_MS = 1000;
  const SAMPLE_BYTES = 65536;

  function hex(bytes) {
    return Array.prototype.map.call(new Uint8Array(bytes), function (byte) { return ("0" + byte.toString(16)).slice(-2); }).join("");
  }

  // Four 32-bit sums (cyrb128 by bryc, public domain): no secret, only the same for the same file. Browsers hash by themselves over HTTPS alone.
  function fingerprint(bytes, text) {
    let one = 1779033703, two = 3144134277, three = 1013904242, four = 2773480762;
    function take(byte) {
      one = two ^ Math.imul(one ^ byte, 597399067);
      two = three ^ Math.imul(two ^ byte, 2869860233);
      three = four ^ Math.imul(three ^ byte, 951274213);
      four = one ^ Math.imul(four ^ byte, 2716044179);
    }
    for (let at = 0; at < text.length; at += 1) take(text.charCodeAt(at));
    for (let at = 0; at < bytes.length; at += 1) take(bytes[at]);
    return hex(new Uint32Array([one >>> 0, two >>> 0, three >>> 0, four >>> 0]).buffer);
  }

  function read(blob) {
    return new Promise(function (resolve, reject) {
      const reader = new FileReader();
      reader.onload = function () { resolve(reader.result); };
      reader.onerror = function () { reject(reader.error); };
      reader.readAsArrayBuffer(blob);
    });
  }

  function wait(ms) { return new Promise(function (resolve) { setTimeout(resolve, ms); }); }

  async function token(file) {
    const begin = await read(file.slice(0, SAMPLE_BYTES));
    const end = await read(file.slice(Math.max(0, file.size - SAMPLE_BYTES)));
    const both = new Uint8Array(begin.byteLength + end.byteLength);
    both.set(new Uint8Array(begin), 0);
    both.set(new Uint8Array(end), begin.byteLength);
    return fingerprint(both, file.name + "|" + file.size + "|" + file.lastModified);
  }

  async function digest(bytes) {
    return crypto.subtle ? hex(await crypto.subtle.digest("SHA-256", bytes)) : "";
  }

  async function send(address, bytes) {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await fetch(address, {
          method: "PUT", body: bytes, credentials: "same-origin", headers: { "content-type": "application/octet-stream" }
        });
        if (answer.ok) return;
        if (answer.status < 500) throw new Error("refused");
      } catch (error) {
        if (error.message === "refused" || tries >= RETRIES) throw error;
      }
      await wait(WAIT_MS * Math.pow(2, tries));
    }
  }

  async function upload(file, told) {
    const name = await token(file);
    const answer = await fetch("/uploads/" + name, { credentials: "same-origin" });
    if (!answer.ok) throw new Error("refused");
    const known = await answer.json();
    const count = Math.ceil(file.size / known.chunk_bytes);
    if (count > known.chunks_max) throw new Error("large");
    for (let number = 0; number < count; number += 1) {
      const bytes = await read(file.slice(number * known.chunk_bytes, (number + 1) * known.chunk_bytes));
      const there = known.have[number];
      const hash = there ? await digest(bytes) : "";
      if (!there || (hash && hash !== there)) await send("/uploads/" + name + "/" + number, bytes);
      told(number + 1, count);
    }
    return name + " " + count;
  }

  function attach(input) {
    const form = input.form;
    const place = document.getElementById("p-" + input.name);
    const bar = place.querySelector("progress");
    const words = place.querySelector("[data-said]");
    const hidden = form.elements[input.name + ".upload"];
    const button = form.querySelector("button[type=submit]");
    let turn = 0;
    input.addEventListener("change", function () {
      const file = input.files[0];
      const mine = turn += 1;
      hidden.value = "";
      input.name = input.dataset.name;
      place.hidden = !file;
      if (!file) return;
      button.disabled = true;
      words.textContent = place.dataset.sending;
      upload(file, function (done, count) {
        if (mine === turn) { bar.max = count; bar.value = done; }
      }).then(function (given) {
        if (mine !== turn) return;
        hidden.value = given;
        input.removeAttribute("name"); // It is there already; the form need not carry it once more.
        input.required = false;
        words.textContent = place.dataset.done;
        button.disabled = false;
      }, function (error) {
        if (mine !== turn) return;
        words.textContent = error.message === "large" ? place.dataset.large : place.dataset.failed;
        button.disabled = false;
      });
    });
  }

  Array.prototype.forEach.call(document.querySelectorAll("input[type=file][data-name]"), attach);
})();
