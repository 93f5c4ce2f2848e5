
// Picks: kept in this browser by the address of the batch, over those of the manifest, and exported
// for `prefect-toapis pick`. Called when the page begins; everything here is hoisted or in PICKS.

function pickKey(row) {
  return `${row.shot} ${row.number}`;
}

function pickOf(row) {
  return PICKS.changed.get(pickKey(row)) ?? { picked: row.picked, note: row.pickNote };
}

function isPicked(row) {
  return row.video !== null && pickOf(row).picked;
}

function pickedRows() {
  return page.rows.filter(isPicked);
}

function loadPicks() {
  try {
    const kept = JSON.parse(localStorage.getItem(PICKS.storedAs) ?? "[]");
    for (const [key, { picked, note }] of kept) {
      PICKS.changed.set(String(key), { picked: picked === true, note: visible(String(note)) });
    }
  } catch { // no storage, or what is in it is of something else
    PICKS.changed.clear();
  }
  for (const element of cards) showPick(element);
  showPicks();
}

function keepPicks() {
  try {
    localStorage.setItem(PICKS.storedAs, JSON.stringify([...PICKS.changed]));
    PICKS.kept = true;
  } catch {
    PICKS.kept = false;
  }
}

function changePick(row, change) {
  PICKS.changed.set(pickKey(row), { ...pickOf(row), ...change });
  keepPicks();
  showPicks();
}

// On the cards

function pickControls(row) {
  const button = make("button", { type: "button", className: "pick" });
  const note = make("input", { className: "pick-note", maxLength: 500, placeholder: "Note", autocomplete: "off" });
  button.setAttribute("aria-label", `Pick ${row.label}`);
  note.setAttribute("aria-label", `Note on ${row.label}`);
  button.addEventListener("click", () => {
    changePick(row, { picked: !pickOf(row).picked });
    showPick(button.closest(".card"));
  });
  note.addEventListener("input", () => changePick(row, { note: visible(note.value) }));
  const file = page.ends === null
    ? make("a", { href: row.video, download: fileName(row) }, "Download") : null;
  return make("div", { className: "actions" }, button, file, note);
}

function showPick(element) {
  const button = element.querySelector(".pick");
  if (!button) return;
  const { picked, note } = pickOf(page.rows[element.dataset.row]);
  button.textContent = picked ? "★ Picked" : "☆ Pick";
  button.setAttribute("aria-pressed", picked);
  element.classList.toggle("picked", picked);
  element.querySelector(".pick-note").value = note;
  element.querySelector(".pick-note").hidden = !picked;
}

function fileName(row) {
  const name = `${page.batch} ${row.label}${row.output ? ` ${row.output}` : ""}`;
  const kind = /\.\w{2,4}(?=$|\?)/.exec(row.video)?.[0] ?? ".mp4";
  return name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-") + kind;
}

// Of the batch

function showPicks(done = "") {
  const count = pickedRows().length;
  const lost = PICKS.kept ? "" : " This browser keeps nothing of it: save it before you close the page.";
  document.getElementById("picks").hidden = page.rows.every((row) => row.video === null);
  document.getElementById("picked").textContent = count === 0
    ? "Nothing is picked yet." : `${count} picked.${lost} ${done}`.trim();
  document.getElementById("pick-actions").hidden = count === 0;
  document.getElementById("download-picks").hidden = page.ends !== null;
}

function picksJson() {
  const picks = pickedRows().map((row) => {
    const { note } = pickOf(row);
    return { shot: row.shot, output: row.number, ...(note.trim() ? { note: note.trim() } : {}) };
  });
  return JSON.stringify({ batch: page.batch, picks }, null, 1);
}

function save(name, href) {
  make("a", { href, download: name }).click();
}

function savePicks() {
  const url = URL.createObjectURL(new Blob([picksJson()], { type: "application/json" }));
  save("picks.json", url);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  showPicks("Saved.");
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    showPicks("Copied.");
  } catch { // only pages from https or this machine may do it
    const field = document.getElementById("copy-text");
    field.value = text;
    document.getElementById("copy").showModal();
    field.select();
  }
}

async function downloadPicks() {
  for (const row of pickedRows()) {
    save(fileName(row), row.video);
    await new Promise((next) => setTimeout(next, 300)); // browsers drop some of those that come at once
  }
}

document.getElementById("save-picks").addEventListener("click", savePicks);
document.getElementById("copy-picks").addEventListener("click", () => copy(picksJson()));
document.getElementById("copy-command").addEventListener("click", () =>
  copy(`prefect-toapis pick ${page.batch} --file picks.json`));
document.getElementById("download-picks").addEventListener("click", downloadPicks);
