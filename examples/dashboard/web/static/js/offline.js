// Says when the network is gone, and keeps what is needed to say it.
function tell() {
  namaskah.show(navigator.onLine ? "" : "You are offline. What you see may be old.");
}
window.addEventListener("online", tell);
window.addEventListener("offline", tell);
if (!navigator.onLine) tell();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js");
