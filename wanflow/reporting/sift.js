// Which rows are shown: search, filters, pages, and all of it in the address, so that a view can be sent to somebody.

const gallery = document.getElementById("gallery"), find = document.getElementById("find"), pager = document.querySelector(".pager");
const FILTERS = ["q", "step", "state", "tag", "change"].filter(name => find.elements[name]);
const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

let found = null;   // places of the rows that the filter lets through; null for all
let page = 1;       // of what was found
let shown = "";     // what the gallery was drawn for
let asked = 0;      // a later question makes the answers to earlier ones void

const total = () => (found ? found.length : head.pages.rows);
const lastPage = () => Math.max(1, Math.ceil(total() / head.pages.size));
const filters = () => Object.fromEntries(FILTERS.map(name => [name, find.elements[name].value.trim()]).filter(([, value]) => value));

/** The place of the next (1) or previous (-1) row of those found; null at the end. */
function neighbour(at, by) {
  const order = (found ? found.indexOf(at) : at) + by;
  return order < 0 || order >= total() ? null : found ? found[order] : order;
}

function matcher({q = "", step, state, tag, change}) {
  const words = folded(q).split(/\s+/).filter(Boolean);
  const steps = head.steps.map(one => (!step || one.id === step) && (!tag || one.tags.includes(tag)));
  const status = head.statuses.findIndex(one => one.id === state), changed = CHANGES.indexOf(change);
  const fits = ([s, t, c]) => steps[s] && (status < 0 || t === status) && (changed < 0 || c === changed);
  const everyJob = !step && !state && !tag && !change;
  return entry => words.every(word => entry.text.includes(word)) && (everyJob || entry.jobs.some(fits));
}

function setAddress(more = {}, {push = false} = {}) {
  const values = {...filters(), ...(page > 1 ? {page} : {}), ...more};
  const hash = new URLSearchParams(Object.entries(values)).toString();
  history[push ? "pushState" : "replaceState"](null, "", hash ? `#${hash}` : location.pathname + location.search);
}

/** Search, filter, and draw the page of rows that is asked for, or that holds the row at a place. */
async function sift({to = 1, at = null} = {}) {
  const mine = ++asked, chosen = filters(), isChosen = Object.keys(chosen).length > 0;
  let places = null;
  if (isChosen) { const fits = matcher(chosen); places = (await index()).filter(fits).map(entry => entry.at); }
  if (mine !== asked) return;
  found = places;
  const order = at === null ? -1 : found ? found.indexOf(at) : at;
  page = Math.min(lastPage(), order >= 0 ? Math.floor(order / head.pages.size) + 1 : Math.max(1, to));
  await draw(mine, JSON.stringify([chosen, page]));
  if (mine !== asked) return;
  tellFound(isChosen);
}

const placesShown = () => {
  const first = (page - 1) * head.pages.size, until = Math.min(first + head.pages.size, total());
  return found ? found.slice(first, until) : Array.from({length: until - first}, (_, number) => first + number);
};

async function draw(mine, what) {
  if (what === shown) return;
  const rows = await Promise.all(placesShown().map(rowAt));
  if (mine !== asked) return;
  shown = what;
  gallery.replaceChildren(...(rows.length ? rows.map(drawn) : [make("p", {class: "nothing"}, "No row has all of that. “Show all” takes the filters off.")]));
}

function tellFound(isChosen) {
  const text = isChosen ? `${total().toLocaleString("en")} of ${plural(head.pages.rows, "row")}` : plural(head.pages.rows, "row");
  if (find.querySelector("output").textContent !== text) find.querySelector("output").textContent = text;
  find.querySelector("[type=reset]").hidden = !isChosen;
  pager.hidden = lastPage() < 2;
  const number = pager.querySelector("input");
  number.max = lastPage();
  number.value = page;
  pager.querySelector("label span").textContent = `of ${lastPage().toLocaleString("en")}`;
  for (const button of pager.querySelectorAll("[data-go]")) button.disabled = !(page + Number(button.dataset.go) >= 1 && page + Number(button.dataset.go) <= lastPage());
}

function fail(error) {
  shown = "";
  gallery.replaceChildren(make("p", {class: "nothing", role: "alert"}, error.message));
}

// -- rows by their keys

