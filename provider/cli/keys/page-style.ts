/** The style of the page: of light and dark screens, of narrow ones, and of paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #fff; --panel: #f5f6f8; --text: #16181d; --soft: #565d6b; --line: #d5d9e0; --focus: #0b57d0;
  --fine: #1a6e3c; --soon: #8a4b00; --left: #5a3d9e; --expired: #b3261e; --never: #1f5c99;
  --badge: #fdeceb; --badge-text: #8c1d18;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14161a; --panel: #1d2026; --text: #e6e8ec; --soft: #a5adba; --line: #383d47; --focus: #8ab4f8;
    --fine: #6fcf97; --soon: #f5b350; --left: #b9a2ff; --expired: #ff8a80; --never: #82b8f5;
    --badge: #4a1d1a; --badge-text: #ffc9c4;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1rem 1.25rem 3rem; background: var(--back); color: var(--text);
  font: 0.9375rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", sans-serif; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0.5rem 0 0.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
p { margin: 0.25rem 0; overflow-wrap: anywhere; }
header p, h2 + p, footer, caption, .slot { color: var(--soft); }
footer { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: 0.75rem; font-size: 0.875rem; }
code { font: 0.8125rem/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
ul, ol { list-style: none; margin: 0; padding: 0; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
[hidden] { display: none !important; }
body > svg { position: absolute; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; display: inline-block; padding: 0.5rem; }
.warning { border: 1px solid var(--soon); border-left-width: 6px; border-radius: 4px; padding: 0.5rem 0.75rem; margin: 0.5rem 0; }
.counts { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-top: 0.75rem; }
.counts li { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.35rem 0.75rem; }
.counts strong { font-size: 1.15rem; margin-left: 0.15rem; }
.mark { width: 0.8rem; height: 0.8rem; vertical-align: -0.05rem; }
.fine { fill: var(--fine); } .soon { fill: var(--soon); } .left { fill: var(--left); }
.expired { fill: var(--expired); } .never { fill: var(--never); }
.timeline { margin-top: 0.5rem; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.5rem; }
.timeline a { color: inherit; text-decoration: none; border-radius: 4px; }
.timeline a:hover { background: var(--line); }
.timeline li > a, .timeline li.empty { display: grid; grid-template-columns: 5rem 1fr 2.5rem; align-items: center; min-height: 1.6rem; padding: 0.2rem 0.25rem; }
.slot { order: -1; font-size: 0.8125rem; }
.count { text-align: right; font-variant-numeric: tabular-nums; font-size: 0.8125rem; }
.empty .count { color: var(--soft); }
.marks { display: flex; flex-wrap: wrap; gap: 2px 3px; }
.marks span { display: flex; }
.marks .faded { opacity: 0.15; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin-top: 0.5rem; font-size: 0.875rem; }
form { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: end; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; padding: 0.75rem; margin-bottom: 0.75rem; }
label { display: grid; gap: 0.15rem; font-size: 0.8125rem; font-weight: 600; min-width: 0; }
input, select, button { font: inherit; font-weight: 400; font-size: 0.9375rem; color: var(--text); background: var(--back); border: 1px solid var(--soft);
  border-radius: 4px; padding: 0.35rem 0.5rem; min-height: 2.25rem; max-width: 100%; }
select { max-width: 16rem; }
output { padding: 0.4rem 0; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding-bottom: 0.35rem; font-size: 0.875rem; }
th { text-align: left; font-size: 0.8125rem; border-bottom: 2px solid var(--line); padding: 0.35rem 0.75rem 0.35rem 0; white-space: nowrap; }
td { border-bottom: 1px solid var(--line); padding: 0.5rem 0.75rem 0.5rem 0; vertical-align: top; overflow-wrap: break-word; }
td:nth-child(-n + 2) { overflow-wrap: anywhere; }
tr:target td, tr:focus td { background: var(--panel); }
td time { color: var(--soft); white-space: nowrap; }
.problems li { display: inline-block; border: 1px solid var(--badge-text); background: var(--badge); color: var(--badge-text); border-radius: 4px;
  padding: 0 0.4rem; margin: 0 0.25rem 0.25rem 0; font-size: 0.8125rem; }
.none { color: var(--soft); }
@media (min-width: 46rem) {
  .timeline { display: flex; align-items: stretch; gap: 2px; padding: 0.75rem; min-height: 9rem; }
  .timeline li { flex: 1 1 0; min-width: 0; display: flex; }
  .timeline li > a, .timeline li.empty { display: flex; flex-direction: column; align-items: center; width: 100%; padding: 0; }
  .marks { flex: 1; align-self: stretch; flex-wrap: wrap-reverse; justify-content: center; align-content: flex-start;
    padding: 0.25rem 15%; border-bottom: 2px solid var(--soft); }
  .slot { order: 0; white-space: nowrap; font-size: 0.75rem; }
  .count { order: 1; min-height: 1.2rem; font-weight: 600; }
}
@media (min-width: 62.01rem) {
  td code { white-space: nowrap; font-size: 0.75rem; }
  td { padding-right: 0.6rem; font-size: 0.875rem; }
  td[data-title="Stack"] { min-width: 9rem; overflow-wrap: anywhere; }
}
@media (max-width: 62rem) {
  table, tbody, tr, td, caption { display: block; }
  thead { position: absolute; left: -99rem; }
  tr { border: 1px solid var(--line); border-radius: 6px; padding: 0.5rem 0.75rem; margin-bottom: 0.75rem; }
  td { display: grid; grid-template-columns: 5.5rem minmax(0, 1fr); border: 0; padding: 0.15rem 0; overflow-wrap: anywhere; }
  td::before { content: attr(data-title); color: var(--soft); font-size: 0.8125rem; }
  form label { flex: 1 1 14rem; }
  form select, form input { width: 100%; max-width: none; }
}
@media print {
  :root { --back: #fff; --panel: #fff; --text: #000; --soft: #333; --line: #888; --badge: #fff; --badge-text: #000;
    --fine: #000; --soon: #000; --left: #000; --expired: #000; --never: #000; }
  form, .skip { display: none !important; }
  body { max-width: none; padding: 0; font-size: 9pt; }
  tr, .timeline, li { break-inside: avoid; }
  thead { display: table-header-group; }
}
`;
