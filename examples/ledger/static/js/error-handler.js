// What breaks is shown, not swallowed.
window.ledger = window.ledger || {};

ledger.show = function (text) {
  const banner = document.getElementById("banner");
  banner.textContent = text;
  banner.hidden = !text;
};

window.addEventListener("error", (event) => ledger.show("Something broke: " + event.message));
