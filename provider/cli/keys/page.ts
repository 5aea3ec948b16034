import { createHash } from "node:crypto";
import { pluralize, rolesText } from "../listing";
import { manifest } from "../packages";
import type { StackExport } from "../stack-export";
import { html, type Markup, trusted } from "./html";
import { SCRIPT } from "./page-script";
import { STYLE } from "./page-style";
import {
  countsOf,
  expiryText,
  type KeysReport,
  leftText,
  nameText,
  ownerText,
  rotationText,
  stackText,
} from "./report";
import { expiryOf, type KeyRow, PROBLEMS, problemNames } from "./rows";
import { dateOf, minuteOf, type TimeSlot, timelineOf } from "./timeline";

/** The shape tells a key's state without color. */
const STATES = {
  fine: { meaning: "expires in time", drawing: html`<circle cx="6" cy="6" r="4"/>` },
  soon: {
    meaning: "expires soon, or its rotation is due",
    drawing: html`<path d="M6 1 11.5 11H.5z"/>`,
  },
  left: {
    meaning: "left to expire by a rotation",
    drawing: html`<path d="m6 .5 5.5 5.5L6 11.5.5 6z"/>`,
  },
  expired: {
    meaning: "expired",
    drawing: html`<path d="m1.5 3 1.5-1.5 3 3 3-3L10.5 3l-3 3 3 3L9 10.5l-3-3-3 3L1.5 9l3-3z"/>`,
  },
  never: { meaning: "never expires", drawing: html`<path d="M1.5 1.5h9v9h-9z"/>` },
};
type KeyState = keyof typeof STATES;

/** One self-contained page, which loads nothing. Without JavaScript, only its filters are missing. */
export function renderPage(report: KeysReport): string {
  const { rows, now, exports, caller, baseUrl, warnings, notVisible } = report;
  const hasStacks = exports.length > 0;
  const title = `API keys of ${caller.tenant.id}`;
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(STYLE)}'`,
    `script-src '${hashOf(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<svg width="0" height="0" aria-hidden="true" focusable="false">${Object.entries(STATES).map(
    ([name, { drawing }]) => html`<symbol id="${name}" viewBox="0 0 12 12">${drawing}</symbol>`,
  )}</svg>
<a class="skip" href="#keys">Skip to the keys</a>
<header>
<h1>${title}</h1>
<p>${baseUrl}, as of ${minuteOf(now)}</p>
</header>
<main>
${warnings.map((warning) => html`<p class="warning"><strong>Warning:</strong> ${warning}</p>`)}
<section aria-labelledby="overview">
<h2 id="overview">Overview</h2>
${counts(rows)}
</section>
${rows.length === 0 ? "" : timeline(rows, now)}
<section aria-labelledby="keys">
<h2 id="keys" tabindex="-1">Keys</h2>
${filters(report)}
<table>
<caption>${pluralize(rows.length, "key")} by expiry, those that never expire last</caption>
<thead><tr role="row">${columnTitles(hasStacks).map(
    (one) => html`<th scope="col" role="columnheader">${one}</th>`,
  )}</tr></thead>
<tbody>
${rows.map((row) => tableRow(row, report))}</tbody>
</table>
<p id="nothing" hidden>No key matches these filters.</p>
</section>
</main>
<footer>
<p><strong>Not visible:</strong> ${notVisible}.</p>
${hasStacks ? stacksNote(exports) : html`<p>No stack was looked at, so it is not known which keys a stack holds.</p>`}
<p>Made by ${manifest.name} ${manifest.version}. The page has no key's value.</p>
</footer>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`;
  return text;
}

/** For a content security policy: nothing but this exact text applies. */
function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function stateOf(row: KeyRow, now: number): KeyState {
  if (row.management === "left") return "left";
  if (row.expiresAt === undefined) return "never";
  if (expiryOf(row) <= now) return "expired";
  const { problems } = row;
  return problems.includes("expiring") || problems.includes("rotation-due") ? "soon" : "fine";
}

function mark(state: string): Markup {
  return html`<svg class="mark ${state}" aria-hidden="true" focusable="false"><use href="#${state}"/></svg>`;
}

function counts(rows: readonly KeyRow[]): Markup {
  const numbers = [
    { label: "keys", count: rows.length },
    { label: "with problems", count: rows.filter(({ problems }) => problems.length > 0).length },
    ...countsOf(rows),
    {
      label: "left to expire by a rotation",
      count: rows.filter(({ management }) => management === "left").length,
    },
    {
      label: "whose stack is not known",
      count: rows.filter(({ management }) => management === "unknown").length,
    },
  ].filter(({ count }, i) => i === 0 || count > 0);
  return html`<ul class="counts">${numbers.map(
    ({ label, count }) => html`<li>${label} <strong>${count}</strong></li>`,
  )}</ul>`;
}

function timeline(rows: readonly KeyRow[], now: number): Markup {
  const used = new Set<string>(rows.map((row) => stateOf(row, now)));
  return html`<section aria-labelledby="timeline">
<h2 id="timeline">When keys expire</h2>
<p>Each mark is a key. It expires between its date and the next one.</p>
<ol class="timeline">
${timelineOf(rows, now).map((slot) => timeSlot(slot, now))}</ol>
<ul class="legend">${Object.entries(STATES)
    .filter(([state]) => used.has(state))
    .map(([state, { meaning }]) => html`<li>${mark(state)} ${meaning}</li>`)}</ul>
</section>`;
}

