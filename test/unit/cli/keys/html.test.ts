import assert from "node:assert/strict";
import { html, trusted } from "../../../../provider/cli/keys/html";

describe("cli/keys/html", () => {
  it("escapes text in elements and attributes", () => {
    const name = `<b a="1" b='2'>&amp;`;
    assert.equal(
      html`<p title="${name}">${name}</p>`.text,
      `<p title="&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;">&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;</p>`,
    );
  });

  it("spells out control characters and redacts credentials", () => {
    const { text } = html`${"a\u0000\u202eb"} ${"sk_01JGFJJZ005NY4Z5C3CANGH2SV"}`;
    assert.equal(text, "a\\u{0}\\u{202e}b [redacted]");
  });

  it("keeps markup, also in lists, and omits undefined values", () => {
    const items = ["<", 1].map((item) => html`<li>${item}</li>`);
    const { text } = html`<ul>${items}</ul>${undefined}${trusted("<hr>")}`;
    assert.equal(text, "<ul><li>&lt;</li><li>1</li></ul><hr>");
  });
});
