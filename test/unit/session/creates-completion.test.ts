import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { FaultRule, RecordedRequest } from "../../../provider/emulator";
import { Connection } from "../../../provider/session/connection";
import { DAY, failureOf, HOUR, MINUTE, SECOND, UnitFixture } from "../fixture";
import {
  ACCOUNT,
  accountIds,
  createAccount,
  createKey,
  createOwner,
  FORBIDDEN,
  keyValues,
  namesSent,
  POST_ACCOUNT,
  POST_KEY,
  ready,
} from "./creating";
import { type JournalingProvider, Notes } from "./notes";

describe("session/creates: completion", () => {
  const fixture = UnitFixture.forEachTest();
  const notes = Notes.forEachTest(fixture);
  let provider: JournalingProvider;
  let owner: string;
  beforeEach(setUp);

  async function setUp(): Promise<void> {
    provider = await ready(fixture, notes.start());
    owner = createOwner(fixture);
  }

  async function restart(serverAheadMs: number): Promise<void> {
    await fixture.start({ serverAheadMs });
    await setUp();
  }

  /** Calls a function while the server processes matching requests. */
  function during({ method, path }: NonNullable<FaultRule["match"]>, act: () => void, times = 1) {
    let remaining = times;
    fixture.emulator.faults.decide = (request: RecordedRequest) => {
      const matches = request.method === method && (path?.test(request.path) ?? true);
      if (matches && remaining > 0) {
        remaining -= 1;
        act();
      }
      return undefined;
    };
  }

  describe("if another run has claimed the note when the response comes", () => {
    const claim = () => {
      const { path } = notes.only;
      renameSync(path, join(dirname(path), "claimed-by-another-run"));
    };

    it("archives the account by its id, and creates another", async () => {
      during(POST_ACCOUNT.match, claim);
      const created = await createAccount(provider);
      const [first = "", second] = namesSent(fixture);
      assert.notEqual(first, second);
      assert.equal(created.name, second);
      assert.deepEqual(accountIds(fixture), [created.id]);
      const archived = fixture.emulator.accounts().find(({ name }) => name === first)?.id;
      assert.deepEqual(fixture.writes, ["POST /users", `DELETE /users/${archived}`, "POST /users"]);
    });

    it("fails if the account cannot be archived and a search still shows it", async () => {
      during(POST_ACCOUNT.match, claim);
      const body = { code: "not_found", message: "User not found", http_status_code: 404 };
      const { decide } = fixture.emulator.faults;
      fixture.emulator.faults.decide = (request) =>
        request.method === "DELETE"
          ? { kind: "status", status: 404, body, when: "before" }
          : decide?.(request);
      await failureOf(createAccount(provider), "not_found");
      assert.equal(accountIds(fixture).length, 1);
    });

    it("archives an account that already has the program's name", async () => {
      during({ method: "PUT" }, claim);
      const created = await createAccount(provider, { ...ACCOUNT, name: "billing" });
      assert.deepEqual(accountIds(fixture), [created.id]);
      assert.equal(fixture.writes.length, 5);
    });

    it("revokes the key by its id, and creates another", async () => {
      during(POST_KEY.match, claim);
      const created = await createKey(provider, owner);
      assert.deepEqual(keyValues(fixture, owner), [created.api_key]);
      assert.equal(fixture.writes.length, 3);
    });

    it("continues if the other run has already archived the account", async () => {
      during({ method: "PUT" }, () => {
        claim();
        for (const id of accountIds(fixture)) fixture.emulator.archiveAccount(id);
      });
      const created = await createAccount(provider, { ...ACCOUNT, name: "billing" });
      assert.deepEqual(accountIds(fixture), [created.id]);
    });

    it("fails if the account cannot be removed", async () => {
      during(POST_ACCOUNT.match, claim);
      fixture.fault(FORBIDDEN, "before", {
        match: { method: "DELETE" },
      });
      const error = await failureOf(createAccount(provider), "forbidden");
      assert.match(
        error.operation,
        new RegExp(`^archive service account ${accountIds(fixture)[0]}, which`),
      );
      assert.equal(fixture.writes.length, 2);
    });

    it("continues without notes if that happens repeatedly", async () => {
      const removeFolder = () => rmSync(notes.directory, { recursive: true, force: true });
      during(POST_KEY.match, removeFolder, 99);
      const created = await createKey(provider, owner);
      assert.deepEqual(keyValues(fixture, owner), [created.api_key]);
      assert.equal(new Set(namesSent(fixture)).size, 4);
      assert.deepEqual(provider.warnings, []);
    });

    it("keeps a key that has a name from the program", async () => {
      during(POST_KEY.match, claim);
      const created = await createKey(provider, owner, { name: "ci" });
      assert.deepEqual(keyValues(fixture, owner), [created.api_key]);
      assert.deepEqual(fixture.writes, ["POST /secrets/api/keys"]);
    });
  });

  describe("if notes cannot be kept", () => {
    /** Replaces the note by a folder, which nobody can unlink, unlike a file, which root always can. */
    const makeUndeletable = () => {
      const { path } = notes.only;
      unlinkSync(path);
      mkdirSync(join(path, "full"), { recursive: true });
    };

    it("replaces an account whose note cannot be removed, and creates further ones without notes", async () => {
      during(POST_ACCOUNT.match, makeUndeletable);
      const first = await createAccount(provider);
      assert.deepEqual(accountIds(fixture), [first.id]);
      const before = notes.files;
      const second = await createAccount(provider);
      assert.deepEqual(accountIds(fixture), [first.id, second.id]);
      assert.deepEqual(notes.files, before);
      assert.equal(provider.warnings.length, 1);
      assert.match(provider.warnings.join(), /cannot be kept/);
    });

    it("replaces a key whose note cannot be removed, and creates several others at once", async () => {
      during(POST_KEY.match, makeUndeletable);
      const first = await createKey(provider, owner);
      assert.deepEqual(keyValues(fixture, owner), [first.api_key]);
      const more = await Promise.all([1, 2, 3].map(() => createKey(provider, owner)));
      assert.deepEqual(
        keyValues(fixture, owner).sort(),
        [first, ...more].map(({ api_key }) => api_key).sort(),
      );
      assert.equal(provider.warnings.length, 1);
    });

    it("keeps a key that has a name from the program", async () => {
      during(POST_KEY.match, makeUndeletable);
      const created = await createKey(provider, owner, { name: "ci" });
      assert.deepEqual(keyValues(fixture, owner), [created.api_key]);
      assert.equal(provider.warnings.length, 1);
    });

    it("creates objects if the folder of notes cannot be created", async () => {
      writeFileSync(join(notes.home, "flexprice"), "a file");
      const account = await createAccount(provider);
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      const key = await createKey(provider, account.id);
      assert.deepEqual(accountIds(fixture), [account.id]);
      assert.deepEqual(keyValues(fixture, account.id), [key.api_key]);
      assert.equal(provider.warnings.length, 1);
      assert.match(provider.warnings.join(), /cannot be kept/);
    });

    it("creates the folder of notes again if it was removed meanwhile", async () => {
      await createAccount(provider);
      rmSync(notes.home, { recursive: true });
      await notes.dieAsking(createAccount, "after", POST_ACCOUNT, provider);
      assert.equal(notes.pending.length, 1);
      assert.deepEqual(provider.warnings, []);
    });
  });

  describe("if the lifetime of a key is wrong", () => {
    const lifetimeOf = (id: string) => {
      const key = fixture.emulator.keys().find((row) => row.id === id);
      return Date.parse(key?.expiresAt ?? "") - Number(key?.createdAt);
    };

    for (const [serverAheadMs, lifetimeMs] of [
      [HOUR, DAY],
      [-HOUR, DAY],
      [HOUR, 10 * MINUTE],
    ] as const) {
      it(`replaces a key of ${lifetimeMs / MINUTE} minutes if the server's clock is ${serverAheadMs / MINUTE} minutes ahead`, async () => {
        await restart(serverAheadMs);
        const { secret, api_key } = await createKey(provider, owner, { lifetimeMs });
        assert.deepEqual(keyValues(fixture, owner), [api_key]);
        assert.equal(lifetimeOf(secret.id), lifetimeMs);
        assert.deepEqual(
          fixture.writes.map((line) => line.slice(0, 6)),
          ["POST /", "DELETE", "POST /"],
        );
        fixture.emulator.clearRequests();
        await createKey(provider, owner, { lifetimeMs });
        assert.equal(fixture.writes.length, 1, "the clock is known by then");
      });
    }

    it("corrects the lifetime by the key itself if a gateway's clock is a minute off", async () => {
      const platform = fixture.platform();
      const connection = new Connection({
        baseUrl: fixture.emulator.url,
        credential: fixture.admin,
        platform: {
          ...platform,
          transport: async (request) => {
            const response = await platform.transport(request);
            const date = new Date(fixture.clock.now + MINUTE).toUTCString();
            return { ...response, headers: { ...response.headers, date } };
          },
        },
      });
      const caller = await connection.caller();
      const { secret } = await connection.creates.key(
        { namePrefix: "k", type: "private_key", accountId: owner, lifetimeMs: 10 * MINUTE },
        caller,
      );
      assert.equal(lifetimeOf(secret.id), 10 * MINUTE);
      assert.equal(fixture.writes.length, 3);
    });

    it("creates one key if an account has shown the server's clock before", async () => {
      await restart(HOUR);
      const { id } = await createAccount(provider);
      const { secret } = await createKey(provider, id, { lifetimeMs: DAY });
      assert.equal(lifetimeOf(secret.id), DAY);
      assert.equal(fixture.writes.length, 2);
    });

    it("revokes every key of a server that takes too long, and then fails without a note", async () => {
      const passTime = () => {
        fixture.clock.now += 10 * MINUTE;
      };
      during(POST_KEY.match, passTime, 99);
      const error = await failureOf(createKey(provider, owner, { lifetimeMs: HOUR }), "refused");
      assert.match(
        error.reason,
        /^the key was created at 2026-11-24T08:30:00[.\d]*Z to expire at 2026-11-24T09:20:00Z, which is not the requested lifetime; it has been revoked$/,
      );
      assert.deepEqual(keyValues(fixture, owner), []);
      assert.equal(fixture.writes.length, 6);
      assert.deepEqual(notes.files, []);
    });

    for (const [lifetimeMs, tolerated] of [
      [10 * MINUTE, 11 * SECOND],
      [HOUR, 41 * SECOND],
      [100 * DAY, 60 * SECOND],
    ] as const) {
      it(`accepts ${lifetimeMs / MINUTE} minutes that are at most ${tolerated / SECOND} seconds off`, async () => {
        const delayNext = (ms: number) =>
          during(POST_KEY.match, () => {
            fixture.clock.now += ms;
          });
        delayNext(tolerated);
        await createKey(provider, owner, { lifetimeMs });
        assert.equal(fixture.writes.length, 1);
        // The delayed response has moved the clock of the first provider.
        const next = await ready(fixture, notes.start());
        delayNext(tolerated + SECOND);
        const { secret } = await createKey(next, owner, { lifetimeMs });
        assert.equal(fixture.writes.length, 3);
        assert.equal(lifetimeOf(secret.id), lifetimeMs);
      });
    }

    it("replaces a key without an expiry", async () => {
      let id = "";
      during(POST_KEY.match, () => {
        id ||= fixture.emulator.createKey(owner, fixture.operator.environmentId, {
          name: "k",
        }).id;
      });
      const secret = {
        name: "k",
        type: "private_key",
        status: "published",
        created_at: new Date(fixture.clock.now).toISOString(),
      };
      const { decide } = fixture.emulator.faults;
      fixture.emulator.faults.decide = (request) => {
        decide?.(request);
        if (request.method !== "POST" || fixture.writes.length > 1) return undefined;
        const body = { secret: { ...secret, id }, api_key: "sk_without_expiry" };
        return { kind: "status", status: 201, body, when: "before" };
      };
      const key = await createKey(provider, owner, { lifetimeMs: HOUR });
      assert.deepEqual(keyValues(fixture, owner), [key.api_key]);
      assert.equal(lifetimeOf(key.secret.id), HOUR);
    });

    it("replaces a named key by one of the same name, and keeps no note", async () => {
      during(POST_KEY.match, () => {
        fixture.clock.now += 10 * MINUTE;
      });
      const { secret, api_key } = await createKey(provider, owner, {
        name: "ci",
        lifetimeMs: HOUR,
      });
      assert.deepEqual([keyValues(fixture, owner), secret.name], [[api_key], "ci"]);
      assert.deepEqual(notes.files, []);
    });

    it("keeps the note of a key that cannot be revoked", async () => {
      during(POST_KEY.match, () => {
        fixture.clock.now += 10 * MINUTE;
      });
      fixture.fault(FORBIDDEN, "before", {
        match: { method: "DELETE" },
      });
      const error = await failureOf(createKey(provider, owner, { lifetimeMs: HOUR }), "forbidden");
      assert.match(error.operation, /^revoke API key secret_\w+, whose expiry is wrong$/);
      await notes.recoverAfterLease();
      assert.deepEqual(keyValues(fixture, owner), []);
    });

    it("rejects and revokes a key that had expired when the server created it", async () => {
      const at = (ms: number) => new Date(fixture.clock.now + ms).toISOString();
      const expiresAt = at(MINUTE);
      during(POST_KEY.match, () => {
        fixture.clock.now += MINUTE;
      });
      const error = await failureOf(createKey(provider, owner, { expiresAt }), "refused");
      assert.match(
        error.reason,
        /^expiresAt \(2026-11-24T08:01:00\.000Z\) had already passed on the server, which created the key at 2026-11-24T08:01:00[.\d]*Z: it never worked, and has been revoked$/,
      );
      assert.deepEqual(keyValues(fixture, owner), []);
      assert.equal(fixture.writes.length, 2);
      assert.deepEqual(notes.files, []);
      await createKey(provider, owner, { expiresAt: at(SECOND) });
      assert.equal(keyValues(fixture, owner).length, 1);
    });

    it("sends an instant unchanged, whatever the clocks show", async () => {
      const expiresAt = "2030-01-01T00:00:00Z";
      const { secret } = await createKey(provider, owner, { expiresAt });
      assert.equal(secret.expires_at, expiresAt);
      assert.equal(fixture.writes.length, 1);
    });
  });
});
