import { type Results, type Row, smaller } from "./rows";

const MIB = 1024 * 1024;

const COLUMNS: readonly { title: string; cell: (row: Row, rows: readonly Row[]) => string }[] = [
  { title: "operation", cell: ({ operation }) => operation },
  { title: "provider", cell: ({ provider }) => provider },
  { title: "seconds", cell: ({ seconds }) => seconds.toFixed(2) },
  {
    title: "× nothing",
    cell: ({ timesNothing }) => (Number.isNaN(timesNothing) ? "" : timesNothing.toFixed(2)),
  },
  { title: "growth", cell: growth },
  { title: "requests", cell: ({ requests }) => String(requests) },
  { title: "writes", cell: ({ writes }) => String(writes) },
  { title: "state, B", cell: ({ stateBytes }) => String(stateBytes) },
  { title: "peak, MiB", cell: ({ peakBytes }) => (peakBytes / MIB).toFixed(0) },
  { title: "CPU, s", cell: ({ cpuSeconds }) => cpuSeconds.toFixed(2) },
];

/** The rows of one size, as a table for a terminal. */
export function table(size: number, rows: readonly Row[]): string {
  const own = rows.filter((row) => row.size === size);
  const lines = [
    COLUMNS.map(({ title }) => title),
    ...own.map((row) => COLUMNS.map(({ cell }) => cell(row, rows))),
  ];
  const widths = COLUMNS.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      // Text is left-aligned, numbers are right-aligned.
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  const count = size.toLocaleString("en");
  return [
    `${count} accounts and ${count} keys, median of ${own[0]?.rounds ?? 0}`,
    ...text,
    "",
  ].join("\n");
}

export function heading({ machine, conditions }: Omit<Results, "rows">): string {
  const { cores, memoryGiB, node, pulumi, sdk } = machine;
  const { checkpoints, latencyMs, parallel, nodeargs, env } = conditions;
  return [
    `${cores} cores, ${memoryGiB} GiB, Node ${node}, Pulumi ${pulumi}, SDK ${sdk}; the server on the same machine${latencyMs === undefined ? "" : `, ${latencyMs} ms away`}`,
    checkpoints ? "state written after each step" : "state written once, at the end",
    `--parallel ${parallel ?? "by default"}, nodeargs ${nodeargs ?? "none"}`,
    ...Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`),
    "CPU and peak memory: of the provider process",
    "",
  ].join("\n");
}

/** Seconds and resources as multiples of those at the next smaller size. */
function growth(row: Row, rows: readonly Row[]): string {
  const before = smaller(row, rows);
  if (before === undefined) return "";
  return `${(row.seconds / before.seconds).toFixed(1)} (${row.size / before.size})`;
}
