// The live page's figures as they come. Without this file the page asks again by itself every few seconds.

const stale = document.querySelector("[data-live-stale]");
const pause = document.querySelector("[data-live-pause]");
const STALE_MS = 6000;

let stream = null;
let paused = false;
let heard = Date.now();

// Where somebody has the focus nothing is taken away from under it.
const show = (name, html) => {
  const part = document.querySelector(`[data-live="${name}"]`);
  if (part && !part.contains(document.activeElement)) part.innerHTML = html;
};

const listen = () => {
  heard = Date.now();
  stream = new EventSource("/ops/live/stream");
  stream.onmessage = (event) => {
    heard = Date.now();
    for (const [name, html] of Object.entries(JSON.parse(event.data))) show(name, html);
  };
  // The browser comes again by itself unless it was refused: then the page says why, or who may see it.
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  };
};

const settle = () => {
  const wanted = !paused && !document.hidden;
  if (wanted && !stream) listen();
  if (!wanted && stream) {
    stream.close();
    stream = null;
  }
  pause.textContent = paused ? "Go on" : "Pause";
};

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  settle();
});
document.addEventListener("visibilitychange", settle);
setInterval(() => {
  stale.hidden = !stream || Date.now() - heard < STALE_MS;
}, 1000);
settle();
