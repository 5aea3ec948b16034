/** The rows of the first table of a section, as texts of cells, without the header. */
export function cellsOf(prose: string, heading: string): string[][] {
  const [, below = ""] = prose.split(`\n${heading}\n`);
  const [section = ""] = below.split(/^#+ /m);
  const [, rows = ""] = /^\|.*\n\| -[^\n]*\n((?:\|.*\n?)*)/m.exec(section) ?? [];
  return rows
    .split("\n")
    .filter((row) => row !== "")
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
