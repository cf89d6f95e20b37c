"use strict";
// Sends the chosen file in pieces, each from where the shop says it has come to. Which upload a file belongs to is remembered
// in this browser, so that the same file goes on after a reload.
const form = document.getElementById("form"), asked = form.dataset;
const [file, go, pause, bar, said] = ["file", "go", "pause", "bar", "said"].map((id) => document.getElementById(id));
const PIECE = 4 * 1024 * 1024, PATIENCE = [1, 2, 5, 10, 20, 30];
let paused = false, running = false;

const WORDS = {
  FileUnfit: {
    name: "This name can't be that of a file. Rename it and choose it again.",
    empty: "This file is empty.",
    too_big: "This file is too big: at most " + size(Number(asked.most)) + ".",
    type: asked.purpose === "cover" ? "This is no picture that can be a cover: take a PNG, JPEG or WebP." : "This type of file can't be told.",
  },
  ProductUnfit: "Files are there for downloads and licences only.",
  NotPermitted: "Your sign-in has ended, or your role doesn't allow this. Sign in again and choose the same file: it goes on.",
  DoneAlready: "This page has done its upload. Reload it for another one.",
  LinkExpired: "This page is more than an hour old. Reload it and choose the file again.",
  LinkInvalid: "You have signed in anew since this page was opened. Reload it and choose the file again.",
  UploadNotFound: "This upload has rested for too long. Choose the file again to begin anew.",
};

class Refused extends Error {}

function size(bytes) {
  const [unit, name] = bytes >= 1024 ** 3 ? [1024 ** 3, "GB"] : bytes >= 1024 ** 2 ? [1024 ** 2, "MB"] : [1024, "KB"];
  return (bytes / unit).toFixed(bytes / unit < 10 && bytes ? 1 : 0) + " " + name;
}

function say(text, bad) {
  said.textContent = text;
  said.className = bad ? "bad" : "";
}

async function ask(method, path, options) {
  let answer;
  try {
    answer = await fetch(path, { method, cache: "no-store", credentials: "same-origin", ...options });
  } catch (lost) {
    throw new Error("The connection is gone");
  }
  if (answer.ok || answer.status === 409 && method === "PATCH") return answer;
  if (answer.status >= 500 || answer.status === 429) throw new Error("The shop doesn't answer");
  // A HEAD says nothing but its status.
  const told = method === "HEAD" ? { error: answer.status === 404 ? "UploadNotFound" : "NotPermitted" } : await answer.json();
  const words = told.error === "FileUnfit" ? WORDS.FileUnfit[told.why] : WORDS[told.error];
  const refused = new Refused(words || "The shop refused it: " + told.error);
  refused.error = told.error;
  throw refused;
}

function remembered(chosen) {
  return ["upload", asked.product, asked.purpose, chosen.name, chosen.size, chosen.lastModified].join(":");
}

async function offsetOf(id) {
  return Number((await ask("HEAD", "uploads/" + id)).headers.get("Upload-Offset"));
}

async function opened(chosen) {
  const known = localStorage.getItem(remembered(chosen));
  if (known) {
    try {
      return [known, await offsetOf(known)];
    } catch (refused) {
      if (refused.error !== "UploadNotFound") throw refused;
    }
  }
  const announced = { ticket: asked.ticket, name: chosen.name, size: chosen.size, type: chosen.type };
  for (const field of form.querySelectorAll("#label, #version, #notes")) announced[field.id] = field.value.trim();
  const answer = await ask("POST", "uploads", { headers: { "Content-Type": "application/json" }, body: JSON.stringify(announced) });
  const { id } = await answer.json();
  localStorage.setItem(remembered(chosen), id);
  return [id, 0];
}

function show(offset, chosen) {
  bar.hidden = false;
  bar.value = offset / chosen.size;
  say(offset < chosen.size ? size(offset) + " of " + size(chosen.size) : "All of it is here. Putting it in its place…");
}

async function patiently(act) {
  for (let tried = 0; ; tried++) {
    try {
      return await act();
    } catch (trouble) {
      if (trouble instanceof Refused) throw trouble;
      const wait = PATIENCE[Math.min(tried, PATIENCE.length - 1)];
      say(trouble.message + ". Trying again in " + wait + " s; nothing is lost.", true);
      await new Promise((go) => setTimeout(go, wait * 1000));
    }
  }
}

async function upload(chosen) {
  let [id, offset] = await patiently(() => opened(chosen));
  show(offset, chosen);
  while (offset < chosen.size && !paused) {
    offset = await patiently(async () => {
      const from = await offsetOf(id);
      if (from >= chosen.size) return from;
      const headers = { "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" };
      const answer = await ask("PATCH", "uploads/" + id, { headers, body: chosen.slice(from, from + PIECE) });
      return answer.status === 409 ? offsetOf(id) : Number(answer.headers.get("Upload-Offset"));
    });
    show(offset, chosen);
  }
  if (paused) return say("Paused at " + size(offset) + " of " + size(chosen.size) + ". It goes on for a day.");
  await patiently(() => ask("POST", "uploads/" + id + "/finish"));
  localStorage.removeItem(remembered(chosen));
  say(asked.purpose === "cover" ? "It is the cover now." : "It is with the product now.");
}

async function run() {
  const chosen = file.files[0];
  if (!chosen || running) return;
  running = true;
  paused = false;
  go.disabled = file.disabled = true;
  pause.hidden = false;
  try {
    await upload(chosen);
  } catch (refused) {
    if (refused instanceof Refused && refused.error === "UploadNotFound") localStorage.removeItem(remembered(chosen));
    say(refused.message, true);
  }
  running = false;
  go.disabled = file.disabled = false;
  go.textContent = paused ? "Go on" : "Upload";
  pause.hidden = true;
}

form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
pause.addEventListener("click", () => { paused = true; });
window.addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
