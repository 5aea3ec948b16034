import assert from "node:assert/strict";
import { atNight } from "../support/sample";
import { nightlyStep, step } from "../support/scenario";
import {
  accountWithKey,
  CHANGES_SEEN,
  changes,
  type EngineFixture,
  failed,
  messages,
  prefixOf,
  succeeded,
  withStack,
} from "./fixture";

const REPLACEMENT = ["create-replacement", "replace", "delete-replaced"];
/** The server gets it in UTC, which is not drift. */
const END = "2099-06-01T17:30:00+05:30";

/** Changes outside of Pulumi to an account and its key. The program only names the account "titled". */
const KINDS = ["renamed", "titled", "unnamed", "promoted", "archived", "revoked", "ended"] as const;
type Kind = (typeof KINDS)[number];

/** What a preview shows of each drifted resource. */
const SHOWN: Record<Kind, readonly [resource: string, pattern: RegExp]> = {
  renamed: ["ServiceAccount::renamed", /~ name *: "renamed-\w{10}" => "in the dashboard"/],
  titled: ["ServiceAccount::titled", /~ name *: "titled" => "in the dashboard"/],
  unnamed: ["ServiceAccount::unnamed", /- name *: "unnamed-\w{10}"/],
  promoted: ["ServiceAccount::promoted", /~ \[0\]: "event_ingestor" => "super_admin"/],
  archived: ["ApiKey::archived", /\+ ownerArchived *: true/],
  revoked: ["ApiKey::revoked", /- apiKey *: \[secret\]/],
  ended: ["ApiKey::ended", /~ expiresAt *: "2099-06-01T12:00:00Z" => "20/],
};

/** How `pulumi up` fixes it. */
const FIXES: Record<Kind, readonly string[]> = {
  renamed: ["update ServiceAccount renamed"],
  titled: ["update ServiceAccount titled"],
  unnamed: ["update ServiceAccount unnamed"],
  promoted: REPLACEMENT.flatMap((op) => [`${op} ServiceAccount promoted`, `${op} ApiKey promoted`]),
  archived: ["create ServiceAccount archived", ...REPLACEMENT.map((op) => `${op} ApiKey archived`)],
  revoked: ["create ApiKey revoked"],
  ended: REPLACEMENT.map((op) => `${op} ApiKey ended`),
};

async function assertUnchanged(fixture: EngineFixture): Promise<void> {
  const preview = succeeded(await fixture.drift());
  assert.deepEqual(changes(preview), []);
  assert.doesNotMatch(preview.output, /flexprice:|--outputs:--|warning/);
}

const PROGRAM = `
import * as flexprice from "pulumi-flexprice";
const ids: Record<string, unknown> = {};
for (const kind of ${JSON.stringify(KINDS)}) {
  const account = new flexprice.ServiceAccount(kind, {
    roles: ["event_ingestor"],
    ...(kind === "titled" ? { name: kind } : {}),
  });
  const key = new flexprice.ApiKey(kind, { serviceAccountId: account.id, expiresAt: "${END}" });
  Object.assign(ids, { [kind + "Account"]: account.id, [kind + "Key"]: key.id });
}
export = ids;
`;

describe("drift of every kind at once", () => {
  it("is shown by preview and fixed by up", async () => {
    await withStack(PROGRAM, {}, async (fixture) => {
      succeeded(await fixture.up());
      const first = await fixture.outputs();
      const names = new Map(fixture.accounts().map(({ id, name }) => [id, name]));

      await step("preview and refresh show none right after up", async () => {
        const held = await fixture.held();
        fixture.takeWrites();
        await assertUnchanged(fixture);
        await assertUnchanged(fixture);
        const refresh = succeeded(await fixture.refresh("--expect-no-changes"));
        assert.deepEqual(
          refresh.steps.flatMap(({ diffs }) => diffs),
          [],
        );
        assert.deepEqual(await fixture.held(), held);
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("preview shows every kind, fails, and changes nothing", async () => {
        const id = (name: string): string => String(first[name]);
        // Objects younger than ten minutes never count as gone.
        fixture.clock.advance("11m");
        for (const account of ["renamedAccount", "titledAccount"])
          fixture.emulator.renameAccount(id(account), "in the dashboard");
        fixture.emulator.renameAccount(id("unnamedAccount"), "");
        fixture.emulator.setRoles(id("promotedAccount"), ["super_admin"]);
        fixture.emulator.archiveAccount(id("archivedAccount"));
        fixture.emulator.revokeKey(id("revokedKey"));
        fixture.emulator.expireKey(id("endedKey"));

        const preview = failed(await fixture.drift());
        assert.equal(preview.exitCode, CHANGES_SEEN);
        assert.match(
          preview.output,
          /no changes were expected for preview but changes were proposed/,
        );
        const [refreshed = ""] = preview.output.split("pulumi:pulumi:Stack: (same)");
        const parts = refreshed.split("\n    ~ pulumi-nodejs:dynamic");
        for (const [resource, pattern] of Object.values(SHOWN)) {
          const part = parts.find((text) => text.includes(`:${resource}]`));
          assert.match(part ?? "", pattern, `${resource} in\n${refreshed}`);
        }
        // In addition to these, only the archived account.
        assert.equal(parts.length - 1, KINDS.length + 1, refreshed);
        const warnings = messages(preview, "warning").join("");
        assert.match(warnings, /is archived, but the key still works/);
        assert.match(warnings, /API key "\S+" \(\S+\) was revoked outside of this program/);
        assert.match(
          warnings,
          /Service account "\S+" \(\S+\) was archived outside of this program/,
        );
        // If the program sets no name, the warning shows the account's own name.
        assert.deepEqual(
          [...warnings.matchAll(/it is called "(.*)", and its own name is "(\w+)-\w{10}"/g)]
            .map(([, now, prefix]) => [prefix, now])
            .sort(),
          [
            ["renamed", "in the dashboard"],
            ["unnamed", ""],
          ],
        );
        assert.deepEqual(changes(preview).sort(), Object.values(FIXES).flat().sort());
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up fixes every kind, and leaves none", async () => {
        const up = succeeded(await fixture.up("--refresh"));
        assert.deepEqual(changes(up).sort(), Object.values(FIXES).flat().sort());
        await assertUnchanged(fixture);

        const now = await fixture.outputs();
        const changed = Object.keys(now).filter((output) => now[output] !== first[output]);
        assert.deepEqual(changed.sort(), [
          "archivedAccount",
          "archivedKey",
          "endedKey",
          "promotedAccount",
          "promotedKey",
          "revokedKey",
        ]);
        const accounts = fixture
          .accounts()
          .map(({ id, name, roles }) => [name === "titled" ? name : prefixOf(name), id, ...roles]);
        assert.deepEqual(
          accounts.sort(),
          KINDS.map((kind) => [kind, now[`${kind}Account`], "event_ingestor"]).sort(),
        );
        const unchanged = fixture.accounts().filter(({ id }) => names.has(id));
        assert.deepEqual(
          unchanged.map(({ name }) => name),
          unchanged.map(({ id }) => names.get(id)),
        );
        const keys = fixture.keys().map(({ id, name, userId }) => [prefixOf(name), id, userId]);
        assert.deepEqual(
          keys.sort(),
          KINDS.map((kind) => [kind, now[`${kind}Key`], now[`${kind}Account`]]).sort(),
        );
      });
    });
  });
});

atNight(() =>
  describe("drift", () => {
    it("is fixed in place, or by a replacement", async () => {
      await withStack(accountWithKey(), {}, async (fixture) => {
        succeeded(await fixture.up());

        await nightlyStep("a rename is fixed with one request", async () => {
          const { accountId } = await fixture.outputs();
          const [account] = fixture.accounts();
          fixture.emulator.renameAccount(String(accountId), "in the dashboard");
          const preview = failed(await fixture.drift());
          assert.equal(preview.exitCode, CHANGES_SEEN);
          assert.deepEqual(changes(preview), ["update ServiceAccount ci"]);
          fixture.takeWrites();
          succeeded(await fixture.up("--refresh"));
          assert.deepEqual(
            fixture.takeWrites().map(({ request, body }) => [request, body]),
            [[`PUT /v1/users/${accountId}`, { name: account?.name }]],
          );
        });

        await step("an expired key is reported by preview and replaced by up", async () => {
          fixture.setSource(accountWithKey({ key: 'expiresIn: "1h"' }));
          succeeded(await fixture.up());
          const { outputs } = (await fixture.held())["ApiKey ci"] ?? {};
          const end = String(outputs?.["expiresAt"]);
          fixture.clock.advance("2h");
          const preview = failed(await fixture.drift());
          assert.equal(preview.exitCode, CHANGES_SEEN);
          assert.deepEqual(
            changes(preview),
            REPLACEMENT.map((op) => `${op} ApiKey ci`),
          );
          assert.match(
            messages(preview, "warning").join(""),
            new RegExp(`^API key "ci-\\w{10}" .*expired at ${end}: this key will be replaced\\.`),
          );
          fixture.setSource(accountWithKey({ key: 'expiresIn: "90d"' }));
          succeeded(await fixture.up("--refresh"));
          await assertUnchanged(fixture);
        });
      });
    });
  }),
);
