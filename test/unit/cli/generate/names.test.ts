import assert from "node:assert/strict";
import { ProgramNames } from "../../../../provider/cli/generate/names";

describe("cli/generate/names", () => {
  let names: ProgramNames;
  beforeEach(() => {
    names = new ProgramNames();
  });

  const logical: Record<string, string> = {
    "ci-bot": "ci-bot",
    "CI Bot (prod)": "CI-Bot-prod",
    " spaces  around ": "spaces-around",
    "v1.2_x": "v1.2_x",
    "--dashes--": "dashes",
    "監視 サービス": "監視-サービス",
    हिन्दी: "हिन्दी",
    "a\nb": "a-b",
    '"; evil(); //': "evil",
    "👩‍🚀": "account",
    "": "account",
    "ci-bot-7k3d9x2m4p": "ci-bot",
    "ci-bot-7k3d9x2m4": "ci-bot-7k3d9x2m4",
    "api-management": "api-management",
    "-7k3d9x2m4p": "account",
    sk_01M85FAKMEBXGA1EGXE598V40Z: "redacted",
    "...": "account",
    "../../etc": "etc",
    [`${"x".repeat(59)}--y`]: "x".repeat(59),
    ["é".repeat(300)]: "é".repeat(60),
  };
  for (const [name, expected] of Object.entries(logical)) {
    it(`turns ${JSON.stringify(name.slice(0, 70))} into ${expected.slice(0, 70)}`, () => {
      assert.equal(names.logical(name, "account"), expected);
    });
  }

  it("gives each logical name once", () => {
    const given = ["a", "a-2", "a", "a", "a!"].map((name) => names.logical(name, "account"));
    assert.deepEqual(given, ["a", "a-2", "a-3", "a-4", "a-5"]);
  });

  it("gives each variable once, never a keyword nor one that starts with a digit", () => {
    const given = ["class", "2fa", "ci-bot", "ci.bot", "監視", "", "accountX"].map((name) =>
      names.variable(name),
    );
    assert.deepEqual(given, [
      "accountClass",
      "account2fa",
      "accountCiBot",
      "accountCiBot_2",
      "account",
      "account_2",
      "accountAccountX",
    ]);
  });
});
