// The panel's pages without this file: plain pages and forms. With it they follow what happens: the server tells when
// something has changed, the page fetches itself, and the parts that differ are swapped, never under the reader's hands.
"use strict";

const body = document.body;
const news = document.getElementById("news");
const lost = document.getElementById("lost");
const REST_MS = 250; // at least so long between two looks
const AGAIN_MS = 1000; // while the sandbox is not running
const TELL_MS = 4000; // how often screen readers hear about it

let since = body.dataset.since;
let own = body.dataset.own;
let asking = null;
const waiting = new Map(); // parts that changed while the reader had their hands on them
const untold = new Set();

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- what must survive when a part is swapped

const nameOf = (it) => it.id || it.getAttribute("aria-label") || it.getAttribute("href") || it.textContent.trim();
const find = (part, kept) => [...part.querySelectorAll(kept.tag)].find((it) => nameOf(it) === kept.name);

const remember = (part) => {
  const focused = document.activeElement;
  return {
    focus: part !== focused && part.contains(focused) ? { tag: focused.localName, name: nameOf(focused) } : null,
    open: new Map([...part.querySelectorAll("details[data-keep]")].map((it) => [it.dataset.keep, it.open])),
    left: [...part.querySelectorAll(".scroll, .letters, pre")].map((it) => [it.scrollLeft, it.scrollTop]),
    rows: new Set([...part.querySelectorAll("tr[id]")].map((it) => it.id)),
  };
};

const restore = (part, kept) => {
  part.querySelectorAll("details[data-keep]").forEach((it) => { it.open = kept.open.get(it.dataset.keep) ?? it.open; });
  part.querySelectorAll(".scroll, .letters, pre").forEach((it, place) => {
    [it.scrollLeft, it.scrollTop] = kept.left[place] ?? [0, 0];
  });
  if (kept.rows.size) part.querySelectorAll("tr[id]").forEach((it) => { it.classList.toggle("new", !kept.rows.has(it.id)); });
  // A button that is gone leaves the focus where it stood: on its section.
  if (kept.focus) (find(part, kept.focus) ?? part).focus({ preventScroll: true });
};

const points = matchMedia("(hover: hover)"); // a finger leaves its hover behind
const held = (part) => {
  if (part.querySelector(":active") || (points.matches && part.querySelector("a:hover, button:hover, summary:hover"))) return true;
  const focused = document.activeElement;
  if (part.contains(focused) && focused.matches("input:not([type=hidden]), select, textarea")) return true;
  const chosen = getSelection();
  return !chosen.isCollapsed && chosen.rangeCount > 0 && chosen.getRangeAt(0).intersectsNode(part);
};

const swap = (part, fresh) => {
  const kept = remember(part);
  part.replaceChildren(...document.importNode(fresh, true).childNodes);
  restore(part, kept);
  ready(part);
  if (part.dataset.name) untold.add(part.dataset.name);
};

const offer = (part, fresh, asked) => {
  waiting.delete(part.id);
  if (fresh.innerHTML === part.dataset.was) return;
  if (!asked && held(part)) {
    waiting.set(part.id, fresh);
    return;
  }
  part.dataset.was = fresh.innerHTML;
  swap(part, fresh);
};

const settle = () => { [...waiting].forEach(([id, fresh]) => offer(document.getElementById(id), fresh)); };
for (const kind of ["pointerout", "pointerup", "focusout", "selectionchange"]) {
  document.addEventListener(kind, () => setTimeout(settle));
}

const look = async (asked) => {
  const answer = await fetch(own);
  if (!answer.ok) return tell(MISSING);
  tell("");
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  since = fresh.body.dataset.since;
  document.querySelectorAll("[data-live]").forEach((part) => {
    const now = fresh.getElementById(part.id);
    if (now) offer(part, now, asked);
  });
};

// ---- following

const MISSING = "What this page shows is no longer there.";
const STOPPED = "The sandbox is not running. This page goes on by itself when it is back.";

const tell = (words) => {
  lost.hidden = !words;
  lost.textContent = words;
};

const follow = async () => {
  while (!document.hidden) {
    try {
      asking = new AbortController();
      const answer = await fetch(`/panel/changes?since=${since}`, { signal: asking.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      const { number } = await answer.json();
      const changed = String(number) !== since;
      since = String(number);
      if (changed) await look();
      await pause(REST_MS);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      since = ""; // whatever has happened, look again
      tell(STOPPED);
      await pause(AGAIN_MS);
    }
  }
};

let following = null;
const wake = () => {
  if (document.hidden) asking?.abort(); // hidden pages rest
  else following = (following ?? Promise.resolve()).then(follow);
};
document.addEventListener("visibilitychange", wake);
addEventListener("pagehide", () => asking?.abort());

setInterval(() => {
  if (!untold.size) return;
  news.textContent = `Changed: ${[...untold].join(", ")}.`;
  untold.clear();
}, TELL_MS);

// ---- small conveniences

const said = document.getElementById("said");
if (said) setTimeout(() => { news.textContent = said.querySelector("span").textContent; }, 200);

const ready = (part) => {
  part.querySelectorAll("[data-copy]").forEach((it) => { it.hidden = !navigator.clipboard; });
};

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent);
    news.textContent = copy.textContent = "Copied";
  }
  if (event.target.closest("[data-dismiss]")) {
    event.preventDefault();
    said.remove();
  }
  const more = event.target.closest("[data-more]");
  if (more && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    own = more.getAttribute("href");
    history.replaceState(null, "", own);
    more.blur();
    more.textContent = "Loading…";
    await look(true).catch(() => location.reload());
  }
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.method !== "post" || !button) return;
  if (event.target.dataset.sent) return event.preventDefault();
  event.target.dataset.sent = "1";
  button.setAttribute("aria-busy", "true");
  const words = button.querySelector(".quiet");
  if (words && button.dataset.busy) words.textContent = button.dataset.busy;
});

document.querySelectorAll("[data-dial]").forEach((slider) => {
  const field = document.getElementById(slider.dataset.dial);
  const follows = () => { slider.value = field.value.replace(",", ".") || 0; };
  slider.hidden = false;
  follows();
  field.addEventListener("input", follows);
  slider.addEventListener("input", () => { field.value = slider.value; });
});

// What was said once is not said again when the page is loaded again, nor when it is come back to.
const here = new URL(location);
if (here.searchParams.has("said")) {
  here.searchParams.delete("said");
  history.replaceState(null, "", here);
}
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

document.querySelectorAll("[data-live]").forEach((part) => { part.dataset.was = part.innerHTML; });
ready(body);
wake();
