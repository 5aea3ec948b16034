import assert from "node:assert/strict";
import fs, {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import promises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock } from "node:test";
import {
  Journal,
  LEASE_MS,
  type Note,
  type PendingCreate,
} from "../../../../provider/session/recovery/journal";
import { DAY, HOUR, MINUTE, SECOND } from "../../fixture";

const SERVER = "https://flexprice.example/v1";
const ACCOUNT: PendingCreate = {
  server: SERVER,
  tenantId: "tenant_1",
  credential: "hash",
  kind: "account",
  name: "ci-0123456789",
  settle: "remove",
};
const NAMED_KEY: PendingCreate = {
  ...ACCOUNT,
  kind: "key",
  name: "ci",
  ownerId: "user_1",
  keyType: "private_key",
  settle: "report",
};

const LEASE_OVER = LEASE_MS + MINUTE;

describe("session/recovery/journal", () => {
  let home: string;
  let directory: string;
  let clock: number;
  let warnings: string[];
  let writer: Journal;
  let reader: Journal;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-journal-"));
    directory = join(home, "creates");
    clock = 0;
    warnings = [];
    writer = start();
    reader = start();
  });
  afterEach(() => {
    mock.restoreAll();
    rmSync(home, { recursive: true, force: true });
  });

  function start(): Journal {
    return new Journal({
      directory,
      monotonic: () => clock,
      warn: async (message) => {
        warnings.push(message);
      },
    });
  }

  const files = () => (existsSync(directory) ? readdirSync(directory) : []);
  const claim = (by = reader) => by.claimAbandoned(SERVER, "tenant_1");
  const namesOf = (claimed: readonly { pending: PendingCreate }[]) =>
    claimed.map(({ pending }) => pending.name);

  function pathOf({ file }: Note): string {
    assert(file);
    return file.path;
  }

  function age(ms: number, path = join(directory, files()[0] ?? "")): void {
    const time = (Date.now() - ms) / 1_000;
    utimesSync(path, time, time);
  }

  describe("a note", () => {
    it("is a private file, removed before the object is returned", async () => {
      const note = await writer.begin(ACCOUNT);
      const path = pathOf(note);
      const { inode, born, ...pending } = JSON.parse(readFileSync(path, "utf8"));
      assert.deepEqual(pending, ACCOUNT);
      const { ino, birthtimeNs } = statSync(path, { bigint: true });
      assert.deepEqual([inode, born], [String(ino), String(birthtimeNs)]);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(directory).mode & 0o777, 0o700);
      assert.equal(await writer.complete(note, "user_1"), true);
      assert.deepEqual(files(), []);
    });

    it("is removed if nothing was created, and stays if that is unknown", async () => {
      const closed = await writer.begin(ACCOUNT);
      const released = await writer.begin(NAMED_KEY);
      writer.release(released);
      writer.close(closed);
      writer.release(closed);
      assert.deepEqual(
        files().map((file) => join(directory, file)),
        [pathOf(released)],
      );
    });

    it("has no file without a folder", async () => {
      const journal = new Journal();
      const note = await journal.begin(ACCOUNT);
      assert.equal(note.file, undefined);
      journal.identify(note, "user_1");
      journal.release(note);
      journal.close(note);
      assert.equal(await journal.complete(note, "user_1"), true);
      journal.onEngineExit();
      journal.stateHolds("user_1");
      journal.forget(SERVER, "tenant_1", { id: "user_1", name: "ci" });
      assert.deepEqual(claim(journal), []);
      assert.deepEqual(journal.reports(SERVER, "tenant_1"), []);
      assert.deepEqual(journal.pending(SERVER, "tenant_1"), []);
    });

    it("keeps the object from being returned if another process has claimed it", async () => {
      const note = await writer.begin(ACCOUNT);
      age(LEASE_OVER);
      assert.equal(claim().length, 1);
      assert.equal(await writer.complete(note, "user_1"), false);
      assert.deepEqual(warnings, []);
      writer.onEngineExit();
      assert.equal(files().length, 1, "what is not returned needs no report");
    });

    it("keeps the object from being returned if it cannot be removed, and ends note-taking", async () => {
      const notes = await Promise.all([1, 2].map(() => writer.begin(ACCOUNT)));
      for (const note of notes) {
        unlinkSync(pathOf(note));
        mkdirSync(join(pathOf(note), "full"), { recursive: true });
        assert.equal(await writer.complete(note, "user_1"), false);
      }
      assert.match(
        warnings[0] ?? "",
        /^Notes about creates cannot be kept in .*creates \(E\w+\)\. Creates continue without them: .* set PULUMI_HOME to one that is\.$/,
      );
      assert.equal((await writer.begin(ACCOUNT)).file, undefined);
    });

    it("can be written by a later run than one that could not", async () => {
      writeFileSync(directory, "a file");
      assert.equal((await writer.begin(ACCOUNT)).file, undefined);
      assert.equal((await writer.begin(ACCOUNT)).file, undefined);
      assert.equal(warnings.length, 1);
      rmSync(directory);
      assert.notEqual((await start().begin(ACCOUNT)).file, undefined);
    });

    it("leaves no file behind if it cannot be written", async () => {
      const unwritable = { ...ACCOUNT, name: 1n } as unknown as PendingCreate;
      assert.equal((await new Journal({ directory }).begin(unwritable)).file, undefined);
      assert.deepEqual(files(), []);
      assert.equal((await writer.begin(unwritable)).file, undefined);
      assert.match(warnings[0] ?? "", /\(TypeError: /);
    });

    it("needs no listener for warnings", async () => {
      writeFileSync(directory, "a file");
      const journal = new Journal({ directory });
      assert.equal((await journal.begin(ACCOUNT)).file, undefined);
    });
  });

  describe("completion", () => {
    it("succeeds even if the folder cannot be synced", async () => {
      const note = await writer.begin(ACCOUNT);
      const completed = writer.complete(note, "user_1");
      // Its note is removed by now, but the folder is not opened yet.
      rmSync(directory, { recursive: true });
      assert.equal(await completed, true);
    });

    it("waits until the folder is synced without the note, once for all callers", async () => {
      const open = mock.method(promises, "open");
      const notes = await Promise.all(Array.from({ length: 20 }, () => writer.begin(ACCOUNT)));
      const last = await writer.begin(ACCOUNT);
      const [first, ...others] = notes.map((note, i) => writer.complete(note, `user_${i}`));
      assert.equal(open.mock.callCount(), 0);
      assert.equal(await first, true);
      assert.equal(open.mock.callCount(), 1);
      const late = writer.complete(last, "user_late");
      assert((await Promise.all([...others, late])).every(Boolean));
      assert.deepEqual(
        open.mock.calls.map(({ arguments: [path] }) => path),
        [directory, directory],
      );
      assert.deepEqual(files(), []);
    });

    it("succeeds even if the note's file cannot be closed", async () => {
      const note = await writer.begin(ACCOUNT);
      const { closeSync: original } = fs;
      mock.method(fs, "closeSync", (descriptor: number) => {
        original(descriptor);
        throw Object.assign(new Error("disk quota exceeded"), { code: "EDQUOT" });
      });
      assert.equal(await writer.complete(note, "user_1"), true);
    });

    it("leaves a report if the engine exits while the folder is being synced", async () => {
      const note = await writer.begin(ACCOUNT);
      const completed = writer.complete(note, "user_1");
      writer.onEngineExit();
      assert.equal(await completed, true);
      assert.equal(reader.reports(SERVER, "tenant_1")[0]?.pending.id, "user_1");
    });
  });

  describe("renewal", () => {
    const { setInterval: begin, clearInterval: end } = globalThis;
    let intervals: { timer: NodeJS.Timeout; renew: () => void; ms: number | undefined }[];
    /** Runs every active interval once. */
    const tick = () => {
      for (const { renew } of intervals) renew();
    };
    beforeEach(() => {
      intervals = [];
      const fakeBegin = (renew: () => void, ms?: number) => {
        const timer = begin(() => undefined, DAY);
        intervals.push({ timer, renew, ms });
        return timer;
      };
      const fakeEnd = (timer: NodeJS.Timeout) => {
        end(timer);
        intervals = intervals.filter((interval) => interval.timer !== timer);
      };
      globalThis.setInterval = fakeBegin as typeof setInterval;
      globalThis.clearInterval = fakeEnd as typeof clearInterval;
    });
    afterEach(() => {
      Object.assign(globalThis, { setInterval: begin, clearInterval: end });
      for (const { timer } of intervals) end(timer);
    });

    it("protects the notes of creates in progress from claims", async () => {
      const notes = [await writer.begin(ACCOUNT), await writer.begin(ACCOUNT)];
      assert.deepEqual(
        intervals.map(({ ms }) => ms),
        [20 * SECOND],
      );
      for (const _ of [1, 2]) {
        for (const note of notes) age(HOUR, pathOf(note));
        tick();
        assert.deepEqual(claim(), []);
      }
      assert.match(readFileSync(pathOf(notes[0] ?? { pending: ACCOUNT }), "utf8"), /\}\n\n\n$/);
    });

    it("stops after the last create, and starts again with the next", async () => {
      const notes = [await writer.begin(ACCOUNT), await writer.begin(ACCOUNT)] as const;
      writer.release(notes[0]);
      age(HOUR, pathOf(notes[0]));
      age(HOUR, pathOf(notes[1]));
      tick();
      assert.equal(claim().length, 1, "the released note is not renewed");
      writer.close(notes[1]);
      assert.equal(intervals.length, 0);
      await writer.begin(ACCOUNT);
      assert.equal(intervals.length, 1);
    });

    it("can fail without harm", async () => {
      const note = await writer.begin(ACCOUNT);
      assert(note.file);
      closeSync(note.file.descriptor);
      tick();
      writer.identify(note, "user_1");
      age(LEASE_OVER);
      assert.deepEqual(namesOf(claim()), [ACCOUNT.name]);
    });
  });

  describe("claiming", () => {
    it("takes a note that was not renewed for two minutes", async () => {
      await writer.begin(ACCOUNT);
      age(LEASE_MS - MINUTE);
      assert.deepEqual(claim(), []);
      age(LEASE_OVER);
      const [claimed] = claim();
      assert(claimed);
      assert.deepEqual(claimed.pending, ACCOUNT);
      assert.equal(claimed.isStale, false);
      assert(claimed.ageMs >= LEASE_MS && claimed.ageMs < HOUR);
      assert.equal(files().length, 1);
      reader.drop(claimed);
      assert.deepEqual(files(), []);
      reader.drop(claimed);
    });

    it("never takes a note of the same process", async () => {
      await writer.begin(ACCOUNT);
      age(HOUR);
      assert.deepEqual(claim(writer), []);
      assert.deepEqual(writer.pending(SERVER, "tenant_1"), []);
      assert.deepEqual(reader.pending(SERVER, "tenant_1"), [ACCOUNT]);
    });

    it("succeeds only for the process that renames the note first", async () => {
      await writer.begin(ACCOUNT);
      age(-HOUR);
      let meanwhile = () => {};
      const slow = new Journal({
        directory,
        monotonic: () => {
          meanwhile();
          return clock;
        },
      });
      assert.deepEqual([claim(), claim(slow)], [[], []]);
      clock += LEASE_MS;
      let won: unknown[] = [];
      meanwhile = () => {
        won = claim();
      };
      assert.deepEqual([claim(slow).length, won.length], [0, 1]);
    });

    it("takes a note that is unchanged for two minutes, whatever the clocks show", async () => {
      await writer.begin(ACCOUNT);
      age(-HOUR);
      assert.deepEqual(claim(), []);
      clock += LEASE_MS - 1;
      assert.deepEqual(claim(), []);
      clock += 1;
      assert.deepEqual(namesOf(claim()), [ACCOUNT.name]);
    });

    it("restarts the two minutes on each renewal", async () => {
      const note = await writer.begin(ACCOUNT);
      age(-HOUR);
      claim();
      clock += LEASE_MS;
      appendFileSync(pathOf(note), "\n");
      age(-HOUR);
      assert.deepEqual(claim(), [], "it has grown");
      clock += LEASE_MS;
      age(-2 * HOUR);
      assert.deepEqual(claim(), [], "it has another time");
      clock += LEASE_MS;
      assert.equal(claim().length, 1);
    });

    it("marks notes older than a day and copies as stale", async () => {
      const notes = await Promise.all([1, 2, 3].map(() => writer.begin(ACCOUNT)));
      const [young, old, copied] = notes.map(pathOf);
      assert(young && old && copied);
      age(DAY - HOUR, young);
      age(DAY + MINUTE, old);
      const copy = join(directory, "copy.json");
      copyFileSync(copied, copy);
      age(HOUR, copy);
      assert.deepEqual(
        claim()
          .map(({ ageMs, isStale }) => [Math.round(ageMs / HOUR), isStale])
          .sort(([a], [b]) => Number(a) - Number(b)),
        [
          [1, true],
          [23, false],
          [24, true],
        ],
      );
    });

    it("reads an added id, even after renewals, but not a truncated one", async () => {
      const note = await writer.begin(ACCOUNT);
      appendFileSync(pathOf(note), '\n\n{"id":"us');
      assert.deepEqual(reader.pending(SERVER, "tenant_1"), [ACCOUNT]);
      appendFileSync(pathOf(note), '\n{"nothing":1}\n');
      writer.identify(note, "user_1");
      writer.identify(note, "user_2");
      age(LEASE_OVER);
      assert.deepEqual(claim()[0]?.pending, { ...ACCOUNT, id: "user_1" });
    });

    it("returns the claimed note even if it cannot be read again", async () => {
      await writer.begin(ACCOUNT);
      age(LEASE_OVER);
      const { readFileSync: original } = fs;
      let reads = 0;
      mock.method(fs, "readFileSync", (path: string) => {
        reads += 1;
        if (reads > 1) throw new Error("i/o error");
        return original(path, "utf8");
      });
      assert.deepEqual(claim()[0]?.pending, ACCOUNT);
    });

    it("takes nothing if it cannot write, and leaves no file behind", async () => {
      await writer.begin(ACCOUNT);
      age(LEASE_OVER);
      mock.method(fs, "writeFileSync", () => {
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      });
      assert.deepEqual(claim(), []);
      mock.restoreAll();
      assert.equal(claim().length, 1);
      assert.equal(files().length, 1);
    });
  });

  describe("reports", () => {
    it("include creates that only a person can resolve, once nobody renews them", async () => {
      await writer.begin(NAMED_KEY);
      assert.deepEqual(reader.reports(SERVER, "tenant_1"), []);
      age(LEASE_OVER);
      assert.deepEqual(claim(), []);
      assert.deepEqual(
        reader.reports(SERVER, "tenant_1").map(({ pending }) => pending),
        [NAMED_KEY],
      );
      assert.deepEqual(reader.reports(SERVER, "tenant_2"), []);
    });

    it("include what was returned in the last 15 seconds before the engine exited", async () => {
      for (const [id, at] of [
        ["user_1", 0],
        ["user_2", SECOND],
        ["user_3", 16 * SECOND],
      ] as const) {
        clock = at;
        await writer.complete(await writer.begin(ACCOUNT), id);
      }
      clock = 17 * SECOND;
      writer.onEngineExit();
      const reports = reader.reports(SERVER, "tenant_1");
      assert.deepEqual(
        reports.map(({ pending }) => pending),
        [{ ...ACCOUNT, id: "user_3", settle: "report" }],
      );
    });

    it("are skipped without an error if notes cannot be written", async () => {
      const note = await writer.begin(ACCOUNT);
      await writer.complete(note, "user_1");
      rmSync(directory, { recursive: true });
      writeFileSync(directory, "a file");
      writer.onEngineExit();
      assert.equal(readFileSync(directory, "utf8"), "a file");
    });

    it("are dropped once a state shows the object, unlike other notes", async () => {
      await writer.complete(await writer.begin(ACCOUNT), "user_1");
      writer.onEngineExit();
      const note = await writer.begin(ACCOUNT);
      writer.identify(note, "user_2");
      await writer.begin(NAMED_KEY);
      writeFileSync(join(directory, "cut.json"), "{");
      const before = files().length;
      reader.stateHolds("user_2");
      reader.stateHolds("user_3");
      assert.equal(files().length, before);
      reader.stateHolds("user_1");
      reader.stateHolds("user_1");
      assert.equal(files().length, before - 1);
    });
  });
});
