// One picture, large, with another under it that a slider uncovers.

const view = document.getElementById("view");
const part = what => view.querySelector(what);
const canvas = part(".canvas"), slider = part(".canvas input"), lefts = part("select");
let looking = null;  // {row, at, stage, pick}: what the view shows
let wanted = "";     // what the user chose to compare with; kept from row to row

/** What a row's stages show: its inputs, then its jobs. */
function stagesOf(row) {
  return [
    ...row.inputs.map(input => ({label: slotOf(input), input, pictures: input.picture ? [input.picture] : [], shown: 1})),
    ...row.jobs.map(job => ({label: job.label, job, pictures: job.pictures.length ? job.pictures : job.compare?.pictures ?? [], shown: shownPick(job)})),
  ];
}

/** The pictures that one can be compared with, the most telling first. */
function sidesOf({row, stage, pick}) {
  const stages = stagesOf(row), {job, pictures} = stages[stage], right = pictures[pick - 1];
  const sides = [];
  const add = (name, picture) => {
    if (picture && (picture.view || picture.thumb) && picture.sha256 !== right?.sha256 && !sides.some(side => side.picture.sha256 === picture.sha256)) sides.push({name, picture});
  };
  const other = () => job?.compare?.pictures.forEach((picture, at, all) => add(all.length > 1 ? `other run, ${at + 1}` : "other run", picture));
  if (job?.compare?.change === "changed") other();
  add("before", job?.before);
  stages.forEach((one, at) => { if (at !== stage) add(one.label, one.pictures[one.shown - 1]); });
  pictures.forEach((picture, at) => add(`candidate ${at + 1}`, picture));
  other();
  return right ? sides : [];
}

function setPicture(image, picture, alt) {
  const address = picture && (picture.view || picture.thumb);
  image.hidden = !address;
  if (address) image.src = sourceOf(address);
  else image.removeAttribute("src");
  image.alt = address ? alt : "";
}

function slide() {
  canvas.style.setProperty("--at", `${slider.value}%`);
  slider.setAttribute("aria-valuetext", `${slider.value} % ${lefts.value || "before"}`);
}

function drawSides(sides, right, label) {
  const left = sides.find(side => side.name === wanted) ?? sides[0];
  lefts.replaceChildren(...sides.map(side => make("option", {}, side.name)));
  lefts.closest("label").hidden = !left;
  for (const what of [".line-at", ".side.left", ".side.right", "input"]) part(`.canvas ${what}`).hidden = !left;
  setPicture(part(".before-side"), left?.picture, `${left?.name}: ${left?.picture.alt}`);
  setPicture(part(".after-side"), right, right?.alt);
  if (left) {
    lefts.value = left.name;
    part(".side.left").textContent = left.name;
    part(".side.right").textContent = label;
  }
  if (right?.height) canvas.style.setProperty("--ratio", right.width / right.height);
  slide();
}

function drawView() {
  const {row, stage, pick} = looking, one = stagesOf(row)[stage], {job, pictures} = one, right = pictures[pick - 1];
  const status = job && statusOf.get(job.status);
  part("h2").replaceChildren(row.key, make("span", {class: "soft"}, ` · ${one.label}${pictures.length > 1 ? `, candidate ${pick} of ${pictures.length}` : ""}`));
  drawSides(sidesOf(looking), right, one.label);
  part(".none").hidden = Boolean(right && (right.view || right.thumb));
  part(".none").replaceChildren(...(job?.error
    ? [make("p", {class: "bad"}, `${job.error.code}: ${job.error.message}`), make("p", {}, job.error.remedy)]
    : [make("p", {}, right ? right.note || "The picture is not in this report." : status?.name ?? "no picture here")]));
  part(".candidates").replaceChildren(...(pictures.length > 1 ? pictures.map((picture, at) => make("li", {}, choice(job, picture, at + 1, pick))) : []));
  part(".panel").replaceChildren(...aboutStage(one, status, right));
  part(".panel").scrollTop = 0;
  for (const button of view.querySelectorAll("[data-do]")) button.disabled = button.dataset.do !== "close" && !moved(button.dataset.do);
}

