// Grey bars where content will be, until it is there: <ol data-skeleton="5"> gets five.
window.namaskah = window.namaskah || {};

namaskah.fill = function (element, children) {
  element.replaceChildren(...children);
  element.removeAttribute("aria-busy");
};

for (const element of document.querySelectorAll("[data-skeleton]")) {
  const bars = Array.from({ length: Number(element.dataset.skeleton) }, () => document.createElement("div"));
  bars.forEach((bar) => (bar.className = "skeleton"));
  element.setAttribute("aria-busy", "true");
  element.replaceChildren(...bars);
}
