// The line moves on the page. One small answer, the same for all, is asked every few seconds; the place is this page's own.

const page = document.querySelector("[data-line]");
const place = Number(page?.dataset.place || 0);
const shown = new Intl.NumberFormat(document.documentElement.lang);

const tell = (name, text) => {
  const element = page.querySelector(`[data-${name}]`);
  if (element && element.textContent !== text) element.textContent = text;
};

const reloadSoon = () => setTimeout(() => location.reload(), Math.random() * 4000);

const minutes = (ahead, perMinute) => {
  if (!perMinute) return "not known yet";
  const about = (ahead + 1) / perMinute;
  if (about < 1) return "about a minute";
  return `between ${Math.max(1, Math.floor(about * 0.7))} and ${Math.ceil(about * 1.5)} minutes`;
};

async function look() {
  try {
    const answer = await fetch("/line/now");
    const board = await answer.json();
    const room = board.rooms.find((each) => each.id === page.dataset.line);
    if (!room || room.state !== page.dataset.state || (room.left !== null && room.left <= 0)) return reloadSoon();
    tell("issued", shown.format(room.issued));
    if (place) {
      if (place <= room.now_serving) return location.reload();
      const ahead = place - room.now_serving - 1;
      tell("ahead", shown.format(ahead));
      tell("wait", minutes(ahead, room.per_minute));
      if (room.left !== null) tell("units", shown.format(room.left));
      const progress = page.querySelector("[data-progress]");
      if (progress) progress.value = room.now_serving;
    }
  } catch {
    // Nothing was heard: the page stays as it is and asks again.
  }
  setTimeout(look, 3000 + Math.random() * 2000);
}

if (page && !page.querySelector(".line-turn, .line-over")) setTimeout(look, 1500 + Math.random() * 2000);
