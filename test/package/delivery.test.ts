import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { z } from "zod";
import { atNight } from "../support/sample";
import { output } from "./command";
import { type Consumer, install } from "./consumer";
import { CHECKOUT } from "./manifest";

const EXAMPLE = join(CHECKOUT, "examples", "delivery");

/** The example programs, and the type of the resource that receives the key. */
const PROGRAMS: Readonly<Record<string, string>> = {
  kubernetes: "kubernetes:core/v1:Secret",
  vault: "vault:kv/secretV2:SecretV2",
  "github-actions": "github:index/actionsSecret:ActionsSecret",
  "aws-secrets-manager": "aws:secretsmanager/secretVersion:SecretVersion",
};

const VALUE = "sk_of_the_service";

/** Runs a program with Pulumi's mocks, and prints what it registers. Secrets are in Pulumi's envelopes. */
const RUNNER = `
const pulumi = require("@pulumi/pulumi");
const registered = [];
const ofKey = { apiKey: pulumi.secret("${VALUE}"), expiresAt: "2030-01-01T00:00:00Z" };
pulumi.runtime.setMocks({
  newResource({ type, name, inputs }) {
    registered.push({ type, inputs });
    const outputs = type.endsWith(":ApiKey") ? ofKey : {};
    return { id: name + "-id", state: { ...inputs, ...outputs } };
  },
  call: () => ({}),
}, "delivery", "dev");
require(process.argv[2]);
pulumi.runtime.disconnect().then(() => console.log(JSON.stringify(registered)));
`;

/** How Pulumi marks a secret value. */
const ENVELOPE = {
  key: "4dabf18193072939515e22adb298388d",
  secret: "1b47061264138c4ac30d75fd1eb44270",
};

const registrations = z.array(z.object({ type: z.string(), inputs: z.unknown() }));

/** The texts in a value that no envelope hides. */
function plainTexts(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [String(value)];
  const entries: [string, unknown][] = Object.entries(value);
  const isSecret = entries.some(([key, mark]) => key === ENVELOPE.key && mark === ENVELOPE.secret);
  return isSecret ? [] : entries.flatMap(([, inner]) => plainTexts(inner));
}

atNight(() =>
  describe("the examples delivery/*, with the SDKs of their stores", () => {
    let consumer: Consumer;
    before(async () => {
      const manifests = Object.keys(PROGRAMS).map((name) =>
        JSON.parse(readFileSync(join(EXAMPLE, name, "package.json"), "utf8")),
      );
      const { "pulumi-flexprice": _, ...packages } = Object.assign(
        {},
        ...manifests.map(({ dependencies }) => dependencies),
      );
      consumer = await install("npm", packages);
      writeFileSync(join(consumer.folder, "run.js"), RUNNER);
    });
    after(() => consumer?.dispose());

    for (const [name, type] of Object.entries(PROGRAMS)) {
      it(`compile, and pass the key on as a secret: ${name}`, async () => {
        const source = readFileSync(join(EXAMPLE, name, "index.ts"), "utf8");
        const file = join(consumer.folder, `${name}.ts`);
        writeFileSync(file, source);
        assert.deepEqual(problemsOf(file), []);

        const { outputText } = ts.transpileModule(source, {
          compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
        });
        writeFileSync(join(consumer.folder, `${name}.js`), outputText);
        const printed = await output("node", ["run.js", `./${name}.js`], { cwd: consumer.folder });
        const received = registrations
          .parse(JSON.parse(printed))
          .filter((registered) => registered.type === type);
        assert.equal(received.length, 1, printed);
        assert.ok(JSON.stringify(received).includes(VALUE), printed);
        const shown = plainTexts(received).filter((text) => text.includes(VALUE));
        assert.deepEqual(shown, []);
      });
    }

    it("do not compile with a mistake", () => {
      const file = join(consumer.folder, "mistake.ts");
      const source = readFileSync(join(EXAMPLE, "vault", "index.ts"), "utf8");
      writeFileSync(file, source.replace("dataJson:", "datajson:"));
      assert.equal(problemsOf(file).length, 1);
    });
  }),
);

/** The messages of the strict compiler about a program. The declarations of its packages are not checked. */
function problemsOf(file: string): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  };
  return ts
    .getPreEmitDiagnostics(ts.createProgram([file], options))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
}
