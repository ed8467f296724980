{% load static %}// Offline mode: pages come from the network, and from the kept copy when there is none.
const CACHE = "namaskah-{{ identity.version|escapejs }}-{{ identity.release|escapejs }}";
const KEPT = [
  "{% url 'offline' %}",
  "{% static 'css/app.css' %}",
  "{% static 'js/error-handler.js' %}",
  "{% static 'js/loading-skeleton.js' %}",
  "{% static 'js/offline.js' %}",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  if (event.request.mode === "navigate") {
    event.respondWith(fetch(event.request).catch(() => caches.match("{% url 'offline' %}")));
  } else if (KEPT.includes(new URL(event.request.url).pathname)) {
    event.respondWith(caches.match(event.request).then((kept) => kept || fetch(event.request)));
  }
});
