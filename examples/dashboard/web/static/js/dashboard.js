// Fills the dashboard: the latest payments, one more payment, and what the socket tells.
const list = document.getElementById("payments");

function row(payment) {
  const item = document.createElement("li");
  item.textContent = payment.amount + " · " + payment.executed_at;
  return item;
}

namaskah.api("/api/payments").then((answer) => namaskah.fill(list, answer.payments.map(row)));

// Not crypto.randomUUID: browsers have that on https only.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
}

let key = newKey();
document.getElementById("pay").addEventListener("submit", async (event) => {
  event.preventDefault();
  // The key changes only after an answer: pressing twice, or again after an error, pays once.
  const payment = { amount: Number(event.target.amount.value), idempotency_key: key };
  list.prepend(row(await namaskah.api("/api/payments", payment)));
  key = newKey();
});

const state = document.getElementById("notifications");
namaskah.connect(
  "/ws/notifications",
  (message) => { if (message.type === "status") state.dataset.release = message.release; },
  (text) => { state.textContent = text; },
);
