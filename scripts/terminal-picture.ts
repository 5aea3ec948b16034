import Anser from "anser";

/** Widest line, in characters. */
const COLUMNS = 104;
const CHARACTER = 7.6;
const LINE = 18;
const MARGIN = 18;
const BAR = 30;

/** For a dark background: all are easy to read in GitHub's light and dark mode. */
const COLORS: Readonly<Record<string, string>> = {
  "ansi-red": "#ff8178",
  "ansi-green": "#7ee787",
  "ansi-yellow": "#e3b341",
  "ansi-blue": "#79c0ff",
  "ansi-magenta": "#d2a8ff",
  "ansi-cyan": "#76e3ea",
  "ansi-black": "#8b949e",
  "ansi-white": "#e6edf3",
};
const PLAIN = "#e6edf3";

interface Run {
  readonly text: string;
  readonly color: string;
  readonly bold: boolean;
}

/** An SVG of a terminal with this output, in color. `title` is the text for screen readers. */
export function terminalPicture(title: string, output: string): string {
  const lines = linesOf(output);
  const width = Math.round(COLUMNS * CHARACTER + 2 * MARGIN);
  const height = BAR + lines.length * LINE + MARGIN;
  const texts = lines.flatMap((line, index) => drawn(line, BAR + (index + 1) * LINE - 4));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117" stroke="#30363d"/>
${["#ff5f57", "#febc2e", "#28c840"].map((fill, n) => `<circle cx="${MARGIN + 2 + n * 18}" cy="18" r="5" fill="${fill}"/>`).join("\n")}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="12.5" xml:space="preserve">
${texts.join("\n")}
</g>
</svg>
`;
}

/** The text of a picture, by line. */
export function textOf(picture: string): string {
  const lines = new Map<string, string>();
  for (const [, y = "", text = ""] of picture.matchAll(
    /<text [^>]*?y="(\d+)"[^>]*>([^<]*)<\/text>/g,
  )) {
    lines.set(y, `${lines.get(y) ?? ""} ${text}`);
  }
  return [...lines.values()]
    .join("\n")
    .replace(/&(lt|gt|amp);/g, (_, name: string) => ({ lt: "<", gt: ">" })[name] ?? "&");
}

/** One text per run, stretched to its exact width, so that nothing overlaps in any font. */
function drawn(line: readonly Run[], y: number): string[] {
  let column = 0;
  return line.flatMap(({ text, color, bold }) => {
    const start = column;
    column += text.length;
    const words = text.trimEnd();
    const ink = words.trimStart();
    if (ink === "") return [];
    const x = MARGIN + (start + words.length - ink.length) * CHARACTER;
    const weight = bold ? ' font-weight="bold"' : "";
    return `<text x="${x.toFixed(1)}" y="${y}" textLength="${(ink.length * CHARACTER).toFixed(1)}" fill="${color}"${weight}>${escaped(ink)}</text>`;
  });
}

function linesOf(output: string): Run[][] {
  return output
    .trimEnd()
    .split("\n")
    .flatMap((line) => wrapped(runsOf(line)));
}

function runsOf(line: string): Run[] {
  return Anser.ansiToJson(line, { use_classes: true, remove_empty: true }).map(
    ({ content, fg, decorations }) => ({
      text: content,
      color: COLORS[fg?.replace("-bright", "") ?? ""] ?? PLAIN,
      bold: decorations.includes("bold"),
    }),
  );
}

/** Lines no wider than the terminal, wrapped between words. Wrapped parts are indented like the line. */
function wrapped(runs: readonly Run[]): Run[][] {
  const words = runs.flatMap((run) =>
    run.text.split(/(?<= )(?=[^ ])/).map((text) => ({ ...run, text })),
  );
  const indent = /^ */.exec(runs.map(({ text }) => text).join(""))?.[0] ?? "";
  const lines: Run[][] = [[]];
  let column = 0;
  for (const word of words) {
    if (column > indent.length && column + word.text.trimEnd().length > COLUMNS) {
      lines.push([{ ...word, text: indent }]);
      column = indent.length;
    }
    lines.at(-1)?.push(word);
    column += word.text.length;
  }
  return lines.map(joined);
}

/** Joins neighbors with the same style to one run. */
function joined(line: readonly Run[]): Run[] {
  const runs: Run[] = [];
  for (const run of line) {
    const last = runs.at(-1);
    if (last?.color === run.color && last.bold === run.bold) {
      runs[runs.length - 1] = { ...last, text: last.text + run.text };
    } else runs.push(run);
  }
  return runs;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
