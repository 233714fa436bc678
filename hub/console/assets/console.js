/* Live counters, where a page asks for them. Without this script the pages are complete: the numbers are those of their making. */
(function () {
  "use strict";
  var address = document.body.dataset.live;
  if (!address || !window.EventSource) { return; }
  var places = {};
  document.querySelectorAll("[data-live-value]").forEach(function (one) { places[one.dataset.liveValue] = one; });
  var source = new EventSource(address);
  source.onmessage = function (event) {
    var told = JSON.parse(event.data);
    Object.keys(places).forEach(function (name) {
      if (told[name] !== null && told[name] !== undefined) { places[name].textContent = told[name].toLocaleString("en"); }
    });
  };
  window.addEventListener("pagehide", function () { source.close(); });
}());
