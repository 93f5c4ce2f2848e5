"use strict";

// Text from the manifest is untrusted: it is only ever set as text. Control and format characters
// are shown as escapes, as in client/plain_text.py.
const CONTROLS =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]/gu;
const visible = (text) =>
  text.replace(CONTROLS, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
const page = JSON.parse(document.getElementById("batch").textContent, (_, value) =>
  typeof value === "string" ? visible(value) : value,
);
const PICKS = { storedAs: `prefect-toapis picks ${page.uri}`, changed: new Map(), kept: true };
const form = document.getElementById("filters");
const main = document.getElementById("cards");
const STATUS = { stored: "stored", failed: "failed", open: "open", planned: "not bought" };
const ABSENT = { planned: "It was not bought.", open: "There is no video yet." };
const EARLIER = "not in the plan";
const REMARKED = "with remarks";
const VALUES = {
  scene: (row) => [row.scene],
  variant: (row) => [row.variant],
  cast: (row) => [row.cast],
  who: (row) => row.who,
  status: (row) => [STATUS[row.status], ...(row.inPlan ? [] : [EARLIER]),
    ...(row.remarks.length ? [REMARKED] : [])],
};

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function distinct(values) {
  return [...new Set(values)].filter((value) => value !== "");
}

// Cards

const posterObserver = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    posterObserver.unobserve(target);
    const poster = page.rows[target.closest(".card").dataset.row].poster;
    target.firstElementChild.poster = poster;
    target.style.backgroundImage = `url("${new URL(poster, location.href).href}")`; // fills the area around the video
  }
}, { rootMargin: "500px" });

function screen(row) {
  if (row.video === null) {
    const why = row.error ?? ABSENT[row.status] ?? "There is no video.";
    return make("div", { className: "screen empty" }, make("p", {}, why));
  }
  const video = make("video", { preload: "none", playsInline: true, src: row.video });
  const button = make("button", { type: "button", className: "play" });
  const element = make("div", { className: "screen" }, video, button);
  video.setAttribute("aria-label", row.label);
  button.setAttribute("aria-label", `Play ${row.label}`);
  button.addEventListener("click", () => {
    toggle(video);
    video.focus();
  });
  video.addEventListener("play", () => {
    video.controls = true;
    button.hidden = true;
    pauseOthers(video);
  });
  video.addEventListener("error", () => {
    const why = page.ends === null ? " from where this page is." : ": its link may have ended.";
    element.after(make("p", { className: "note" }, `It can't be played${why}`));
  }, { once: true });
  if (row.poster !== null) posterObserver.observe(element);
  return element;
}

function card(row, index) {
  const take = row.take > 1 ? `take ${row.take}` : "";
  const output = row.output ? `output ${row.output}` : "";
  const parts = [row.variant, row.cast, take, output];
  const badges = [
    row.status === "stored" ? null : make("span", { className: `badge ${row.status}` }, STATUS[row.status]),
    row.inPlan ? null : make("span", { className: "badge earlier" }, EARLIER),
    row.remarks.length ? make("span", { className: "badge remarked" }, REMARKED) : null,
  ];
  const facts = make("dl");
  for (const [name, value] of row.facts) facts.append(make("dt", {}, name), make("dd", {}, value));
  const file = row.video === null ? null
    : make("a", { href: row.video, target: "_blank", rel: "noopener noreferrer" }, "Open the file");
  const element = make("li", { className: `card ${row.status}`, tabIndex: -1 },
    screen(row),
    make("div", { className: "words" },
      make("h3", {}, make("span", { className: "scene-name" }, row.scene), " ",
        make("span", { className: "parts" }, parts.filter(Boolean).join(" · ")), ...badges),
      make("p", { className: "short" }, row.short),
      row.note ? make("p", { className: "note" }, row.note) : null,
      ...row.remarks.map((remark) => make("p", { className: "note" }, remark)),
      make("p", { className: "prompt" }, row.prompt),
      row.video === null ? null : pickControls(row),
      make("details", {}, make("summary", {}, "Details"), facts, file)));
  element.dataset.row = index;
  const remarked = row.remarks.length ? `, ${REMARKED}` : "";
  element.setAttribute("aria-label", `${row.label}, ${STATUS[row.status]}${remarked}`);
  return element;
}

const cards = page.rows.map(card);
const prompts = page.rows.map((row) => row.prompt.toLowerCase());

// Playing

let playingTogether = false;

function pauseOthers(playing) {
  if (playingTogether) return;
  for (const video of document.querySelectorAll("video")) if (video !== playing) video.pause();
}

function toggle(video) {
  if (!video) return;
  video.controls = true; // not earlier, as controls cover half of the poster
  if (video.paused) video.play().catch(() => {}); // failures are shown by the "error" listener
  else video.pause();
}

