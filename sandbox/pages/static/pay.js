// The payment page works without this file; with it a payment cannot be sent twice, a test card that is chosen replaces
// a number that was typed, and the total follows a quantity or the country at once.
"use strict";

const form = document.querySelector("form");

form.querySelectorAll("[name=preset]").forEach((choice) => choice.addEventListener("change", () => {
  for (const field of ["cardNumber", "cardExpiry", "cardCvc"]) form.elements[field].value = "";
}));

document.querySelectorAll(".quantity input, [data-counts]").forEach((input) => input.addEventListener("change", () => {
  form.requestSubmit(form.elements.quantities);
}));

form.addEventListener("submit", (event) => {
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  // After this turn of the loop, so that the pressed button's own value is still sent.
  setTimeout(() => {
    if (event.submitter?.name !== "quantities") document.getElementById("pay-words").textContent = "Paying…";
    form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  });
});

// A refusal answers the form itself: coming back to it, or loading it again, must not send the form again.
history.replaceState(history.state, "", location.href);

addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
