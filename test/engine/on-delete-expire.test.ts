import assert from "node:assert/strict";
import { nightlyStep, step } from "../support/scenario";
import { Clock } from "./clock";
import { KEY_REPLACED, keyState, use } from "./consumer";
import { accountWithKey, changes, failed, messages, succeeded, withStack } from "./fixture";

const ACCOUNT = "**ServiceAccount::ci";

function program(role: string, account = ""): string {
  return accountWithKey({
    roles: `["${role}"]`,
    account,
    key: 'expiresIn: "30d", onDelete: "expire"',
  });
}

describe('a key with onDelete "expire"', () => {
  it("is revoked when its account goes, but not before", async () => {
    // The credential is in the environment: a destroy uses its current values, not those of the last update.
    await withStack(program("event_ingestor"), {}, async (fixture) => {
      succeeded(await fixture.up());

      async function assertOneAccount(id: unknown): Promise<void> {
        assert.deepEqual(
          fixture.accounts().map((account) => account.id),
          [id],
        );
      }

      await nightlyStep("a destroy that fails leaves the key working", async () => {
        const before = await fixture.held();
        const { apiKey } = await fixture.outputs();
        const { env } = fixture.workspace;
        const stranger = fixture.emulator.createTenant();
        fixture.hide(stranger.apiKey);
        const obstacles = {
          FLEXPRICE_API_KEY: [stranger.apiKey, /it belongs to tenant .*, but the credential from/],
          FLEXPRICE_BASE_URL: ["http://127.0.0.1:1", /connect ECONNREFUSED 127\.0\.0\.1:1/],
        } as const;
        fixture.takeWrites();
        for (const [name, [value, reason]] of Object.entries(obstacles)) {
          const usual = env[name];
          env[name] = value;
          const destroy = failed(await fixture.destroy());
          env[name] = usual;
          assert.match(messages(destroy, "error").join(), reason);
          assert.deepEqual(messages(destroy, "warning"), []);
          assert.deepEqual(await fixture.held(), before, name);
        }
        assert.deepEqual(fixture.takeWrites(), []);
        assert.equal(await use(fixture, apiKey), 200);
      });

      await step("up revokes it when the account was replaced alone before", async () => {
        const before = await fixture.outputs();
        fixture.setSource(program("event_reader"));
        failed(await fixture.up("--target", ACCOUNT));
        assert.equal(await use(fixture, before["apiKey"]), 200);
        // So the account is deleted while the key still exists.
        fixture.emulator.faults.add({
          kind: "status",
          status: 503,
          when: "before",
          match: { method: "DELETE", path: /\/secrets\/api\/keys\// },
        });
        succeeded(await fixture.up());
        const now = await fixture.outputs();
        assert.equal(await use(fixture, before["apiKey"]), 401);
        assert.equal(await use(fixture, now["apiKey"]), 200);
        await assertOneAccount(now["accountId"]);
      });

      await step("forceDestroy does not revoke it while the stack uses it", async () => {
        fixture.setSource(program("event_reader", "forceDestroy: true"));
        succeeded(await fixture.up());
        const before = await fixture.outputs();
        fixture.setSource(program("event_ingestor", "forceDestroy: true"));
        const { name } = await keyState(fixture);
        // In the second run, the old account is already replaced.
        for (const run of ["first", "second"]) {
          const targeted = failed(await fixture.up("--target", ACCOUNT));
          const refusal = messages(targeted, "error").join();
          assert.ok(
            refusal.includes(`"${name}" (${before["keyId"]}) may be in use`),
            run + refusal,
          );
          assert.match(refusal, /What to do: run "pulumi up" without --target/);
          assert.deepEqual(messages(targeted, "warning"), []);
        }
        assert.equal(await use(fixture, before["apiKey"]), 200);
      });

      await step("forceDestroy revokes keys created by hand, each with a warning", async () => {
        const before = await fixture.outputs();
        const replaced = (await fixture.resources()).find((resource) => resource.delete);
        const foreign = fixture.emulator.createKey(
          String(replaced?.id),
          fixture.operator.environmentId,
          {
            name: "by hand",
          },
        );
        const warnings = messages(succeeded(await fixture.up()), "warning");
        const forced = warnings.filter((text) => text.includes("(forceDestroy)"));
        assert.equal(forced.length, 1, warnings.join());
        assert.match(
          forced.join(),
          new RegExp(`^API key "by hand" \\(${foreign.id}.* blocked the archiving of`),
        );
        for (const value of [before["apiKey"], foreign.value]) {
          assert.equal(await use(fixture, value), 401);
        }

        const now = await fixture.outputs();
        assert.equal(await use(fixture, now["apiKey"]), 200);
        await assertOneAccount(now["accountId"]);
      });

      await step("a rotation does not revoke it, even if the clock here is far ahead", async () => {
        const ahead = new Clock();
        ahead.advance("100d");
        Object.assign(fixture.workspace.env, ahead.env);
        const old = await fixture.outputs();
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), KEY_REPLACED);
        assert.match(messages(up, "warning").join(), /is not revoked, but left to expire at/);
        assert.equal(await use(fixture, old["apiKey"]), 200);
      });

      await step("destroy revokes it with its successor, whatever the clock shows", async () => {
        const preview = await fixture.destroy(
          "--yes=false",
          "--skip-preview=false",
          "--preview-only",
        );
        assert.deepEqual(changes(succeeded(preview)), [
          "delete ApiKey ci",
          "delete ServiceAccount ci",
        ]);
        const destroy = succeeded(await fixture.destroy());
        assert.match(
          messages(destroy, "warning").join(),
          /^API key secret_\w+, which a rotation had left .* has been revoked together with its successor/,
        );
        assert.deepEqual(
          [fixture.accounts(), fixture.keys(), await fixture.resources()],
          [[], [], []],
        );
      });
    });
  });
});
