import { createInterface } from "node:readline/promises";
import type { CommandContext, Screen } from "./command-context";

const WIDEST = 100;
const CLEAR_LINE = "\r\x1b[K";

/** Writes a text after a mark: on a terminal, wrapped to its width; otherwise in one line. */
export function writeParagraph(
  screen: Screen,
  mark: string,
  text: string,
  paint: (mark: string) => string = (plain) => plain,
): void {
  const indent = " ".repeat(mark.length);
  const width = screen.isTTY === true ? Math.min(screen.columns ?? WIDEST, WIDEST) : undefined;
  const lines = text.split("\n").flatMap((line) => wrapped(line, width, mark.length));
  screen.write(`${lines.map((line, i) => (i === 0 ? paint(mark) : indent) + line).join("\n")}\n`);
}

function wrapped(text: string, width: number | undefined, indent: number): string[] {
  if (width === undefined) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Shows on a terminal what a long step is doing; the line goes when the step ends. */
export async function withProgress<Result>(
  { stderr }: CommandContext,
  step: (show: (text: string) => void) => Promise<Result>,
): Promise<Result> {
  if (stderr.isTTY !== true) return await step(() => {});
  const show = (text: string) => {
    stderr.write(`${CLEAR_LINE}${text.slice(0, (stderr.columns ?? WIDEST) - 1)}`);
  };
  try {
    return await step(show);
  } finally {
    stderr.write(CLEAR_LINE);
  }
}

/** Whether a user can answer a question. */
export function canAsk({ stdin, stderr }: CommandContext): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks on standard error. Anything but "yes" is a no, and so is the end of the input. */
export async function confirm(
  { stdin, stderr }: CommandContext,
  question: string,
): Promise<boolean> {
  stderr.write(question);
  // question() of readline never settles when the input ends without a line.
  const lines = createInterface({ input: stdin });
  try {
    for await (const line of lines) return line.trim().toLowerCase() === "yes";
    return false;
  } finally {
    // Otherwise standard input keeps the process alive.
    lines.close();
  }
}