async function playTogether(section) {
  const videos = [...section.querySelectorAll(".card:not([hidden]) video")];
  pauseOthers(null);
  playingTogether = true;
  for (const video of videos) {
    video.muted = true;
    video.currentTime = 0;
  }
  await Promise.allSettled(videos.map((video) => video.play()));
  playingTogether = false;
}

// Views

// Side by side: a column for each variant, and for each of its takes and outputs.
const columnOf = (element) => {
  const row = page.rows[element.dataset.row];
  return [row.variant, row.take, row.output ?? 1].join("\n");
};
const VARIANTS = distinct(page.rows.map((row) => row.variant));
const COLUMNS = VARIANTS.flatMap((variant) => distinct(cards
  .filter((element) => page.rows[element.dataset.row].variant === variant).map(columnOf)).sort(new Intl.Collator("en", { numeric: true }).compare));
const LAYOUTS = {
  "": () => [make("h2", { className: "unseen" }, "Videos"), make("ol", { className: "cards" }, ...cards)],
  scenes: () => distinct(page.rows.map((row) => row.scene)).map(sceneSection),
};
let layout = null;

function sceneSection(scene) {
  const own = cards.filter((_, index) => page.rows[index].scene === scene);
  const castOf = (element) => page.rows[element.dataset.row].cast;
  const strips = [...new Set(own.map(castOf))].map((cast) => make("div", { className: "strip" },
    cast ? make("h3", {}, cast) : null,
    make("ol", { className: "cards", tabIndex: 0, ariaLabel: [scene, cast].filter(Boolean).join(", ") }, // it scrolls
      ...own.filter((element) => castOf(element) === cast))));
  const play = make("button", { type: "button" }, "Play together");
  const section = make("section", { className: "scene" }, make("h2", {}, scene, " ", play), ...strips);
  section.setAttribute("aria-label", scene);
  play.addEventListener("click", () => playTogether(section));
  return section;
}

function applyLayout(view) {
  if (layout === view) return;
  layout = view;
  main.className = view;
  main.replaceChildren(...LAYOUTS[view]());
}

function align(shown) {
  const used = new Set(shown.map(columnOf));
  const columns = COLUMNS.filter((column) => used.has(column));
  main.style.setProperty("--columns", columns.length || 1);
  for (const element of shown) {
    element.style.gridColumn = layout ? columns.indexOf(columnOf(element)) + 1 : "";
  }
  for (const group of main.querySelectorAll(".strip, .scene")) {
    group.hidden = !group.querySelector(".card:not([hidden])");
    const videos = group.querySelectorAll(".card:not([hidden]) video").length;
    for (const button of group.querySelectorAll(":scope > h2 button")) button.hidden = videos < 2;
  }
}

// Filters: their state is in the URL, so that a view can be shared.

function selectedFilters() {
  return new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
}

function matches(row, index, wanted) {
  const words = (wanted.get("q") ?? "").toLowerCase().split(/\s+/);
  return words.every((word) => prompts[index].includes(word))
    && (!wanted.has("picked") || isPicked(row))
    && Object.entries(VALUES).every(([name, of]) => !wanted.has(name) || of(row).includes(wanted.get(name)));
}

function show() {
  const wanted = selectedFilters();
  const view = wanted.get("view") ?? "";
  applyLayout(view);
  const shown = cards.filter((element, index) => {
    element.hidden = !matches(page.rows[index], index, wanted);
    if (element.hidden) element.querySelector("video")?.pause();
    return !element.hidden;
  });
  align(shown);
  const current = cards.find((element) => element.tabIndex === 0);
  if ((!current || current.hidden) && shown.length) makeCurrent(shown[0]);
  document.getElementById("count").textContent = `${shown.length} of ${cards.length} shown`;
  wanted.delete("view");
  document.getElementById("clear").hidden = wanted.size === 0;
}

function saveFilters() {
  const hash = selectedFilters().toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.href.split("#")[0]);
}

function restoreFilters() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const name of ["q", ...Object.keys(VALUES), "view"]) {
    form.elements[name].value = wanted.get(name) ?? "";
    form.elements.picked.checked = wanted.has("picked");
    if (name === "view" && !(form.elements.view.value in LAYOUTS)) form.elements.view.value = "";
    else if (form.elements[name].selectedIndex === -1) form.elements[name].value = "";
  }
  show();
}

