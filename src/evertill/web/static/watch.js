// The figures of a sale event or deal, asked for again every few seconds. Without this file the page is as of when it was
// opened. What is asked is the page itself: there is one way its figures are worked out and drawn.

const EVERY_MS = 5000;
const pause = document.querySelector("[data-watch-from]");

let paused = false;
let asking = false;

// Where somebody has the focus nothing is taken away from under it.
const show = (name, html) => {
  const part = document.querySelector(`[data-watch="${name}"]`);
  if (part && part.innerHTML !== html && !part.contains(document.activeElement)) part.innerHTML = html;
};

const ask = async () => {
  if (paused || asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(pause.dataset.watchFrom, { headers: { Accept: "text/html" } });
    if (answer.redirected) location.reload(); // signed out meanwhile: the page says so
    if (!answer.ok) return; // the shop is busy: the next time
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of page.querySelectorAll("[data-watch]")) show(part.dataset.watch, part.innerHTML);
  } catch {
    // No answer: what is shown says as of when it is.
  } finally {
    asking = false;
  }
};

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Let the figures go on" : "Hold the figures";
  ask();
});
document.addEventListener("visibilitychange", ask);
setInterval(ask, EVERY_MS);
