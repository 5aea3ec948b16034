import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { FaultRule, RecordedRequest } from "../../../provider/emulator";
import { Connection } from "../../../provider/session/connection";
import { DAY, failureOf, HOUR, MINUTE, SECOND, UnitFixture } from "../fixture";
import {
  ACCOUNT,
  live,
  liveKeys,
  makeAccount,
  makeKey,
  namesSent,
  OWNER,
  POST_ACCOUNT,
  POST_KEY,
  started,
  startWithNotes,
} from "./creating";
import type { JournalingProcess, Notes } from "./notes";

describe("session/creates: handing over", () => {
  let fixture: UnitFixture;
  let notes: Notes;
  let process: JournalingProcess;
  let owner: string;
  beforeEach(async () => {
    ({ fixture, notes, process } = await startWithNotes());
    owner = fixture.emulator.createAccount(fixture.operator.tenantId, OWNER).id;
  });
  afterEach(() => notes.remove());

  const accountIds = () =>
    live(fixture)
      .map(({ id }) => id)
      .filter((id) => id !== owner);
  const values = () => liveKeys(fixture, owner).map(({ value }) => value);

  /** Runs something while the server processes such requests. */
  function during({ method, path }: NonNullable<FaultRule["match"]>, act: () => void, times = 1) {
    let left = times;
    fixture.emulator.faults.decide = (request: RecordedRequest) => {
      const isMeant = request.method === method && (path?.test(request.path) ?? true);
      if (isMeant && left > 0) {
        left -= 1;
        act();
      }
      return undefined;
    };
  }

  describe("when the note is gone as the answer comes", () => {
    const claim = () => {
      const { path } = notes.only;
      renameSync(path, join(dirname(path), "claimed-by-another-run"));
    };

    it("archives the account by its id, and makes another", async () => {
      during(POST_ACCOUNT.match, claim);
      const made = await makeAccount(process);
      const [first = "", second] = namesSent(fixture);
      assert.notEqual(first, second);
      assert.equal(made.name, second);
      assert.deepEqual(accountIds(), [made.id]);
      const archived = fixture.emulator.accounts().find(({ name }) => name === first)?.id;
      assert.deepEqual(fixture.writes, ["POST /users", `DELETE /users/${archived}`, "POST /users"]);
    });

    it("fails where the account cannot be archived, and a search still shows it", async () => {
      during(POST_ACCOUNT.match, claim);
      const body = { code: "not_found", message: "User not found", http_status_code: 404 };
      const { decide } = fixture.emulator.faults;
      fixture.emulator.faults.decide = (request) =>
        request.method === "DELETE"
          ? { kind: "status", status: 404, body, when: "before" }
          : decide?.(request);
      await failureOf(makeAccount(process), "not_found");
      assert.equal(accountIds().length, 1);
    });

    it("archives an account that has the program's name by then", async () => {
      during({ method: "PUT" }, claim);
      const made = await makeAccount(process, { ...ACCOUNT, name: "billing" });
      assert.deepEqual(accountIds(), [made.id]);
      assert.equal(fixture.writes.length, 5);
    });

    it("revokes the key by its id, and makes another", async () => {
      during(POST_KEY.match, claim);
      const made = await makeKey(process, owner);
      assert.deepEqual(values(), [made.api_key]);
      assert.equal(fixture.writes.length, 3);
    });

    it("is content when whoever claimed it has archived the account already", async () => {
      during({ method: "PUT" }, () => {
        claim();
        for (const id of accountIds()) fixture.emulator.archiveAccount(id);
      });
      const made = await makeAccount(process, { ...ACCOUNT, name: "billing" });
      assert.deepEqual(accountIds(), [made.id]);
    });

    it("fails when what it was answered cannot be removed", async () => {
      during(POST_ACCOUNT.match, claim);
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
        match: { method: "DELETE" },
      });
      const error = await failureOf(makeAccount(process), "forbidden");
      assert.match(
        error.operation,
        new RegExp(`^archive service account ${accountIds()[0]}, which`),
      );
      assert.equal(fixture.writes.length, 2);
    });

    it("goes on without notes when that happens again and again", async () => {
      const folder = () => rmSync(notes.directory, { recursive: true, force: true });
      during(POST_KEY.match, folder, 99);
      const made = await makeKey(process, owner);
      assert.deepEqual(values(), [made.api_key]);
      assert.equal(new Set(namesSent(fixture)).size, 4);
      assert.deepEqual(process.warnings, []);
    });

    it("hands a key over whose name nothing else may remove", async () => {
      during(POST_KEY.match, claim);
      const made = await makeKey(process, owner, { name: "ci" });
      assert.deepEqual(values(), [made.api_key]);
      assert.deepEqual(fixture.writes, ["POST /secrets/api/keys"]);
    });
  });

  describe("when notes cannot be kept", () => {
    /** Root can remove any file, but nobody can unlink a folder. */
    const stuck = () => {
      const { path } = notes.only;
      unlinkSync(path);
      mkdirSync(join(path, "full"), { recursive: true });
    };
    const WARNING = new RegExp(
      /^Notes about creates cannot be kept in .*creates \(E\w+\)\. Creates continue without them: /,
    );

    it("removes the account whose note cannot be taken away, and makes the others without notes", async () => {
      during(POST_ACCOUNT.match, stuck);
      const first = await makeAccount(process);
      assert.deepEqual(accountIds(), [first.id]);
      const before = notes.files;
      const second = await makeAccount(process);
      assert.deepEqual(accountIds(), [first.id, second.id]);
      assert.deepEqual(notes.files, before);
      assert.equal(process.warnings.length, 1);
      assert.match(process.warnings[0] ?? "", WARNING);
    });

    it("does so with a key, and with creates that are under way at once", async () => {
      during(POST_KEY.match, stuck);
      const first = await makeKey(process, owner);
      assert.deepEqual(values(), [first.api_key]);
      const more = await Promise.all([1, 2, 3].map(() => makeKey(process, owner)));
      assert.deepEqual(values().sort(), [first, ...more].map(({ api_key }) => api_key).sort());
      assert.equal(process.warnings.length, 1);
    });

    it("hands a key over whose name nothing else may remove", async () => {
      during(POST_KEY.match, stuck);
      const made = await makeKey(process, owner, { name: "ci" });
      assert.deepEqual(values(), [made.api_key]);
      assert.equal(process.warnings.length, 1);
    });

    it("makes what it is asked for where the folder cannot be made", async () => {
      writeFileSync(join(notes.home, "flexprice"), "a file");
      const account = await makeAccount(process);
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      const key = await makeKey(process, account.id);
      assert.deepEqual(accountIds(), [account.id]);
      assert.deepEqual(
        liveKeys(fixture, account.id).map(({ value }) => value),
        [key.api_key],
      );
      assert.equal(process.warnings.length, 1);
      assert.match(process.warnings[0] ?? "", WARNING);
    });

    it("makes the folder again where it was removed meanwhile", async () => {
      await makeAccount(process);
      rmSync(notes.home, { recursive: true });
      await notes.dieAsking(makeAccount, "after", POST_ACCOUNT, process);
      assert.equal(notes.pending.length, 1);
      assert.deepEqual(process.warnings, []);
    });
  });

  describe("when a lifetime comes out wrong", () => {
    const lifetimeOf = (id: string) => {
      const key = fixture.emulator.keys().find((one) => one.id === id);
      return Date.parse(key?.expiresAt ?? "") - Number(key?.createdAt);
    };

    for (const [serverAheadMs, lifetimeMs] of [
      [HOUR, DAY],
      [-HOUR, DAY],
      [HOUR, 10 * MINUTE],
    ] as const) {
      it(`revokes the key, and makes it again by the server's clock: ${lifetimeMs} ms, ${serverAheadMs} ms ahead`, async () => {
        const other = await UnitFixture.start({ serverAheadMs });
        try {
          const by = await started(other);
          const { id } = other.emulator.createAccount(other.operator.tenantId, OWNER);
          const { secret, api_key } = await makeKey(by, id, { lifetimeMs });
          assert.deepEqual(
            liveKeys(other, id).map(({ value }) => value),
            [api_key],
          );
          assert.equal(
            Date.parse(secret.expires_at ?? "") - Date.parse(secret.created_at),
            lifetimeMs,
          );
          assert.deepEqual(
            other.writes.map((line) => line.slice(0, 6)),
            ["POST /", "DELETE", "POST /"],
          );
          other.emulator.clearRequests();
          await makeKey(by, id, { lifetimeMs });
          assert.equal(other.writes.length, 1, "the clock is known by then");
        } finally {
          await other.stop();
        }
      });
    }

    it("goes by the key itself where a gateway's clock is a minute off", async () => {
      const platform = fixture.platform();
      const connection = new Connection({
        baseUrl: fixture.emulator.url,
        credential: fixture.admin,
        platform: {
          ...platform,
          transport: async (request) => {
            const answer = await platform.transport(request);
            const date = new Date(fixture.clock.now + MINUTE).toUTCString();
            return { ...answer, headers: { ...answer.headers, date } };
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

    it("needs no second key where an account has told the server's clock before", async () => {
      const other = await UnitFixture.start({ serverAheadMs: HOUR });
      try {
        const by = await started(other);
        const { id } = await makeAccount(by);
        const { secret } = await makeKey(by, id, { lifetimeMs: DAY });
        assert.equal(Date.parse(secret.expires_at ?? "") - Date.parse(secret.created_at), DAY);
        assert.equal(other.writes.length, 2);
      } finally {
        await other.stop();
      }
    });

    it("revokes every one of a server that takes too long, fails, and leaves no note", async () => {
      const slow = () => {
        fixture.clock.now += 10 * MINUTE;
      };
      during(POST_KEY.match, slow, 99);
      const error = await failureOf(makeKey(process, owner, { lifetimeMs: HOUR }), "refused");
      assert.match(
        error.reason,
        /^the key was created at 2026-11-24T08:30:00[.\d]*Z to expire at 2026-11-24T09:20:00Z, which is not the requested lifetime; it has been revoked$/,
      );
      assert.deepEqual(values(), []);
      assert.equal(fixture.writes.length, 6);
      assert.deepEqual(notes.files, []);
    });

    for (const [lifetimeMs, tolerated] of [
      [10 * MINUTE, 11 * SECOND],
      [HOUR, 41 * SECOND],
      [100 * DAY, 60 * SECOND],
    ] as const) {
      it(`lets ${lifetimeMs} ms be off by ${tolerated} ms, and no more`, async () => {
        const late = (ms: number) =>
          during(POST_KEY.match, () => {
            fixture.clock.now += ms;
          });
        late(tolerated);
        await makeKey(process, owner, { lifetimeMs });
        assert.equal(fixture.writes.length, 1);
        fixture.emulator.clearRequests();
        late(tolerated + SECOND);
        const { secret } = await makeKey(process, owner, { lifetimeMs });
        assert.equal(fixture.writes.length, 3);
        assert.equal(lifetimeOf(secret.id), lifetimeMs);
      });
    }

    it("does not hand on a key that has no expiry at all", async () => {
      let made = "";
      during(POST_KEY.match, () => {
        made ||= fixture.emulator.createKey(owner, fixture.operator.environmentId, {
          name: "k",
        }).id;
      });
      const secret = {
        id: "",
        name: "k",
        type: "private_key",
        status: "published",
        created_at: new Date(fixture.clock.now).toISOString(),
      };
      const { decide } = fixture.emulator.faults;
      fixture.emulator.faults.decide = (request) => {
        decide?.(request);
        if (request.method !== "POST" || fixture.writes.length > 1) return undefined;
        const body = { secret: { ...secret, id: made }, api_key: "sk_without_expiry" };
        return { kind: "status", status: 201, body, when: "before" };
      };
      const key = await makeKey(process, owner, { lifetimeMs: HOUR });
      assert.deepEqual(values(), [key.api_key]);
      assert.equal(lifetimeOf(key.secret.id), HOUR);
    });

    it("makes a named key again under its name, without leaving a note", async () => {
      during(POST_KEY.match, () => {
        fixture.clock.now += 10 * MINUTE;
      });
      const { secret, api_key } = await makeKey(process, owner, { name: "ci", lifetimeMs: HOUR });
      assert.deepEqual([values(), secret.name], [[api_key], "ci"]);
      assert.deepEqual(notes.files, []);
    });

    it("keeps the note of a key that cannot be revoked", async () => {
      during(POST_KEY.match, () => {
        fixture.clock.now += 10 * MINUTE;
      });
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
        match: { method: "DELETE" },
      });
      const error = await failureOf(makeKey(process, owner, { lifetimeMs: HOUR }), "forbidden");
      assert.match(error.operation, /^revoke API key secret_\w+, whose expiry is wrong$/);
      notes.age(3 * MINUTE);
      await notes.recover();
      assert.deepEqual(values(), []);
    });

    it("hands over no key that had ended for the server when it was made", async () => {
      const at = (ms: number) => new Date(fixture.clock.now + ms).toISOString();
      const expiresAt = at(MINUTE);
      during(POST_KEY.match, () => {
        fixture.clock.now += MINUTE;
      });
      const error = await failureOf(makeKey(process, owner, { expiresAt }), "refused");
      assert.match(
        error.reason,
        /^expiresAt \(2026-11-24T08:01:00\.000Z\) had already passed on the server, which created the key at 2026-11-24T08:01:00[.\d]*Z: it never worked, and has been revoked$/,
      );
      assert.deepEqual(values(), []);
      assert.equal(fixture.writes.length, 2);
      assert.deepEqual(notes.files, []);
      await makeKey(process, owner, { expiresAt: at(SECOND) });
      assert.equal(values().length, 1);
    });

    it("sends an instant as it is, whatever the clocks say", async () => {
      const expiresAt = "2030-01-01T00:00:00Z";
      const { secret } = await makeKey(process, owner, { expiresAt });
      assert.equal(secret.expires_at, expiresAt);
      assert.equal(fixture.writes.length, 1);
    });
  });
});