async function placeOf(key, number) {
  if (number) {
    const rows = await rowsOf(number), near = rows.findIndex(row => row.key === key);
    if (near >= 0) return (number - 1) * head.pages.size + near;
  }
  return (await index()).find(entry => entry.key === key)?.at ?? null;
}

const articleAt = at => gallery.children[placesShown().indexOf(at)];

/** Bring a row into sight; where the filter hides it, the filter goes. */
async function go(at, {focus = "h3 a"} = {}) {
  if (found && !found.includes(at)) resetFilters();
  await sift({at});
  for (const one of gallery.querySelectorAll(".here")) one.classList.remove("here");
  const article = articleAt(at);
  article?.classList.add("here");
  (article?.querySelector(focus) ?? article?.querySelector("h3 a"))?.focus({preventScroll: true});
  article?.scrollIntoView({block: "nearest"});
}

function resetFilters() { for (const name of FILTERS) find.elements[name].value = ""; }

function lookedAt({row, stage, pick}) { setAddress({row: row.key, stage, ...(pick > 1 ? {pick} : {})}); }
function closedAt({row, at, stage}) {
  go(at, {focus: `.stage:nth-child(${stage + 1}) .frame`}).then(() => setAddress({row: row.key})).catch(fail);
}

// -- the address

async function follow(hash) {
  const asks = new URLSearchParams(hash.replace(/^#/, ""));
  for (const name of FILTERS) find.elements[name].value = asks.get(name) ?? "";
  await visit(asks);
}

/** Go where an address leads, with the filters that are set. */
async function visit(asks) {
  const number = Number.parseInt(asks.get("page"), 10) || 1;
  const at = asks.get("row") ? await placeOf(asks.get("row"), number) : null;
  if (at !== null && asks.get("stage") !== null) {
    await sift({at});
    if (!view.open) setAddress({row: asks.get("row")}, {push: true});  // "back" closes the view
    await look(at, Number(asks.get("stage")) || 0, Number(asks.get("pick")) || 0);
    return;
  }
  if (view.open) view.close();
  if (at !== null) await go(at);
  else {
    await sift({to: number});
    if (found || number > 1) document.getElementById("rows").scrollIntoView();
  }
}

const visited = (asks, then = () => {}) => visit(asks).then(then).catch(fail);

// -- what people do

let typing = 0;
find.addEventListener("input", event => {
  clearTimeout(typing);
  const work = () => sift().then(() => setAddress()).catch(fail);
  if (event.target.name === "q") typing = setTimeout(work, 120);
  else work();
});
find.addEventListener("submit", event => event.preventDefault());
find.addEventListener("reset", event => {
  event.preventDefault();
  resetFilters();
  sift().then(() => { setAddress(); find.elements.q.focus(); }).catch(fail);
});
const turn = to => sift({to}).then(() => { setAddress(); document.getElementById("rows").scrollIntoView(); gallery.querySelector("h3 a")?.focus({preventScroll: true}); }).catch(fail);
pager.addEventListener("click", event => { const button = event.target.closest("[data-go]"); if (button) turn(page + Number(button.dataset.go)); });
pager.querySelector("input").addEventListener("change", event => turn(Number.parseInt(event.target.value, 10) || 1));

document.addEventListener("click", event => {
  const link = event.target.closest('a[href^="#"]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const asks = new URLSearchParams(link.getAttribute("href").slice(1));
  if (!asks.has("row")) {  // a part of the page: the address keeps telling what is shown
    const part = document.getElementById(link.getAttribute("href").slice(1));
    part.scrollIntoView();
    part.focus({preventScroll: true});
    return;
  }
  visited(asks, () => { if (!asks.has("stage")) setAddress({row: asks.get("row")}); });
});
document.addEventListener("keydown", event => {
  if (view.open || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "/") find.elements.q.focus();
  else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  else return;
  event.preventDefault();
});
function step(by) {
  const articles = [...gallery.querySelectorAll(".row")], here = articles.indexOf(document.activeElement?.closest(".row") ?? gallery.querySelector(".here"));
  const next = placesShown()[here < 0 ? 0 : Math.min(Math.max(here + by, 0), articles.length - 1)];
  if (next !== undefined) go(next).catch(fail);
}

window.addEventListener("hashchange", () => follow(location.hash).catch(fail));
find.hidden = false;
shown = JSON.stringify([{}, 1]);  // the template drew it
follow(location.hash).catch(fail);
