// Shows the state of the socket, and who serves.
ledger.connect(
  "/ws/notifications",
  (message) => {
    if (message.type !== "status") return;
    document.getElementById("release").textContent = "Version " + message.version + " " + message.release;
  },
  (text) => { document.getElementById("notifications").textContent = text; },
);
