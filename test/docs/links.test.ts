import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, type Link, linksIn, linksOf, pagePaths, readPage } from "./page";

describe("links in documents", () => {
  for (const path of pagePaths()) {
    const links = linksOf(path);
    if (links.length === 0) continue;
    it(`lead to existing files and headings: ${path}`, () => {
      assert.deepEqual(
        links.filter((link) => !isThere(link)),
        [],
      );
    });
  }

  it("are rejected if they lead nowhere", () => {
    const links = linksIn(
      "README.md",
      "[a](docs/nothing.md) [b](#no-such-heading) [c](README.md#no-such-heading) [d](#license)",
    );
    assert.deepEqual(
      links.filter((link) => !isThere(link)),
      links.slice(0, 3),
    );
  });
});

function isThere({ target, heading }: Link): boolean {
  if (!existsSync(join(CHECKOUT, target))) return false;
  if (heading === undefined) return true;
  return !statSync(join(CHECKOUT, target)).isDirectory() && anchorsOf(target).has(heading);
}

/** The anchors of a page's headings on GitHub. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, title = ""] of readPage(path).prose.matchAll(/^#+ +(.*)$/gm)) {
    const anchor = title
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    for (let n = 0; ; n++) {
      const name = n === 0 ? anchor : `${anchor}-${n}`;
      if (anchors.has(name)) continue;
      anchors.add(name);
      break;
    }
  }
  return anchors;
}
