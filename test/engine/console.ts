import assert from "node:assert/strict";
import type { EngineFixture } from "./fixture";

/** Separates the outputs of two commands; no text contains it. */
const SEPARATOR = "\x1e";

/** A command in a console block of a document, and its output there. */
export interface Exchange {
  command: string;
  documented: string;
}

/** The commands of a console block are the lines after `$ `. */
export function exchangesOf(block: string): Exchange[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const [command = "", ...output] = text.split("\n");
      return { command, documented: output.join("\n") };
    });
}

/** Runs commands in one shell, in this folder. All must succeed, and the last one must end with this status. */
export async function type(
  fixture: EngineFixture,
  commands: readonly string[],
  folder: string,
  status = 0,
): Promise<string[]> {
  const script = commands.join(`\nprintf '${SEPARATOR}'\n`);
  const { exitCode, output } = await fixture.shell(`exec 2>&1; set -e\n${script}`, folder);
  assert.equal(exitCode, status, output);
  return output.split(SEPARATOR);
}

/** In a document, `…` stands for anything in a line, and alone on a line for any number of lines. */
export function assertShown(command: string, documented: string, output: string): void {
  const expected = tidy(documented);
  const shown = tidy(output);
  const pattern = expected.map((line) =>
    line === "…" ? "(?:.*\n)*?" : `${literally(line).replaceAll("…", ".+?")}\n`,
  );
  const text = shown.map((line) => `${line}\n`).join("");
  if (!new RegExp(`^${pattern.join("")}$`).test(text)) assert.deepEqual(shown, expected, command);
}

/**
 * An excerpt of an output, wrapped and indented to fit the page. `…` stands for anything in a word, and alone on a
 * line for anything left out.
 */
export function assertExcerpt(excerpt: string, output: string): void {
  const words = excerpt
    .trim()
    .replace(/^\s*…$/gm, SEPARATOR)
    .split(/\s+/);
  const pattern = words.map((word) =>
    word === SEPARATOR ? "(?:.* )?" : `${literally(word).replaceAll("…", "\\S*")} `,
  );
  const text = `${output.replace(/\s+/g, " ")} `;
  const isThere = new RegExp(pattern.join("")).test(text);
  assert.ok(isThere, `This is not among what was printed:\n${excerpt}\n\nThat was:\n${output}`);
}

/** The lines without trailing blanks, empty lines, and Pulumi's progress dots. */
function tidy(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !line.startsWith("@ "));
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
