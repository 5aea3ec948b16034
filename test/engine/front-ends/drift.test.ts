import assert from "node:assert/strict";
import { nightlyStep, step, withFixture } from "../../support/scenario";
import { CHANGES_SEEN, changes, failed, messages, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

/** What happened outside of Pulumi to an account and its key. */
const KINDS = ["renamed", "promoted", "archived", "revoked", "ended"] as const;
type Kind = (typeof KINDS)[number];

const REPLACEMENT = ["create-replacement", "replace", "delete-replaced"];

/** How `pulumi up` fixes it. */
const FIXES: Record<Kind, readonly string[]> = {
  renamed: ["update ServiceAccount renamed"],
  promoted: REPLACEMENT.flatMap((op) => [`${op} ServiceAccount promoted`, `${op} ApiKey promoted`]),
  archived: ["create ServiceAccount archived", ...REPLACEMENT.map((op) => `${op} ApiKey archived`)],
  revoked: ["create ApiKey revoked"],
  ended: REPLACEMENT.map((op) => `${op} ApiKey ended`),
};

/** What a preview's refresh shows of it. */
const SHOWN: Record<Kind, RegExp> = {
  renamed: /~ name *: "renamed-\w{10}" => "in the dashboard"/,
  promoted: /~ \[0\]: "event_ingestor" => "super_admin"/,
  archived: /\+ ownerArchived *: true/,
  revoked: /- apiKey *: \[secret\]/,
  ended: /~ expiresAt *: "2099-06-01T12:00:00Z" => "20/,
};

const PROGRAM = `
import * as flexprice from "pulumi-flexprice";
const ids: Record<string, unknown> = {};
for (const kind of ${JSON.stringify(KINDS)}) {
  const account = new flexprice.ServiceAccount(kind, { roles: ["event_ingestor"] });
  const key = new flexprice.ApiKey(kind, {
    serviceAccountId: account.id,
    // The server gets it in UTC, which is not drift.
    expiresAt: "2099-06-01T17:30:00+05:30",
  });
  Object.assign(ids, { [kind + "Account"]: account.id, [kind + "Key"]: key.id });
}
export = ids;
`;

describeBoth("drift of every kind at once", (frontEnd) => {
  it("is shown by preview and fixed by up", async () => {
    await withFixture(open(frontEnd, PROGRAM), async (fixture) => {
      succeeded(await fixture.up());
      const first = await fixture.outputs();
      const renamed = fixture.accounts().find(({ id }) => id === first["renamedAccount"]);
      const name = renamed?.name;
      fixture.takeWrites();

      await nightlyStep("preview shows none right after up", async () => {
        const drift = succeeded(await fixture.drift());
        assert.deepEqual([changes(drift), messages(drift, "warning")], [[], []]);
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("preview shows every kind, fails, and changes nothing", async () => {
        const id = (output: string): string => String(first[output]);
        // Objects younger than ten minutes never count as gone.
        fixture.clock.advance("11m");
        fixture.emulator.renameAccount(id("renamedAccount"), "in the dashboard");
        fixture.emulator.setRoles(id("promotedAccount"), ["super_admin"]);
        fixture.emulator.archiveAccount(id("archivedAccount"));
        fixture.emulator.revokeKey(id("revokedKey"));
        fixture.emulator.expireKey(id("endedKey"));
        const preview = failed(await fixture.drift());
        assert.equal(preview.exitCode, CHANGES_SEEN);
        assert.deepEqual(changes(preview).sort(), Object.values(FIXES).flat().sort());
        for (const pattern of Object.values(SHOWN)) assert.match(preview.output, pattern);
        const warnings = messages(preview, "warning").join("");
        assert.match(warnings, /is archived, but the key still works/);
        assert.match(warnings, /API key "\S+" \(\S+\) was revoked outside of this program/);
        assert.match(
          warnings,
          /Service account "\S+" \(\S+\) was archived outside of this program/,
        );
        assert.match(
          warnings,
          /it is called "in the dashboard", and its own name is "renamed-\w+"/,
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up fixes every kind", async () => {
        const up = succeeded(await fixture.up("--refresh"));
        assert.deepEqual(changes(up).sort(), Object.values(FIXES).flat().sort());
        const now = await fixture.outputs();
        const changed = Object.keys(now).filter((output) => now[output] !== first[output]);
        assert.deepEqual(changed.sort(), [
          ...["archivedAccount", "archivedKey", "endedKey"],
          ...["promotedAccount", "promotedKey", "revokedKey"],
        ]);
        assert.deepEqual(
          fixture
            .accounts()
            .map(({ id, roles }) => [id, ...roles])
            .sort(),
          KINDS.map((kind) => [now[`${kind}Account`], "event_ingestor"]).sort(),
        );
        assert.deepEqual(
          fixture
            .keys()
            .map(({ id, userId }) => [id, userId])
            .sort(),
          KINDS.map((kind) => [now[`${kind}Key`], now[`${kind}Account`]]).sort(),
        );
        const renamed = fixture.accounts().find(({ id }) => id === first["renamedAccount"]);
        assert.equal(renamed?.name, name);
      });
    });
  });
});
