// What a page does beyond being read: it keeps itself up to date, and shows a look as it happens.
// Everything here is extra; without scripts each page works and says the same.
"use strict";

const main = document.getElementById("main");
const liveness = document.getElementById("liveness");

function say(text) {
  document.getElementById("said").textContent = text;
}

// ---- Times: "2 min ago" stays true while the page is open.

function duration(seconds) {
  const steps = [[86400, "day", "days"], [3600, "hour", "hours"], [60, "min", "min"], [1, "s", "s"]];
  const parts = [];
  let left = Math.max(0, Math.floor(seconds));
  for (const [size, one, many] of steps) {
    const number = Math.floor(left / size);
    left -= number * size;
    if (number) parts.push(`${number} ${number === 1 ? one : many}`);
    else if (parts.length) break;
    if (parts.length === 2 || (parts.length && size === 60)) break;
  }
  return parts.join(" ") || "0 s";
}

function showTimes() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const passed = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (Number.isNaN(passed)) continue;
    const text = passed < 1 && passed > -1 ? "just now"
      : passed > 0 ? `${duration(passed)} ago` : `in ${duration(-passed)}`;
    if (time.textContent !== text) time.textContent = text;
  }
}

// ---- News: parts marked data-live are taken anew from the server when something has changed.

let refreshing = false; // or done less than a second ago
let again = false;

function withoutTimes(element) {
  const copy = element.cloneNode(true);
  for (const time of copy.querySelectorAll("time[data-ago]")) time.textContent = "";
  return copy.innerHTML;
}

function replacePart(part, fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const key = focused && (focused.id || focused.getAttribute("href"));
  const open = new Set([...part.querySelectorAll("details[open][id]")].map((one) => one.id));
  part.replaceChildren(...fresh.childNodes);
  for (const one of part.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = true;
  if (!key) return;
  const same = document.getElementById(key) || part.querySelector(`[href="${CSS.escape(key)}"]`);
  (same || main).focus({ preventScroll: true });
}

async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) {
      if (answer.redirected) location.reload();
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const before = document.title;
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && withoutTimes(fresh) !== withoutTimes(part)) replacePart(part, fresh);
      else if (fresh) copyTimes(part, fresh);
    }
    document.title = page.title;
    if (page.title !== before) say(page.title);
    showTimes();
    document.dispatchEvent(new CustomEvent("refreshed", { detail: page }));
  } catch {
    // The stream says when the connection is lost, and when it is back.
  } finally {
    // At most one in a second, however much happens.
    setTimeout(() => {
      refreshing = false;
      if (again) refresh();
      again = false;
    }, 1000);
  }
}

function copyTimes(part, fresh) {
  const shown = part.querySelectorAll("time[data-ago]");
  fresh.querySelectorAll("time[data-ago]").forEach((time, place) => {
    if (shown[place]) shown[place].dateTime = time.dateTime;
  });
}

function follow(url) {
  const source = new EventSource(url);
  let number = null;
  source.addEventListener("hello", (event) => {
    liveness.className = "";
    liveness.textContent = "This page keeps itself up to date.";
    if (number !== null && number !== event.data) refresh();
    number = event.data;
  });
  source.addEventListener("news", (event) => {
    number = event.data;
    refresh();
  });
  source.addEventListener("error", () => {
    liveness.className = "lost";
    liveness.textContent = "The connection is lost: what you see may be old.";
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(url), 10000);
  });
}

// ---- A look at a host: the lines arrive as finished pieces of the page, escaped by the server.

function pieceOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function showLook(url) {
  const source = new EventSource(url);
  source.addEventListener("answer", (event) => {
    const row = pieceOf(event.data).querySelector("li");
    const old = document.getElementById(row.id);
    row.classList.add("fresh");
    if (old) old.replaceWith(row);
    else document.getElementById("answers").append(row);
    say(row.dataset.said);
  });
  source.addEventListener("done", (event) => {
    source.close();
    document.getElementById("progress").textContent = "";
    document.getElementById("result").replaceChildren(pieceOf(event.data));
    const title = document.getElementById("result-title");
    say(title ? "The look is done." : document.getElementById("result").textContent.trim());
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) location.reload();
  });
}

for (const form of document.querySelectorAll("[data-look-form]")) {
  form.addEventListener("submit", () => {
    const live = document.createElement("input");
    live.type = "hidden";
    live.name = "live";
    live.value = "1";
    form.append(live);
    const button = form.querySelector("button");
    setTimeout(() => { button.disabled = true; }, 0);
  });
}

window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[data-look-form] button")) button.disabled = false;
});

if (main.dataset.news) {
  follow(main.dataset.news);
  // When nothing changes, "last checked" still does.
  setInterval(() => { if (!document.hidden) refresh(); }, 10000);
}
if (main.dataset.look) showLook(main.dataset.look);
setInterval(showTimes, 5000);