function fillFilters() {
  const valuesOf = (name) => distinct(page.rows.flatMap(VALUES[name]));
  // With a single character in each cast, this filter would repeat that of the casts.
  const alone = page.rows.every((row) => row.who.length <= 1)
    && distinct(page.rows.map((row) => [row.cast, ...row.who].join("\n"))).length <= valuesOf("cast").length;
  for (const name of Object.keys(VALUES)) {
    const values = name === "who" && alone ? [] : valuesOf(name);
    const label = (value) => (name === "who" ? `@${value}` : value);
    form.elements[name].append(new Option("all", ""), ...values.map((value) => new Option(label(value), value)));
    form.elements[name].parentElement.hidden = values.length < 2;
  }
}

// Keys

const FOCUSABLE = ".play, .pick, .pick-note, summary, a";

// The tab key only reaches the current card and its controls; arrow keys change the current card.
function makeCurrent(element) {
  for (const other of cards) {
    for (const target of [other, ...other.querySelectorAll(FOCUSABLE)]) target.tabIndex = other === element ? 0 : -1;
  }
}

function neighbour(element, key) {
  const shown = [...main.querySelectorAll(".card:not([hidden])")];
  const position = shown.indexOf(element);
  if (key === "ArrowLeft") return shown[position - 1];
  if (key === "ArrowRight") return shown[position + 1];
  if (key === "Home") return shown[0];
  if (key === "End") return shown[shown.length - 1];
  const from = element.getBoundingClientRect();
  const direction = key === "ArrowDown" ? 1 : -1;
  const boxes = shown.map((other) => [other, other.getBoundingClientRect()])
    .filter(([, box]) => (box.top - from.top) * direction > 1);
  const row = Math.min(...boxes.map(([, box]) => box.top * direction)) * direction;
  const inRow = boxes.filter(([, box]) => Math.abs(box.top - row) <= 1);
  inRow.sort(([, first], [, second]) => Math.abs(first.left - from.left) - Math.abs(second.left - from.left));
  return inRow[0]?.[0];
}

const ARROW_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

main.addEventListener("keydown", (event) => {
  const element = event.target.closest(".card");
  if (!element || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target !== element) {
    if (event.key === "Escape") element.focus();
    return;
  }
  if (event.key === " ") toggle(element.querySelector("video"));
  else if (event.key === "p") element.querySelector(".pick")?.click();
  else if (event.key === "Enter") element.querySelector("summary").click();
  else if (ARROW_KEYS.includes(event.key)) neighbour(element, event.key)?.focus();
  else return;
  event.preventDefault();
});
main.addEventListener("focusin", (event) => {
  const element = event.target.closest(".card");
  if (element) makeCurrent(element);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, select, textarea, dialog")) return;
  form.elements.q.focus();
  event.preventDefault();
});

// The page

function summarise() {
  const shots = (rows) => new Set(rows.filter((row) => row.inPlan).map((row) => row.shot)).size;
  const shotsWith = (status) => shots(page.rows.filter((row) => row.status === status));
  const bytes = page.rows.reduce((sum, row) => sum + row.bytes, 0);
  const others = ["failed", "open", "planned"].filter(shotsWith)
    .map((status) => `${shotsWith(status)} ${STATUS[status]}`);
  const earlier = page.rows.filter((row) => !row.inPlan).length;
  const remarked = page.rows.filter((row) => row.inPlan && row.remarks.length).length;
  return [`${shotsWith("stored")} of ${shots(page.rows)} shots stored`, ...others,
    ...(remarked ? [`${remarked} ${REMARKED}`] : []),
    ...(earlier ? [`${earlier} ${EARLIER}`] : []), `${(bytes / 1e6).toFixed(1)} MB`].join(" · ");
}

function showLinkExpiry() {
  if (page.ends === null) return;
  const ended = Date.now() > page.ends * 1000;
  const atMost = page.atMost ? " at most: they end with the temporary credentials that signed them" : "";
  const until = ended ? `The links on this page ended on ${page.until}.`
    : `The links on this page work until ${page.until}${atMost}.`;
  const notice = document.getElementById("links");
  notice.replaceChildren(`${until} New ones: `, make("code", {}, `prefect-toapis gallery ${page.batch}`));
  notice.classList.toggle("ended", ended);
  notice.hidden = false;
}

loadPicks();
document.getElementById("summary").textContent = summarise();
document.getElementById("uri").textContent = page.uri;
if (page.rows.length && page.rows.every((row) => row.tall)) document.body.classList.add("tall");
else if (page.rows.some((row) => row.tall)) document.body.classList.add("mixed");
showLinkExpiry();
fillFilters();
restoreFilters();
form.addEventListener("input", () => { show(); saveFilters(); });
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("clear").addEventListener("click", () => {
  for (const name of ["q", ...Object.keys(VALUES)]) form.elements[name].value = "";
  form.elements.picked.checked = false;
  show();
  saveFilters();
});
window.addEventListener("hashchange", restoreFilters);
