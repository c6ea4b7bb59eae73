// Values -> elements. Texts become text nodes and attributes, never markup.

/** make("p", {class: "note"}, "text", child, null): an element; what is null, undefined, false or "" is left out. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) element.setAttribute(key, value);
  element.append(...children.flat(Infinity).filter(child => child || child === 0));
  return element;
}

const size = picture => (picture?.width ? `${picture.width} × ${picture.height}` : "");
const place = (row, stage, pick = 1) => `#row=${encodeURIComponent(row.key)}&stage=${stage}${pick > 1 ? `&pick=${pick}` : ""}`;

function image(picture, alt) {
  return make("img", {src: sourceOf(picture.thumb), "data-at": picture.thumb, alt, width: picture.width, height: picture.height, loading: "lazy", decoding: "async"});
}

const fact = (name, text, kind = null) => [make("dt", {}, name), make("dd", {class: kind, dir: "auto"}, String(text))];

const DIFFERENCE = {old: "del", new: "ins"};
const difference = parts => parts.map(([kind, text]) => (DIFFERENCE[kind] ? make(DIFFERENCE[kind], {}, text) : text));

/** Everything that is known of a job, as a list of names and values. */
function facts(job) {
  return make("dl", {class: "facts"},
    job.compare && job.compare.params.map(([name, parts]) => [make("dt", {}, `changed: ${name || "prompt"}`), make("dd", {class: "words", dir: "auto"}, difference(parts))]),
    job.prompt && fact("prompt", job.prompt, "words"),
    fact("function", job.function),
    job.params.map(([name, value]) => fact(name, value)),
    job.error && [fact("error", `${job.error.code}: ${job.error.message}`, "bad"), job.error.remedy && fact("what to do", job.error.remedy)],
    job.warnings.map(warning => fact("warning", warning)),
    job.by && fact("chosen by", job.by),
    job.tries.map((tried, at) => [make("dt", {}, `try ${at + 1}`), make("dd", {}, tried.unfit || "passed", tried.usd && `, ${tried.usd}`, tried.picture?.thumb && image(tried.picture, tried.picture.alt))]),
    job.outputs.map(output => [make("dt", {}, "written to"), make("dd", {}, output.href ? make("a", {href: output.href}, output.path) : output.path)]),
    job.reused_from && fact("reused from", job.reused_from),
    job.task_id && fact("task", job.task_id),
    job.attempts > 1 && fact("attempts", job.attempts),
    fact("address", job.job, "text"));
}

function frame(row, stage, picture, why, pick, ...badges) {
  return picture?.thumb
    ? make("a", {class: "frame", href: place(row, stage, pick)}, image(picture, picture.alt), badges)
    : make("a", {class: "frame", href: place(row, stage)}, make("span", {class: "none"}, picture?.note || why));
}

const shownPick = job => job.picked[0] ?? 1;

function candidates(row, job, stage) {
  return make("ul", {class: "candidates"}, job.pictures.map((picture, index) => {
    const number = index + 1, picked = job.picked.includes(number);
    return picture.thumb && make("li", {}, make("a", {class: `candidate${picked ? " picked" : ""}`, href: place(row, stage, number)},
      image(picture, `candidate ${number}${picked ? ", picked" : ""}`),
      make("span", {class: "mark", "aria-hidden": "true"}, `${number}${picked ? " ✓" : ""}`)));
  }));
}

function stageOf(row, job, stage) {
  const status = statusOf.get(job.status), pick = shownPick(job), many = job.pictures.length;
  const why = job.error ? job.error.code : many ? "no picture here" : status.name;
  const line = make("span", {class: "line"}, make("span", {class: `state ${status.kind}`}, status.name),
    job.time && ` · ${job.time}`, job.usd && ` · ${job.usd}`, job.fidelity === "approximate" && " · approximate",
    job.compare && job.compare.change !== "same" && [" · ", make("span", {class: "change"}, job.compare.change)]);
  return make("li", {class: `stage ${status.kind}`},
    make("figure", {},
      frame(row, stage, job.pictures[pick - 1], why, pick,
        job.fidelity === "draft" && make("span", {class: "badge"}, "draft"),
        many > 1 && make("span", {class: "badge count"}, job.picked.length ? `${job.picked.join(", ")} of ${many}` : `${many} to choose from`)),
      make("figcaption", {}, make("b", {}, job.label), line, job.prompt && make("span", {class: "prompt", dir: "auto"}, job.prompt))),
    many > 1 && candidates(row, job, stage));
}

const slotOf = input => input.slot.replace(/^row\./, "");

function inputOf(row, input, stage) {
  return make("li", {class: "stage input"}, make("figure", {}, frame(row, stage, input.picture, "no picture here", 1),
    make("figcaption", {}, make("b", {}, slotOf(input)), make("span", {class: "line"}, input.name, size(input.picture) && ` · ${size(input.picture)}`))));
}

function shape(row) {
  const first = row.inputs[0]?.picture, ratio = first && first.width / first.height;
  return !first?.height ? "" : ratio < 0.85 ? " tall" : ratio < 1.15 ? " square" : ratio > 1.6 ? " broad" : "";
}

/** A row as the template draws it. */
function drawn(row) {
  const notable = row.statuses.map(id => statusOf.get(id)).filter(status => !["good", "reused"].includes(status.kind));
  return make("article", {class: `row${shape(row)}`, id: `row=${row.key}`, "aria-label": row.key},
    make("h3", {}, make("a", {href: `#row=${encodeURIComponent(row.key)}`}, row.key), make("span", {class: "soft"}, row.place),
      notable.map(status => make("span", {class: `state ${status.kind}`}, status.name))),
    row.note && make("p", {class: "note"}, row.note),
    make("ol", {class: "stages"}, row.inputs.map((input, at) => inputOf(row, input, at)), row.jobs.map((job, at) => stageOf(row, job, row.inputs.length + at))),
    make("details", {class: "more"}, make("summary", {}, "Prompts and parameters", make("span", {class: "unseen"}, ` of ${row.key}`)),
      make("div", {class: "jobs"}, row.jobs.map(job => make("section", {}, make("h4", {}, job.label), facts(job))))));
}
