import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Block, CHECKOUT, pagePaths, parsePage, readPage } from "./page";

/** Blocks outside of the followed pages, by a text in them, and the test that covers each. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "provider/index.ts        the entry for programs": "a list of folders",
  "npx pulumi-flexprice dev-server --seed 1": "test/unit/cli/page.test.ts",
  "dev-server --state flexprice.dev.json": "test/engine/example-rotation.test.ts",
  "npx pulumi-flexprice doctor": "test/unit/cli/page.test.ts",
  "npx pulumi-flexprice generate --out index.ts": "test/unit/cli/page.test.ts",
  "const accountDemo1": "test/unit/cli/page.test.ts",
  "npx pulumi-flexprice generate --stack-export": "test/unit/cli/generate/generate.test.ts",
  "npx pulumi-flexprice generate --component": "test/unit/cli/page.test.ts",
  'new flexprice.ServiceIdentity("demo-1"': "test/unit/cli/page.test.ts",
  "npx pulumi-flexprice orphans --stack-export": "test/unit/cli/page.test.ts",
  "npx pulumi-flexprice keys --stack-export prod.json": "test/unit/cli/page.test.ts",
  "npx pulumi-flexprice revoke secret_": "test/unit/cli/page.test.ts",
  "warning: No Flexprice credential is configured": "test/engine/preview-settings.test.ts",
  "kubectl create secret generic":
    "asks for a cluster; test/docs/deployments.test.ts compares it with stack.yaml",
  "kubectl apply --dry-run=server": "asks for a cluster",
  "kubectl annotate stack/": "asks for a cluster; test/docs/deployments.test.ts compares its name",
  "kubectl delete workspace/": "asks for a cluster",
  "pulumi stack init dev\npulumi up": "test/engine/example-delivery.test.ts runs the programs",
  "pulumi stack init production": "test/engine/ci-suite.ts makes a stack of that kind",
  '- cron: "17 5 * * *"':
    "a workflow; its command is typed in test/engine/example-rotation.test.ts",
  "npm install pulumi-flexprice @pulumi/pulumi": "typed on docs/installation-configuration.md",
  "pulumi preview --refresh --diff": "typed on docs/drift.md",
  "npm install && npm start": "the workflow ci, see test/package/workflows.test.ts",
  'pulumi config set --path key.id "$KEY_ID"': "typed in test/engine/example-adopt.test.ts",
  "keysExpire({ maxDays: 30 }),": "compiled; packs like it run in test/engine/policies.test.ts",
  '"flexprice-account-per-service": "disabled"': "settings as in test/engine/policies.test.ts",
  "-const relay = new flexprice.ServiceAccount": "test/engine/front-ends/moving-in.test.ts",
  "✔ rejects a misspelled role in a preview": "test/engine/example-testing.test.ts",
};

/** Languages in an example's README that need no further test: its own test runs console blocks. */
const IN_EXAMPLES: readonly string[] = ["console"];

describe("every block of every page", () => {
  const followed = calls("test/docs", /\b(?:follow\(|PAGE = )"([^"]+)"/g);
  const together = calls("test/docs", /^ {2}"((?:docs\/)?[\w-]+\.md)",$/gm);
  const examples = calls("test/engine", /\bExample\.open\("([^"]+)"/g).map((name) =>
    join("examples", name),
  );

  function isTested({ page, language, text }: Block): boolean {
    if (Object.keys(ELSEWHERE).some((name) => text.includes(name))) return true;
    if (followed.includes(page)) return true;
    if (together.includes(page) && language === "ts") return true;
    return examples.includes(dirname(page)) && IN_EXAMPLES.includes(language);
  }

  const overlooked = (blocks: readonly Block[]) =>
    blocks.filter((block) => !isTested(block)).map(({ page, line }) => `${page}:${line}`);

  for (const path of pagePaths()) {
    const { blocks } = readPage(path);
    if (blocks.length === 0) continue;
    it(`is tested, or listed here with its reason: ${path}`, () => {
      assert.deepEqual(overlooked(blocks), []);
    });
  }

  it("is reported if it is not tested", () => {
    const { blocks } = parsePage("docs/new.md", "```sh\npulumi up\n```\n");
    assert.deepEqual(overlooked(blocks), ["docs/new.md:2"]);
  });

  it("exists if it is listed in ELSEWHERE", () => {
    const blocks = pagePaths().flatMap((path) => readPage(path).blocks);
    const missing = Object.keys(ELSEWHERE).filter(
      (name) => !blocks.some(({ text }) => text.includes(name)),
    );
    assert.deepEqual(missing, []);
  });
});

/** The arguments of a function in the test files of a folder. */
function calls(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(CHECKOUT, folder))
    .filter((file) => file.endsWith(".test.ts"))
    .flatMap((file) => [...readFileSync(join(CHECKOUT, folder, file), "utf8").matchAll(pattern)])
    .map(([, argument = ""]) => argument);
}
