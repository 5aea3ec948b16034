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
  afterEach(() => rmSync(home, { recursive: true, force: true }));

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
    it("is a file that nobody else may read, and goes when the object is handed over", async () => {
      const note = await writer.begin(ACCOUNT);
      const path = pathOf(note);
      const { inode, born, ...kept } = JSON.parse(readFileSync(path, "utf8"));
      assert.deepEqual(kept, ACCOUNT);
      const { ino, birthtimeNs } = statSync(path, { bigint: true });
      assert.deepEqual([inode, born], [String(ino), String(birthtimeNs)]);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(directory).mode & 0o777, 0o700);
      assert.equal(await writer.complete(note, "user_1"), true);
      assert.deepEqual(files(), []);
    });

    it("goes when nothing was made, and stays when that is not known", async () => {
      const made = [await writer.begin(ACCOUNT), await writer.begin(NAMED_KEY)] as const;
      writer.release(made[1]);
      writer.close(made[0]);
      writer.release(made[0]);
      assert.deepEqual(
        files().map((file) => join(directory, file)),
        [pathOf(made[1])],
      );
    });

    it("is none where there is no folder for it", async () => {
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

    it("is not to be handed over when another has claimed it", async () => {
      const note = await writer.begin(ACCOUNT);
      age(LEASE_OVER);
      assert.equal(claim().length, 1);
      assert.equal(await writer.complete(note, "user_1"), false);
      assert.deepEqual(warnings, []);
      writer.onEngineExit();
      assert.equal(files().length, 1, "what is not handed over needs no report");
    });

    it("is not to be handed over when it cannot be taken away; the others go without notes", async () => {
      const notes = await Promise.all([1, 2].map(() => writer.begin(ACCOUNT)));
      for (const note of notes) {
        unlinkSync(pathOf(note));
        mkdirSync(join(pathOf(note), "full"), { recursive: true });
        assert.equal(await writer.complete(note, "user_1"), false);
      }
      assert.match(
        warnings[0] ?? "",
        /^Notes about creates cannot be kept in .*creates \(E\w+\)\. .* set PULUMI_HOME to one that is\.$/,
      );
      assert.equal((await writer.begin(ACCOUNT)).file, undefined);
    });

    it("can be kept by a run after one that could not keep any", async () => {
      writeFileSync(directory, "a file");
      assert.equal((await writer.begin(ACCOUNT)).file, undefined);
      assert.equal((await writer.begin(ACCOUNT)).file, undefined);
      assert.equal(warnings.length, 1);
      rmSync(directory);
      assert.notEqual((await start().begin(ACCOUNT)).file, undefined);
    });

    it("leaves nothing behind that could not be written", async () => {
      const unwritable = { ...ACCOUNT, name: 1n } as unknown as PendingCreate;
      assert.equal((await new Journal({ directory }).begin(unwritable)).file, undefined);
      assert.deepEqual(files(), []);
      assert.equal((await writer.begin(unwritable)).file, undefined);
      assert.match(warnings[0] ?? "", /\(TypeError: /);
    });

    it("tells nobody where nobody listens", async () => {
      writeFileSync(directory, "a file");
      const journal = new Journal({ directory });
      assert.equal((await journal.begin(ACCOUNT)).file, undefined);
    });
  });

  describe("handing over", () => {
    it("succeeds although the note's file cannot be closed", async () => {
      const note = await writer.begin(ACCOUNT);
      const { closeSync: original } = fs;
      const full = mock.method(fs, "closeSync", (descriptor: number) => {
        original(descriptor);
        throw Object.assign(new Error("disk quota exceeded"), { code: "EDQUOT" });
      });
      try {
        assert.equal(await writer.complete(note, "user_1"), true);
      } finally {
        full.mock.restore();
      }
    });

    it("leaves a report where the engine ends while the folder is being synced", async () => {
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

    it("keeps the note of a create that is under way from being claimed", async () => {
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

    it("ends with the last create that is under way, and begins again with the next", async () => {
      const notes = [await writer.begin(ACCOUNT), await writer.begin(ACCOUNT)] as const;
      writer.release(notes[0]);
      age(HOUR, pathOf(notes[0]));
      age(HOUR, pathOf(notes[1]));
      tick();
      assert.equal(claim().length, 1, "what is left is not renewed");
      writer.close(notes[1]);
      assert.equal(intervals.length, 0);
      await writer.begin(ACCOUNT);
      assert.equal(intervals.length, 1);
    });

    it("does no harm when it does not work", async () => {
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
    it("takes what was not renewed for two minutes", async () => {
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

    it("never takes what this process has under way", async () => {
      await writer.begin(ACCOUNT);
      age(HOUR);
      assert.deepEqual(claim(writer), []);
      assert.deepEqual(writer.pending(SERVER, "tenant_1"), []);
      assert.deepEqual(reader.pending(SERVER, "tenant_1"), [ACCOUNT]);
    });

    it("is won by whoever renames the note first", async () => {
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

    it("takes what two looks show unchanged, two minutes apart, whatever the clocks say", async () => {
      await writer.begin(ACCOUNT);
      age(-HOUR);
      assert.deepEqual(claim(), []);
      clock += LEASE_MS - 1;
      assert.deepEqual(claim(), []);
      clock += 1;
      assert.deepEqual(namesOf(claim()), [ACCOUNT.name]);
    });

    it("starts its looks again with each sign of life", async () => {
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

    it("tells what is a day old, and a copy, from what can be acted on", async () => {
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

    it("reads the id that was added, also behind renewals, and not one that was cut off", async () => {
      const note = await writer.begin(ACCOUNT);
      appendFileSync(pathOf(note), '\n\n{"id":"us');
      assert.deepEqual(reader.pending(SERVER, "tenant_1"), [ACCOUNT]);
      appendFileSync(pathOf(note), '\n{"nothing":1}\n');
      writer.identify(note, "user_1");
      writer.identify(note, "user_2");
      age(LEASE_OVER);
      assert.deepEqual(claim()[0]?.pending, { ...ACCOUNT, id: "user_1" });
    });

    it("knows what it has claimed also where that cannot be read again", async () => {
      await writer.begin(ACCOUNT);
      age(LEASE_OVER);
      const { readFileSync: original } = fs;
      let reads = 0;
      const mocked = mock.method(fs, "readFileSync", (path: string) => {
        reads += 1;
        if (reads > 1) throw new Error("i/o error");
        return original(path, "utf8");
      });
      try {
        assert.deepEqual(claim()[0]?.pending, ACCOUNT);
      } finally {
        mocked.mock.restore();
      }
    });

    it("leaves no file of its own behind, and takes nothing where it cannot write one", async () => {
      await writer.begin(ACCOUNT);
      age(LEASE_OVER);
      const full = mock.method(fs, "writeFileSync", () => {
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      });
      try {
        assert.deepEqual(claim(), []);
      } finally {
        full.mock.restore();
      }
      assert.equal(claim().length, 1);
      assert.equal(files().length, 1);
    });
  });

  describe("reports", () => {
    it("are of creates that only a person can settle, once nobody renews them", async () => {
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

    it("are left of what was handed over in the last 15 seconds before the engine ended", async () => {
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

    it("cannot be left where notes cannot be kept, and that is no error", async () => {
      const note = await writer.begin(ACCOUNT);
      await writer.complete(note, "user_1");
      rmSync(directory, { recursive: true });
      writeFileSync(directory, "a file");
      writer.onEngineExit();
      assert.equal(readFileSync(directory, "utf8"), "a file");
    });

    it("are dropped once a state shows the object; notes that are no reports stay", async () => {
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

  it("hands over although the folder cannot be synced", async () => {
    const note = await writer.begin(ACCOUNT);
    const completed = writer.complete(note, "user_1");
    // Its note is removed by now, but the folder is not opened yet.
    rmSync(directory, { recursive: true });
    assert.equal(await completed, true);
  });

  it("hands over once the folder is on disk without the note, with one sync for all who wait", async () => {
    const open = mock.method(promises, "open");
    try {
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
    } finally {
      open.mock.restore();
    }
  });
});
