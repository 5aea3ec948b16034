import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";

export const CHECKOUT = resolve(__dirname, "..", "..");

/** A fenced block of a page: code, commands, or output. */
export interface Block {
  /** The page's path below the checkout. */
  readonly page: string;
  /** Number of its first line in the page. */
  readonly line: number;
  /** The language after the fence; "" for output. */
  readonly language: string;
  readonly text: string;
}

export interface Page {
  readonly path: string;
  readonly blocks: readonly Block[];
  /** The page with empty lines instead of blocks. */
  readonly prose: string;
}

/** The pages for readers, by path below the checkout. */
export function pagePaths(): string[] {
  const folders = ["docs", "examples", "benchmark"].flatMap((folder) => markdownIn(folder, true));
  return [...markdownIn(".", false), ...folders].sort();
}

export function readPage(path: string): Page {
  return parsePage(path, readFileSync(join(CHECKOUT, path), "utf8"));
}

/** A link within the repository. */
export interface Link {
  /** A path below the checkout. */
  readonly target: string;
  readonly heading: string | undefined;
}

/** The links and pictures of a page that stay within the repository. */
export function linksOf(path: string): Link[] {
  return linksIn(path, readPage(path).prose);
}

/** The same for text that is not in a file. */
export function linksIn(path: string, prose: string): Link[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)]
    .map(([, link, attribute]) => link ?? attribute ?? "")
    .filter((link) => !/^\w+:/.test(link))
    .map((link) => {
      const [file = "", heading] = link.split("#");
      return { target: file === "" ? path : posix.join(dirname(path), file), heading };
    });
}

/** The documentation comments of a source file, as a page with the same line numbers. */
export function readDocstrings(path: string): Page {
  const lines = readFileSync(join(CHECKOUT, path), "utf8").split("\n");
  return parsePage(path, lines.map((line) => /^\s*\* ?(.*)/.exec(line)?.[1] ?? "").join("\n"));
}

export function parsePage(path: string, text: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { fence: string; language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const [, indent = "", fence = "", language = ""] = /^(\s*)(```+)\s*(\w*)/.exec(line) ?? [];
    prose.push(open === undefined && fence === "" ? line : "");
    if (open === undefined) {
      if (fence !== "") open = { fence: indent + fence, language, line: index + 2, lines: [] };
    } else if (line.startsWith(open.fence) && language === "") {
      const { lines, line, language } = open;
      blocks.push({ page: path, line, language, text: lines.join("\n") });
      open = undefined;
    } else {
      open.lines.push(line.slice(open.fence.length - open.fence.trimStart().length));
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: this block has no end`);
  return { path, blocks, prose: prose.join("\n") };
}

function markdownIn(folder: string, below: boolean): string[] {
  if (!existsSync(join(CHECKOUT, folder))) return [];
  return readdirSync(join(CHECKOUT, folder), { recursive: below, encoding: "utf8" })
    .filter((file) => file.endsWith(".md") && !file.includes("node_modules"))
    .map((file) => join(folder, file));
}
