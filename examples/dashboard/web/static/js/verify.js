// Sends a code to a number, then checks it.
const result = document.getElementById("result");
const check = document.getElementById("check");
let number;

document.getElementById("send").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await namaskah.api("/api/verifications", { phone: event.target.phone.value });
  number = answer.id;
  result.textContent = answer.status;
  check.hidden = false;
});

check.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await namaskah.api("/api/verifications/" + number + "/check", { code: event.target.code.value });
  result.textContent = answer.status;
});
