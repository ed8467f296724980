// Fills the analytics page.
function pair(term, text) {
  const dt = document.createElement("dt");
  const dd = document.createElement("dd");
  dt.textContent = term;
  dd.textContent = text;
  return [dt, dd];
}

namaskah.api("/api/analytics").then((found) => {
  namaskah.fill(document.getElementById("analytics"), [
    ...pair("Payments", found.payments.count),
    ...pair("Sum", found.payments.amount),
    ...found.days.flatMap((day) => pair(day.day, day.count + " payments, " + day.amount)),
    ...pair("Verified numbers", found.verifications.verified + " of " + found.verifications.sent),
  ]);
});
