/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Whether its cells may be cut where the table would be too wide. */
  readonly isFlexible?: boolean;
}

const GAP = "  ";

/** A flexible column keeps at least this width. */
const MIN_WIDTH = 6;

/** Characters that take two cells on a terminal, and none. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const NO_WIDTH = /\p{M}/u;

/**
 * The lines of a table, its titles first.
 * @param width - The table's greatest width; undefined: nothing is cut.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width?: number,
): string[] {
  const table = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, i) => Math.max(...table.map((row) => widthOf(row[i] ?? ""))));
  if (width !== undefined) narrow(widths, columns, width);
  return table.map((row) =>
    widths
      .map((cell, i) => padded(row[i] ?? "", cell))
      .join(GAP)
      .trimEnd(),
  );
}

/** Takes from the widest flexible column, until the table fits or no column can give more. */
function narrow(widths: number[], columns: readonly Column[], width: number): void {
  const gaps = GAP.length * (columns.length - 1);
  for (let surplus = sum(widths) + gaps - width; surplus > 0; surplus -= 1) {
    const widest = Math.max(...widths.filter((_, i) => columns[i]?.isFlexible));
    if (!(widest > MIN_WIDTH)) return;
    widths[widths.findLastIndex((cell, i) => columns[i]?.isFlexible && cell === widest)] =
      widest - 1;
  }
}

function padded(text: string, width: number): string {
  const cut = widthOf(text) <= width ? text : `${cutTo(text, width - 1)}…`;
  return cut + " ".repeat(Math.max(0, width - widthOf(cut)));
}

function cutTo(text: string, width: number): string {
  let cut = "";
  for (const character of text) {
    if (widthOf(cut + character) > width) break;
    cut += character;
  }
  return cut;
}

/** How many cells a text takes on a terminal. */
function widthOf(text: string): number {
  return sum(
    [...text].map((character) => (NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1)),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
