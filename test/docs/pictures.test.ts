import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PICTURES } from "../../scripts/pictures";
import { terminalPicture, textOf } from "../../scripts/terminal-picture";
import { sample } from "../support/sample";
import { CHECKOUT } from "./page";

const FOLDER = join(CHECKOUT, "docs", "images");

describe("pictures in documents", () => {
  it("are all drawn by npm run pictures", () => {
    assert.deepEqual(readdirSync(FOLDER).sort(), Object.keys(PICTURES).sort());
  });

  for (const [name, draw] of sample(Object.entries(PICTURES))) {
    it(`show the real output: ${name}`, async () => {
      const committed = readFileSync(join(FOLDER, name), "utf8");
      assert.equal(textOf(committed), textOf(await draw()));
      assertWithinFrame(committed);
    });
  }

  it("wrap long lines, in the colors of the terminal", () => {
    const words = "a word & <another> ".repeat(20).trim();
    const picture = terminalPicture(
      "long",
      `  \u001b[31merror:\u001b[0m ${words}\n\n${"x".repeat(104)}`,
    );
    assert.match(picture, /fill="#ff8178">error:<\/text>/);
    assert.equal(textOf(picture).replace(/\s+/g, " ").trim(), `error: ${words} ${"x".repeat(104)}`);
    assertWithinFrame(picture);
  });
});

function assertWithinFrame(picture: string): void {
  const [, width = "", height = ""] = /width="(\d+)" height="(\d+)"/.exec(picture) ?? [];
  const texts = [...picture.matchAll(/<text x="([\d.]+)" y="(\d+)" textLength="([\d.]+)"/g)];
  assert.notEqual(texts.length, 0);
  for (const [text, x, y, length] of texts) {
    assert.ok(Number(x) + Number(length) < Number(width), text);
    assert.ok(Number(y) < Number(height), text);
  }
}
