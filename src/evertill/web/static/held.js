// Ticks beside "held until": the page is true without it. Time is the shop's, as the page was told.
(() => {
  const began = performance.now();
  const lines = [...document.querySelectorAll("[data-held-until]")].map((line) => ({
    left: line.querySelector("[data-held-left]"),
    ends: Date.parse(line.dataset.heldUntil) - Date.parse(line.dataset.now),
  }));
  if (!lines.length) return;
  const tick = () => {
    for (const { left, ends } of lines) {
      const seconds = Math.max(0, Math.floor((ends - (performance.now() - began)) / 1000));
      left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    }
    if (lines.some(({ ends }) => ends > performance.now() - began)) setTimeout(tick, 1000);
  };
  tick();
})();
