import { createInterface } from "node:readline/promises";
import { redact } from "../shared/redaction";
import type { CommandContext, Screen } from "./command-context";

const WIDEST = 100;
const CLEAR_LINE = "\r\x1b[K";

/** Writes a {@link paragraph}. */
export function writeParagraph(screen: Screen, ...parts: Parts): void {
  screen.write(`${paragraph(screen, ...parts)}\n`);
}

type Parts = [mark: string, text: string, paint?: (mark: string) => string];

/** A text after a mark: on a terminal, wrapped to its width; otherwise in one line. */
export function paragraph(
  screen: Screen,
  ...[mark, text, paint = (plain) => plain]: Parts
): string {
  const indent = " ".repeat(mark.length);
  const width = screen.isTTY === true ? Math.min(widthOf(screen), WIDEST) : undefined;
  const lines = text.split("\n").flatMap((line) => wrapped(line, width, mark.length));
  return lines.map((line, i) => (i === 0 ? paint(mark) : indent) + line).join("\n");
}

/** A terminal that does not know its width reports 0. */
function widthOf({ columns }: Screen): number {
  return columns || WIDEST;
}

/** An indented command to copy: on a terminal that is too narrow, in lines that a shell joins. */
export function copyable(screen: Screen, command: string): string {
  const width = widthOf(screen);
  const isWide = screen.isTTY !== true || command.length + COMMAND_INDENT.length <= width;
  // An option and its value stay together.
  const joined = command.replaceAll(/(?<= --[\w-]+) (?!-)/g, "\0");
  const lines = isWide ? [command] : wrapped(joined, width - " \\".length, LATER_INDENT.length);
  return `${COMMAND_INDENT}${lines.join(` \\\n${LATER_INDENT}`)}`.replaceAll("\0", " ");
}

const COMMAND_INDENT = "  ";
const LATER_INDENT = "    ";

/** Writes lines that may be long, each with the indent that it has. */
export function writeLines(screen: Screen, text: string): void {
  for (const line of text.split("\n")) {
    const [indent = ""] = /^ */.exec(line) ?? [];
    writeParagraph(screen, indent, line.slice(indent.length));
  }
}

/** Writes JSON that a terminal can show. */
export function writeJson(screen: Screen, value: unknown): void {
  // Redacting the whole could cut off the end of a text.
  const clean = (_key: string, part: unknown) => (typeof part === "string" ? redact(part) : part);
  screen.write(`${JSON.stringify(value, clean, 2).replace(UNREADABLE_IN_JSON, asEscape)}\n`);
}

/** What JSON may have as it is, and a terminal may not. */
const UNREADABLE_IN_JSON = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function asEscape(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
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

/** Work that takes less than this, in milliseconds, shows no progress. */
const PROGRESS_DELAY_MS = 2_000;

/** Shows on a terminal what a long step is doing; the line goes when the step ends. */
export async function withProgress<Result>(
  { stderr, schedule }: CommandContext,
  step: (show: (text: string) => void) => Promise<Result>,
): Promise<Result> {
  if (stderr.isTTY !== true) return await step(() => {});
  let current = "";
  let isLong = false;
  const draw = () => {
    stderr.write(`${CLEAR_LINE}${current.slice(0, widthOf(stderr) - 1)}`);
  };
  const cancel = schedule(PROGRESS_DELAY_MS, () => {
    isLong = true;
    draw();
  });
  try {
    return await step((text) => {
      current = text;
      if (isLong) draw();
    });
  } finally {
    cancel();
    if (isLong) stderr.write(CLEAR_LINE);
  }
}

/** Whether a user can answer a question. */
export function canAsk({ stdin, stderr }: CommandContext): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks on standard error. Anything but "yes" is a no, and so is the end of the input. */
export async function confirm(context: CommandContext, question: string): Promise<boolean> {
  return (await ask(context, question)).toLowerCase() === "yes";
}

/** Asks on standard error, and returns the answer without spaces around it; "" at the end of the input. */
export async function ask({ stdin, stderr }: CommandContext, question: string): Promise<string> {
  stderr.write(question);
  // question() of readline never settles when the input ends without a line.
  const lines = createInterface({ input: stdin });
  try {
    for await (const line of lines) return line.trim();
    return "";
  } finally {
    // Otherwise standard input keeps the process alive.
    lines.close();
  }
}
