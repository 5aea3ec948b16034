import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Journal } from "../../../provider/api/journal";
import { type ProviderProcess, SECOND, Stage } from "../harness";
import { ACCOUNT, live, makeAccount, makeKey, POST_ACCOUNT, POST_KEY } from "./creating";

describe("api/journal", () => {
  let stage: Stage;
  let directory: string;
  let running: Set<number>;
  let pids: number;
  beforeEach(async () => {
    stage = await Stage.start();
    directory = mkdtempSync(join(tmpdir(), "pulumi-flexprice-journal-"));
    running = new Set();
    pids = 100;
  });
  afterEach(async () => {
    await stage.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** A process with a number of its own; `killed` ends it without a word. */
  function start(): ProviderProcess & { journal: Journal; killed: () => void } {
    pids += 1;
    const pid = pids;
    running.add(pid);
    const journal = new Journal({
      directory,
      pid,
      isRunning: (other) => running.has(other),
      now: () => stage.clock.now,
    });
    const process = stage.process({ journal });
    return { ...process, journal, killed: () => running.delete(pid) };
  }

  /** Lets a request arrive whose sender dies before the answer. */
  async function dieAsking(
    ask: (process: ProviderProcess) => Promise<unknown>,
    when: "before" | "after",
    rule: typeof POST_ACCOUNT,
    process = start(),
  ): Promise<void> {
    await process.connection.caller();
    stage.fault({ kind: "timeout" }, when, rule);
    const before = stage.writes.length;
    void ask(process).catch(() => undefined);
    while (stage.writes.length === before) await new Promise((turn) => setTimeout(turn, 2));
    await new Promise((turn) => setTimeout(turn, 10));
    process.killed();
    stage.clock.now += 20 * SECOND;
  }

  const files = () => readdirSync(directory);
  const settle = (process: ProviderProcess) =>
    process.connection.settleLeftovers(async (message) => {
      process.warnings.push(message);
    });
  const liveKeys = () =>
    stage.emulator
      .keys()
      .filter(({ status, userType }) => status === "published" && userType === "service_account");

  it("holds a create only as long as its outcome is open", async () => {
    const process = start();
    const { id } = await makeAccount(process);
    await makeKey(process, id);
    assert.deepEqual(files(), []);
    assert.equal(process.journal.underWay, 0);
  });

  it("keeps no create that the server refused", async () => {
    await assert.rejects(makeAccount(start(), { name: "ci", roles: ["nope"] }));
    assert.deepEqual(files(), []);
  });

  for (const when of ["before", "after"] as const) {
    it(`lets the next process end with one account: killed ${when} the effect`, async () => {
      await dieAsking(makeAccount, when, POST_ACCOUNT);
      assert.equal(files().length, 1);
      const next = start();
      await settle(next);
      const { id } = await makeAccount(next);
      assert.deepEqual(
        live(stage).map((account) => account.id),
        [id],
      );
      assert.deepEqual(files(), []);
      assert.equal(next.warnings.length, when === "after" ? 1 : 0);
    });

    it(`lets the next process end with one key: killed ${when} the effect`, async () => {
      const first = start();
      const owner = await makeAccount(first);
      await dieAsking((process) => makeKey(process, owner.id), when, POST_KEY, first);
      const next = start();
      await settle(next);
      const { secret, api_key } = await makeKey(next, owner.id);
      assert.deepEqual(
        liveKeys().map(({ id, value }) => [id, value]),
        [[secret.id, api_key]],
      );
      assert.deepEqual(files(), []);
    });
  }

  it("looks where the last request went out, however long the server had asked to wait before", async () => {
    const wait = {
      kind: "status",
      status: 429,
      body: {},
      headers: { "retry-after": "50" },
    } as const;
    const first = start();
    const owner = await makeAccount(first);
    for (const [ask, rule] of [
      [
        (process: ProviderProcess) => makeAccount(process, { ...ACCOUNT, name: "late" }),
        POST_ACCOUNT,
      ],
      [(process: ProviderProcess) => makeKey(process, owner.id), POST_KEY],
    ] as const) {
      const dying = start();
      await dying.connection.caller();
      stage.fault(wait, "before", rule);
      stage.fault({ kind: "timeout" }, "after", rule);
      const before = stage.writes.length;
      void ask(dying).catch(() => undefined);
      while (stage.writes.length < before + 2) await new Promise((turn) => setTimeout(turn, 2));
      await new Promise((turn) => setTimeout(turn, 10));
      dying.killed();
      stage.clock.now += 20 * SECOND;
      await settle(start());
    }
    assert.deepEqual(
      live(stage).map(({ id }) => id),
      [owner.id],
    );
    assert.deepEqual(liveKeys(), []);
    assert.deepEqual(files(), []);
  });

  it("removes what was lost also when the program does not ask for it any more", async () => {
    await dieAsking(makeAccount, "after", POST_ACCOUNT);
    const next = start();
    await settle(next);
    assert.deepEqual(live(stage), []);
    assert.match(next.warnings.join(), /"ci" \(user_\w+\), made by a run that was cut off/);
  });

  it("never touches what the killed process had made before, alike as it may be", async () => {
    const first = start();
    const { id } = await makeAccount(first);
    const { secret } = await makeKey(first, id);
    await dieAsking((process) => makeKey(process, id), "before", POST_KEY, first);
    const second = start();
    await settle(second);
    assert.deepEqual(
      liveKeys().map((key) => key.id),
      [secret.id],
    );
    await dieAsking(makeAccount, "before", POST_ACCOUNT, second);
    await settle(start());
    assert.deepEqual(
      live(stage).map((account) => account.id),
      [id],
    );
  });

  it("never touches what the killed process held of an earlier run", async () => {
    const { id } = await makeAccount(start());
    const { secret } = await makeKey(start(), id);
    const second = start();
    second.managed.add(secret.id).add(id);
    await dieAsking((process) => makeKey(process, id), "before", POST_KEY, second);
    await settle(start());
    assert.deepEqual(
      liveKeys().map((key) => key.id),
      [secret.id],
    );
  });

  it("leaves alone what a process is busy with that still runs", async () => {
    const busy = start();
    await dieAsking(makeAccount, "after", POST_ACCOUNT, busy);
    running.add(101);
    await settle(start());
    assert.equal(live(stage).length, 1);
    assert.equal(files().length, 1);
  });

  it("leaves an account with keys alone: it is somebody's", async () => {
    await dieAsking(makeAccount, "after", POST_ACCOUNT);
    const [{ id } = { id: "" }] = live(stage);
    stage.emulator.createKey(id, stage.operator.environmentId, { name: "in use" });
    const next = start();
    await settle(next);
    assert.equal(live(stage).length, 1);
    assert.match(next.warnings.join(), /was left as it is.*Revoke all API keys/);
  });

  it("does not choose between several accounts", async () => {
    await dieAsking(makeAccount, "after", POST_ACCOUNT);
    stage.clock.now -= 20 * SECOND;
    stage.emulator.createAccount(stage.operator.tenantId, { ...ACCOUNT });
    const next = start();
    await settle(next);
    assert.equal(live(stage).length, 2);
    assert.match(next.warnings.join(), /nobody may need it/);
  });

  it("tries again in the next run when the server cannot be asked", async () => {
    await dieAsking(makeAccount, "after", POST_ACCOUNT);
    const unlucky = start();
    await unlucky.connection.caller();
    stage.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
      match: { path: /search/ },
    });
    await settle(unlucky);
    assert.match(unlucky.warnings.join(), /the next change tries again/);
    unlucky.killed();
    await settle(start());
    assert.deepEqual(live(stage), []);
    assert.deepEqual(files(), []);
  });

  it("lets nothing alike be made while it cannot be settled", async () => {
    await dieAsking(makeAccount, "after", POST_ACCOUNT);
    const next = start();
    await next.connection.caller();
    stage.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
      match: { path: /search/ },
    });
    await settle(next);
    const before = stage.writes.length;
    await assert.rejects(makeAccount(next), { kind: "refused", status: 403 });
    assert.equal(stage.writes.length, before);
    // The next change of the same process tries again.
    await settle(next);
    const { id } = await makeAccount(next);
    assert.deepEqual(
      live(stage).map((account) => account.id),
      [id],
    );
  });

  it("is no matter of another tenant or server, nor of a file that is none", async () => {
    await dieAsking(makeAccount, "after", POST_ACCOUNT);
    writeFileSync(join(directory, "1-1-cut.json"), '{"host":');
    const other = stage.emulator.createTenant();
    const foreign = stage.process({
      credential: { kind: "apiKey", value: other.apiKey, source: "elsewhere" },
      journal: start().journal,
    });
    await settle(foreign);
    assert.equal(live(stage).length, 1);
    assert.equal(files().length, 2);
  });

  describe("when the engine has ended and the process has not", () => {
    it("hands on what is answered to nobody", async () => {
      const process = start();
      const owner = await makeAccount(process);
      process.journal.engineIsGone();
      await makeKey(process, owner.id);
      process.killed();
      stage.clock.now += 20 * SECOND;
      const next = start();
      await settle(next);
      assert.deepEqual(liveKeys(), []);
    });

    it("takes an account over whose answer the engine may not have kept", async () => {
      const process = start();
      const { id } = await makeAccount(process);
      process.journal.engineIsGone();
      process.killed();
      const next = start();
      await settle(next);
      assert.equal(live(stage).length, 1, "a state may know it");
      assert.equal((await makeAccount(next)).id, id);
      assert.equal(live(stage).length, 1);
    });

    it("revokes such a key once its resource is made again, and not before", async () => {
      const process = start();
      const owner = await makeAccount(process);
      const lost = await makeKey(process, owner.id);
      process.journal.engineIsGone();
      process.killed();
      const next = start();
      await settle(next);
      assert.equal(liveKeys().length, 1, "a state may know it");
      const { secret } = await makeKey(next, owner.id);
      assert.notEqual(secret.id, lost.secret.id);
      assert.deepEqual(
        liveKeys().map(({ id }) => id),
        [secret.id],
      );
    });

    it("leaves such a key alone that turns out to be in the state", async () => {
      const process = start();
      const owner = await makeAccount(process);
      const kept = await makeKey(process, owner.id);
      process.journal.engineIsGone();
      process.killed();
      const next = start();
      await settle(next);
      next.managed.add(kept.secret.id);
      await makeKey(next, owner.id);
      assert.equal(liveKeys().length, 2);
    });

    it("does not suspect what was answered long before", async () => {
      const process = start();
      await makeAccount(process);
      stage.clock.now += 16 * SECOND;
      process.journal.engineIsGone();
      assert.deepEqual(files(), []);
    });
  });
});
