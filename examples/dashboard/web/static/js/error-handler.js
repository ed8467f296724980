// One place for every error: calls of the API that fail, and scripts that break.
window.namaskah = window.namaskah || {};

namaskah.show = function (text) {
  const banner = document.getElementById("banner");
  banner.textContent = text;
  banner.hidden = !text;
};

namaskah.api = async function (path, values) {
  const options = { headers: { Accept: "application/json" } };
  if (values) {
    const token = document.querySelector("[name=csrfmiddlewaretoken]");
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.headers["X-CSRFToken"] = token ? token.value : "";
    options.body = JSON.stringify(values);
  }
  const response = await fetch(path, options);
  const answer = await response.json().catch(() => ({ error: "the answer is not JSON" }));
  if (!response.ok) throw new Error(answer.error || "status " + response.status);
  return answer;
};

window.addEventListener("error", (event) => namaskah.show("Something broke: " + event.message));
window.addEventListener("unhandledrejection", (event) => namaskah.show("It did not work: " + event.reason.message));
