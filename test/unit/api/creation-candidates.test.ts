import assert from "node:assert/strict";
import { failureOf, HOUR, type ProviderProcess, Stage } from "../harness";
import {
  ACCOUNT,
  live,
  liveKeys,
  makeAccount,
  makeKey,
  POST_ACCOUNT,
  POST_KEY,
  started,
} from "./creating";

describe("api/creation: what an unanswered request may have made", () => {
  let stage: Stage;
  let process: ProviderProcess;
  beforeEach(async () => {
    stage = await Stage.start();
    process = await started(stage);
  });
  afterEach(() => stage.stop());

  it("leaves accounts alone that differ in name, roles or time, or are managed", async () => {
    const { tenantId } = stage.operator;
    const add = (account: Partial<typeof ACCOUNT> = {}) =>
      stage.emulator.createAccount(tenantId, { ...ACCOUNT, ...account }).id;
    const others = [add()];
    stage.clock.now += HOUR;
    others.push(add());
    stage.clock.now -= HOUR - 3_001;
    others.push(add({ name: "ci2" }), add({ roles: ["event_reader"] }), add());
    process.managed.add(others[4] ?? "");
    stage.fault({ kind: "reset" }, "before", POST_ACCOUNT);
    const made = await makeAccount(process);
    assert.deepEqual(
      live(stage).map(({ id }) => id),
      [...others, made.id],
    );
    assert.equal(stage.writes.length, 2);
  });

  for (const [behindMs, taken] of [
    [3_000, true],
    [3_001, false],
  ] as const) {
    it(`${taken ? "takes" : "leaves"} what a replica made whose clock is ${behindMs} ms behind`, async () => {
      const { tenantId } = stage.operator;
      stage.clock.now -= behindMs;
      const { id } = stage.emulator.createAccount(tenantId, ACCOUNT);
      stage.clock.now += behindMs;
      stage.fault({ kind: "reset" }, "before", POST_ACCOUNT);
      assert.equal((await makeAccount(process)).id === id, taken);
    });
  }

  it("takes an account over whatever the order of its roles, without asking who made it", async () => {
    stage.fault({ kind: "reset" }, "before", POST_ACCOUNT);
    const theirs = stage.emulator.createAccount(stage.operator.tenantId, {
      name: "ci",
      roles: ["event_ingestor", "event_reader", "event_reader"],
    });
    assert.equal((await makeAccount(process)).id, theirs.id);
  });

  it("lists the candidates when there are several, and takes none", async () => {
    const theirs = stage.emulator.createAccount(stage.operator.tenantId, {
      ...ACCOUNT,
      roles: [...ACCOUNT.roles],
    });
    stage.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const error = await failureOf(makeAccount(process), "outcome_unknown");
    const [first, mine] = live(stage);
    assert.equal(first?.id, theirs.id);
    assert.equal(
      error.message,
      `Could not create service account "ci".\n  Reason: the request got no usable answer, and 2 accounts with that name and these roles were made at that time: ${mine?.id}, ${theirs.id}\n  What to do: find out which of them nobody else uses, set "adopt" of this resource to its id, and archive the others if they are yours.`,
    );
    assert.equal(stage.writes.length, 1);
    assert.equal(process.managed.size, 0);
  });

  it("revokes only keys of that owner, that name and that time, and no managed one", async () => {
    const { tenantId, environmentId } = stage.operator;
    const owner = stage.emulator.createAccount(tenantId, ACCOUNT).id;
    const other = stage.emulator.createAccount(tenantId, ACCOUNT).id;
    const add = (userId: string, name: string) =>
      stage.emulator.createKey(userId, environmentId, { name }).id;
    const kept = [add(owner, "k"), add(owner, "k")];
    stage.clock.now += 3_001;
    kept.push(add(owner, "k2"), add(other, "k"), add(owner, "k"));
    process.managed.add(kept[4] ?? "");
    stage.fault({ kind: "reset" }, "after", POST_KEY);
    const made = await makeKey(process, owner);
    const alive = stage.emulator.keys().filter(({ status }) => status === "published");
    assert.deepEqual(alive.map(({ id }) => id).slice(1), [...kept, made.secret.id]);
  });

  it("revokes no key of another owner, should the server list one", async () => {
    const { tenantId, environmentId } = stage.operator;
    const owner = stage.emulator.createAccount(tenantId, ACCOUNT).id;
    const other = stage.emulator.createAccount(tenantId, ACCOUNT).id;
    const theirs = stage.emulator.createKey(other, environmentId, { name: "k" });
    // A server that takes no notice of user_id.
    const { items } = await process.connection.routes.listKeys(
      { limit: 9, offset: 0 },
      "list the keys of all",
    );
    const body = { items, pagination: { total: items.length } };
    stage.fault({ kind: "status", status: 200, body }, "before", {
      match: { path: /user_id=/ },
      times: 9,
    });
    stage.fault({ kind: "reset" }, "before", POST_KEY);
    await makeKey(process, owner);
    assert.deepEqual(
      liveKeys(stage, other).map(({ id }) => id),
      [theirs.id],
    );
  });
});
