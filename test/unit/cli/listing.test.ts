import assert from "node:assert/strict";
import { quoteShort } from "../../../provider/cli/listing";
import { escapeControl, quoted } from "../../../provider/shared/redaction";

const UNUSUAL: Readonly<Record<string, string>> = {
  quotes: "say \"hi\" and 'hi'",
  "a backslash": "back\\slash\\",
  "several lines": "two\nlines\r\n",
  "the end of a comment": "*/ evil(); /*",
  "a template": "\u0024{evil()} `x`",
  "a bell and a cleared screen": "tab\tbell\u0007 clear\u001b[2J",
  "a color in 8 bits": "csi\u009b31m",
  "line separators": "line\u2028separator\u2029",
  "a change of direction": "right\u202eleft",
  "characters without width": "zero\u200bwidth\ufeff",
  "a tag": "tag \u{e0041}",
  "letters of several scripts": "ünïcode 監視 👩\u200d🚀",
  "half a surrogate pair": "half \ud800 pair",
  "an empty text": "",
};

describe("cli/listing", () => {
  for (const [what, text] of Object.entries(UNUSUAL)) {
    it(`quotes ${what} as one line that a program reads back`, () => {
      const literal = quoted(text);
      // biome-ignore lint/security/noGlobalEval: the question is what a program makes of it.
      assert.equal(eval(literal), text);
      for (const line of [literal, escapeControl(text)]) {
        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }
    });
  }

  it("cuts long names between characters", () => {
    assert.equal(quoteShort("x".repeat(60)), `"${"x".repeat(60)}"`);
    assert.equal(quoteShort("😀".repeat(61)), `"${"😀".repeat(59)}…"`);
  });

  it("redacts a key that is used as a name", () => {
    const key = `sk_${"0123456789ABCDEFGHJKMNPQRS"}`;
    assert.equal(quoteShort(`ci ${key}`), '"ci [redacted]"');
    assert.equal(quoteShort("sk_01***NP"), '"sk_01***NP"');
  });
});