function choice(job, picture, number, pick) {
  const picked = job.picked.includes(number);
  return make("button", {type: "button", class: `candidate${picked ? " picked" : ""}`, "data-pick": number, "aria-pressed": String(number === pick), "aria-label": `candidate ${number}${picked ? ", picked" : ""}`},
    picture.thumb && image(picture, ""), make("span", {class: "mark", "aria-hidden": "true"}, `${number}${picked ? " ✓" : ""}`));
}

function aboutStage({job, input}, status, right) {
  if (input) return [make("dl", {class: "facts"}, fact("file", input.name), size(right) && fact("size", size(right)))];
  return [make("p", {}, make("span", {class: `state ${status.kind}`}, status.name), job.time && ` · ${job.time}`, job.usd && ` · ${job.usd}`, size(right) && ` · ${size(right)}`, job.fidelity && ` · ${job.fidelity}`), facts(job)];
}

/** Where a button leads: {at} of another row or {stage}; null where there is none. */
function moved(action) {
  const [what, by] = [action.slice(0, -2), action.endsWith("+1") ? 1 : -1];
  if (what === "row") { const at = neighbour(looking.at, by); return at === null ? null : {at}; }
  const stage = looking.stage + by;
  return stage >= 0 && stage < stagesOf(looking.row).length ? {stage} : null;
}

async function act(action) {
  if (action === "close") { view.close(); return; }
  const to = moved(action);
  if (!to) return;
  if ("stage" in to) { await look(looking.at, to.stage); return; }
  const label = stagesOf(looking.row)[looking.stage].label, stages = stagesOf(await rowAt(to.at));
  const same = stages.findIndex(one => one.label === label);
  await look(to.at, same >= 0 ? same : Math.min(looking.stage, stages.length - 1));
}

/** Show a stage of a row; opens the view when it is closed. */
async function look(at, stage, pick = 0) {
  const row = await rowAt(at), stages = stagesOf(row);
  const one = stages[Math.min(stage, stages.length - 1)];
  if (!one) return;
  looking = {row, at, stage: stages.indexOf(one), pick: pick >= 1 && pick <= one.pictures.length ? pick : one.shown};
  const focused = view.open ? document.activeElement : null;
  drawView();
  if (!view.open) view.showModal();
  // A button that leads nowhere now, or a candidate that was drawn anew, must not lose the keyboard.
  const anew = focused?.dataset.pick ? part(`[data-pick="${looking.pick}"]`) : focused;
  (anew?.isConnected && !anew.disabled && !anew.hidden && anew !== document.body ? anew : slider.hidden ? part('[data-do="close"]') : slider).focus();
  lookedAt(looking);
  ahead(at);
}

/** Fetch what the next row shows, so that going on does not wait. */
async function ahead(at) {
  const next = neighbour(at, 1);
  if (next === null || head.alone) return;
  const picture = stagesOf(await rowAt(next).catch(() => ({inputs: [], jobs: []})))[looking.stage]?.pictures[0];
  if (picture?.view) new Image().src = picture.view;
}

slider.addEventListener("input", slide);
lefts.addEventListener("change", () => { wanted = lefts.value; drawView(); lefts.focus(); });
view.addEventListener("close", () => closedAt(looking));
view.addEventListener("click", event => {
  const button = event.target.closest("[data-do], [data-pick]");
  if (button?.dataset.do) act(button.dataset.do);
  else if (button) look(looking.at, looking.stage, Number(button.dataset.pick));
});
view.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = {j: "row+1", k: "row-1", n: "stage+1", p: "stage-1"}[event.key];
  if (event.target === lefts && event.key.length === 1) return;  // letters choose there
  if (action) act(action);
  else if (/^[1-9]$/.test(event.key) && event.key <= stagesOf(looking.row)[looking.stage].pictures.length) look(looking.at, looking.stage, Number(event.key));
  else return;
  event.preventDefault();
});