function timeSlot({ label, title, rows }: TimeSlot, now: number): Markup {
  const marks = rows.map(
    (row) =>
      html`<span data-key="${row.id}" title="${nameText(row.name)}">${mark(stateOf(row, now))}</span>`,
  );
  const [first] = rows;
  const content = html`<span class="marks">${marks}</span><span class="count" aria-hidden="true">${rows.length || ""}</span><span class="slot" aria-hidden="true">${label}</span>`;
  return first === undefined
    ? html`<li class="empty" aria-hidden="true">${content}</li>
`
    : html`<li><a href="#${first.id}" aria-label="${title}: ${pluralize(rows.length, "key")}" title="${title}">${content}</a></li>
`;
}

function filters({ rows, exports }: KeysReport): Markup {
  const owners = new Map(rows.map((row) => [row.owner.id, ownerText(row)]));
  const stacks = [...new Set(rows.flatMap(({ heldBy }) => heldBy.map(({ stack }) => stack)))];
  const hasTwins = (name: string) => [...owners.values()].filter((one) => one === name).length > 1;
  return html`<form id="filters" role="search" aria-label="Filter the keys" hidden>
<label>Text <input type="search" name="text" autocomplete="off" placeholder="name, id or role"></label>
${choice("problem", "Problem", [
  ["any", "any problem"],
  ["ok", "no problem"],
  ...problemNames
    .filter((problem) => rows.some(({ problems }) => problems.includes(problem)))
    .map((problem) => [problem, PROBLEMS[problem]] as const),
  ...(rows.some(({ management }) => management === "left")
    ? [["left", "left to expire by a rotation"] as const]
    : []),
])}
${choice(
  "owner",
  "Owner",
  [...owners]
    .map(([id, name]) => [id, hasTwins(name) ? `${name} (${id})` : name] as const)
    .sort(([, a], [, b]) => a.localeCompare(b, "en")),
)}
${
  exports.length > 0
    ? choice("stack", "Stack", [
        ...stacks.sort().map((stack) => [stack, stack] as const),
        ["none", "in no given stack"],
        ["unknown", "not known"],
      ])
    : ""
}
<button type="button">Show all</button>
<output role="status"></output>
</form>`;
}

function choice(
  name: string,
  label: string,
  options: readonly (readonly [string, string])[],
): Markup {
  return html`<label>${label} <select name="${name}"><option value="">all</option>${options.map(
    ([value, text]) => html`<option value="${value}">${text}</option>`,
  )}</select></label>`;
}

function columnTitles(hasStacks: boolean): string[] {
  return [
    ...["Key", "Owner", "Roles", "Created", "Expires"],
    ...(hasStacks ? ["Rotates", "Stack"] : []),
    "Problems",
  ];
}

function tableRow(row: KeyRow, { now, exports }: KeysReport): Markup {
  const { id, owner, problems, management = "", heldBy } = row;
  const state = [...problems, problems.length > 0 ? "any" : "ok", management].join(" ");
  const stacks = [...heldBy.map(({ stack }) => stack), management].join(" ");
  const hasStacks = exports.length > 0;
  const titles = columnTitles(hasStacks);
  const cells = [
    html`${mark(stateOf(row, now))} <strong>${nameText(row.name)}</strong><br><code>${id}</code><br><code>${row.displayId}</code>`,
    ownerCell(row),
    html`${rolesText(row.roles)}`,
    instantCell(row.createdAt),
    row.expiresAt === undefined
      ? html`never`
      : html`${expiryText(row, now)}<br>${instantCell(row.expiresAt)}`,
    ...(hasStacks ? [html`${rotationText(row, now)}`, stackCell(row)] : []),
    problems.length === 0
      ? html`<span class="none">none</span>`
      : html`<ul class="problems">${problems.map((problem) => html`<li>${PROBLEMS[problem]}</li>`)}</ul>`,
  ];
  return html`<tr id="${id}" role="row" tabindex="-1" data-owner="${owner.id}" data-problem="${state}" data-stack="${stacks}">${cells.map(
    (cell, i) => html`<td role="cell" data-title="${titles[i]}"><div>${cell}</div></td>`,
  )}</tr>
`;
}

function ownerCell(row: KeyRow): Markup {
  const { owner } = row;
  if (owner.name === undefined) return html`${ownerText(row)}`;
  return html`${ownerText(row)}<br><code>${owner.id}</code>`;
}

function instantCell(instant: string): Markup {
  return html`<time datetime="${instant}" title="${instant}">${dateOf(instant)}</time>`;
}

function stackCell(row: KeyRow): Markup {
  const left = leftText(row);
  if (left !== undefined) return html`${left}`;
  if (row.heldBy.length === 0) return html`${stackText(row)}`;
  return html`${row.heldBy.map(
    ({ stack, resource }, i) => html`${i > 0 ? html`<br>` : ""}${stack}<br>${nameText(resource)}`,
  )}`;
}

function stacksNote(exports: readonly StackExport[]): Markup {
  return html`<p>Compared with ${exports.map(
    ({ stack = "an empty stack", source, time }, i) =>
      html`${i > 0 ? "; " : ""}${stack} (${source}, state of ${minuteOf(time)})`,
  )}. A key in none of them has “none” as its stack. “?” means that this cannot be told: the key may be newer than an export, or a pending operation may have created it.</p>`;
}
