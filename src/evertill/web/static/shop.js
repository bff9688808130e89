// Comforts only: every page works the same without this file.

const busy = (form, is) => {
  form.toggleAttribute("data-sent", is);
  if (is) form.setAttribute("aria-busy", "true");
  else form.removeAttribute("aria-busy");
};

// A second press while the first is under way is not sent. The button stays enabled, so that its own name and
// value travel with the form and screen readers do not lose their place.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once], [data-auto]")) return;
  if (form.hasAttribute("data-sent")) event.preventDefault();
  else busy(form, true);
});

// Coming back with the back button finds the form as fresh as it looks.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) busy(form, false);
});

// A changed quantity is sent at once; what cannot be is left for the browser to point out.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form && event.target.matches("[data-auto-send]") && form.checkValidity()) form.requestSubmit();
});

// An order whose payment is still open looks again by itself.
const open = document.querySelector("[data-look-again]");
if (open) setTimeout(() => location.reload(), Number(open.dataset.lookAgain) * 1000);

// What was not let in asks again by itself, with all that was typed.
const again = document.querySelector("form[data-again]");
if (again) setTimeout(() => again.requestSubmit(), Number(document.querySelector("[data-again-in]").dataset.againIn) * 1000);
