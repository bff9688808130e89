// Deals as they stand. Without this file the page is right as it was loaded, and loads itself again now and then.

const root = document.querySelector("[data-deals]");
const OLD_MS = 15_000;

// The shop's clock, not this machine's: what is counted down is when the shop opens it.
let ahead = Date.parse(root.dataset.now) - Date.now();
let newest = Date.parse(root.dataset.now);
let stream = null;
let heard = Date.now();

// As deals/showing.py says it: how_long.
const howLong = (ms) => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  if (seconds >= 48 * 3600) return `${Math.floor(seconds / 86400)} days`;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
};

const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

const tick = () => {
  const now = Date.now() + ahead;
  for (const time of root.querySelectorAll("[data-until]")) write(time, howLong(Date.parse(time.dateTime) - now));
};

const move = (state, figures) => {
  if (figures.html && figures.phase !== state.dataset.phase) {
    state.innerHTML = figures.html;
    state.dataset.phase = figures.phase;
    const form = state.closest("[data-deal-box]");
    if (form) form.querySelector("[data-deal-changed]").hidden = false;
    return;
  }
  const bar = state.querySelector("[data-deal-bar]");
  if (!bar || figures.share === null) return;
  bar.value = figures.share;
  write(state.querySelector("[data-deal-share]"), String(figures.share));
  write(state.querySelector("[data-deal-left]"), figures.left);
};

const hear = (event) => {
  const said = JSON.parse(event.data);
  const at = Date.parse(said.now);
  heard = Date.now();
  if (at < newest) return; // older than the page
  newest = at;
  ahead = at - Date.now();
  for (const state of root.querySelectorAll("[data-deal]")) {
    const figures = said.deals[state.dataset.deal];
    if (figures) move(state, figures);
  }
};

const listen = () => {
  heard = Date.now();
  stream = new EventSource("/deals.stream");
  stream.onmessage = hear;
  // The browser comes again by itself unless it was refused: then this page tries later, each at another time.
  stream.onerror = () => {
    if (stream && stream.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(settle, 30_000 + Math.random() * 30_000);
    }
  };
};

const settle = () => {
  if (!document.hidden && !stream) listen();
  if (document.hidden && stream) {
    stream.close();
    stream = null;
  }
};

const old = root.querySelector("[data-deals-old]");
document.addEventListener("visibilitychange", settle);
addEventListener("pagehide", () => stream?.close());
setInterval(() => {
  tick();
  if (old) old.hidden = document.hidden || Date.now() - heard < OLD_MS;
}, 1000);
tick();
settle();
