"use strict";
// What the page knows: the head at once, pages of rows and the index of all rows when they are needed.
// A page that is opened as a file may not fetch, so data come as scripts that call `wanflow`; a page that stands alone
// has them in elements of its own.

const embedded = id => { const found = document.getElementById(id); return found && JSON.parse(found.textContent); };
const head = embedded("head");
const statusOf = new Map(head.statuses.map(status => [status.id, status]));
const CHANGES = ["same", "changed", "new", "gone"];

const waiting = new Map();  // file -> what is done with its values
const wanflow = {
  rows: (number, rows) => waiting.get(rowsFile(number))?.(rows),
  index: entries => waiting.get("index.js")?.(entries),
};
window.wanflow = wanflow;

const rowsFile = number => `rows-${String(number).padStart(4, "0")}.js`;
// The only addresses that the browser lets this page run scripts from.
const ours = window.trustedTypes?.createPolicy && !head.alone
  ? window.trustedTypes.createPolicy("wanflow", {createScriptURL: name => { if (/^(index|rows-\d+)\.js$/.test(name)) return `data/${name}`; throw new TypeError(name); }})
  : {createScriptURL: name => `data/${name}`};

function loaded(file) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    waiting.set(file, values => { waiting.delete(file); resolve(values); });
    script.onerror = () => reject(new Error(`data/${file} is not beside this page: copy the whole folder, or make the report with --single-file`));
    script.onload = () => { script.remove(); reject(new Error(`data/${file} is damaged: make the report again`)); };  // too late to matter when it called
    script.src = ours.createScriptURL(file);
    document.head.append(script);
  });
}

const kept = new Map();  // what was loaded, or is being loaded
function once(name, load) {
  if (!kept.has(name)) kept.set(name, load().catch(error => { kept.delete(name); throw error; }));
  return kept.get(name);
}

/** The rows of a data page; counted from 1. */
const rowsOf = number => once(`rows-${number}`, async () => embedded(`rows-${number}`) ?? loaded(rowsFile(number)));

/** One entry for every row: where it is, [step, status, change] of its jobs, and its texts to search in. */
const index = () => once("index", async () => {
  const entries = embedded("index") ?? await loaded("index.js");
  return entries.map(([key, page, jobs, text], at) => ({key, page, jobs, at, text: folded(`${key}\n${text}`)}));
});

const folded = text => text.normalize("NFKC").toLowerCase();

/** The row at a place among all rows, counted from 0. */
const rowAt = async at => (await rowsOf(Math.floor(at / head.pages.size) + 1))[at % head.pages.size];

// A page that stands alone has every picture once: in its first rows, or in a table.
const pictures = embedded("pictures") ?? {};
if (head.alone) for (const image of document.querySelectorAll("img[data-at]")) pictures[image.dataset.at] = image.getAttribute("src");
const sourceOf = address => (head.alone ? pictures[address] ?? "data:," : address);
