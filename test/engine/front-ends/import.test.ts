import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import type { OperationResult } from "../../../scripts/workspace";
import { step, withFixture } from "../../support/scenario";
import { use } from "../consumer";
import { changes, failed, messages, succeeded } from "../fixture";
import { open, PLUGIN_FRONT_END } from "./fixture";

const ACCOUNT = "flexprice:index:ServiceAccount";
const KEY = "flexprice:index:ApiKey";
const VARIABLE = "FLEXPRICE_IMPORT_API_KEY";
const END = "2099-01-01T00:00:00Z";

/** The key under which Pulumi marks a value as secret. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

interface Declared {
  account: EmulatedUser;
  key: EmulatedKey;
}

describe("pulumi import", () => {
  it("takes over accounts and keys without a change on the server", async () => {
    await withFixture(open(PLUGIN_FRONT_END, ""), async (fixture) => {
      const declared: Record<string, Declared> = {};
      const { tenantId, environmentId } = fixture.operator;
      for (const name of ["one", "two", "three", "four"]) {
        const account = fixture.emulator.createAccount(tenantId, { name, roles: ["event_reader"] });
        const expiresAt = new Date(END);
        const key = fixture.emulator.createKey(account.id, environmentId, { name, expiresAt });
        declared[name] = { account, key };
      }

      /** After each step, no request for a change is left that the step does not expect. */
      const importStep = (title: string, run: () => Promise<void>) =>
        step(title, async () => {
          await run();
          delete fixture.workspace.env[VARIABLE];
          assert.deepEqual(fixture.takeWrites(), []);
        });

      const of = (name: string): Declared => declared[name] ?? assert.fail(name);

      /** Declares what has been imported, with the inputs that the state has. */
      async function declareAll(more = ""): Promise<void> {
        const resources = Object.entries(await fixture.held()).map(([resource, { inputs }]) => {
          const [type, name] = resource.split(" ");
          return `new flexprice.${type}("${name}", ${JSON.stringify(inputs)});`;
        });
        fixture.setSource(
          ['import * as flexprice from "pulumi-flexprice";', ...resources, more].join("\n"),
        );
      }

      /** The engine shows the error of an import twice, beside the key and beside the stack. */
      function reasonOf(result: OperationResult): string {
        const [error = ""] = messages(failed(result), "error");
        const [, reason] =
          /^Could not import API key \w+\.\n {2}Reason: (.+)\n {2}What to do: .+/.exec(error) ?? [];
        return reason ?? assert.fail(result.output);
      }

      await importStep(
        "imports an account and a key, with its value from the environment",
        async () => {
          const { account, key } = of("one");
          succeeded(await fixture.import(ACCOUNT, "one", account.id));
          fixture.workspace.env[VARIABLE] = key.value;
          succeeded(await fixture.import(KEY, "one", key.id));
          const [, encrypted] = await fixture.resources();
          assert.ok(Object.hasOwn(Object(encrypted?.outputs?.["apiKey"]), SECRET_MARK));
          const held = await fixture.held();
          // What Pulumi prints as the resource's code.
          assert.deepEqual(held["ServiceAccount one"]?.inputs, {
            name: "one",
            roles: ["event_reader"],
          });
          assert.deepEqual(held["ApiKey one"]?.inputs, {
            ...{ serviceAccountId: account.id, name: "one", type: "private_key", expiresAt: END },
          });
          assert.match(
            JSON.stringify(held["ApiKey one"]?.outputs?.["apiKey"]),
            new RegExp(key.value),
          );
        },
      );

      await importStep("rejects the value of another key, and the operator's own key", async () => {
        fixture.workspace.env[VARIABLE] = of("one").key.value;
        const wrong = reasonOf(await fixture.import(KEY, "two", of("two").key.id));
        assert.match(wrong, /^the given apiKey is not this key/);
        const own = fixture.emulator.keys().find(({ value }) => value === fixture.operator.apiKey);
        for (const value of [fixture.operator.apiKey, undefined]) {
          fixture.workspace.env[VARIABLE] = value;
          const refused = reasonOf(await fixture.import(KEY, "own", String(own?.id)));
          assert.match(refused, /^it (is|seems to be) the operator's own credential/);
        }
      });

      await importStep("imports several at once, even a key without its value", async () => {
        const file = join(fixture.workspace.scratch, "resources.json");
        const resources = ["two", "three"].flatMap((name) => [
          { type: ACCOUNT, name, id: of(name).account.id },
          { type: KEY, name, id: of(name).key.id },
        ]);
        writeFileSync(file, JSON.stringify({ resources }));
        fixture.workspace.env[VARIABLE] =
          `${of("one").key.id}=unused ${of("two").key.id}=${of("two").key.value}`;
        succeeded(await fixture.import("--file", file));
        const held = await fixture.held();
        assert.match(JSON.stringify(held["ApiKey two"]?.outputs), new RegExp(of("two").key.value));
        assert.equal(held["ApiKey three"]?.outputs?.["apiKey"], undefined);
      });

      await importStep("a program with the imported inputs shows no change", async () => {
        await declareAll();
        const preview = succeeded(await fixture.preview("--expect-no-changes"));
        assert.deepEqual(messages(preview, "warning"), []);
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await importStep("the option import warns before it replaces", async () => {
        const { account, key } = of("four");
        const importing = (roles: string) => `
new flexprice.ServiceAccount("four", { name: "five", roles: [${roles}] }, { import: "${account.id}" });
new flexprice.ApiKey("four", {
  serviceAccountId: "${account.id}", name: "four", expiresAt: "2099-01-01T05:30:00+05:30",
}, { import: "${key.id}" });`;
        await declareAll(importing('"super_admin"'));
        const preview = succeeded(await fixture.preview());
        assert.match(
          messages(preview, "warning").join(),
          /may not be replaced; .*\nroles: .*event_reader.* => .*super_admin/,
        );

        fixture.workspace.env[VARIABLE] = key.value;
        await declareAll(importing('"event_reader"'));
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up).sort(), [
          "import ApiKey four",
          "import ServiceAccount four",
          "update ServiceAccount four",
        ]);
        assert.deepEqual(
          fixture.takeWrites().map(({ request }) => request),
          [`PUT /v1/users/${account.id}`],
        );
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await importStep("destroy deletes all of them", async () => {
        succeeded(await fixture.destroy());
        fixture.takeWrites();
        assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
        for (const { key } of Object.values(declared))
          assert.equal(await use(fixture, key.value), 401);
      });
    });
  });
});
