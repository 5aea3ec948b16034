import assert from "node:assert/strict";
import { cpSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { OperationResult, PulumiWorkspace } from "../../scripts/workspace";
import { nightly, sample } from "../support/sample";
import { accountWithKey, EngineFixture, succeeded } from "./fixture";
import { ACCOUNT_POST, KEY_POST } from "./identity/fixture";
import type { Gateway } from "./identity/gateway";
import {
  assertStatesAreTheServer,
  endedIds,
  gatewayBefore,
  killAll,
  Notes,
  reached,
  secondStack,
  warningsOf,
} from "./shared-home";

const program = (round: number) =>
  accountWithKey({ key: `rotationTriggers: { round: "${round}" }` });

const COPIED_OR_OLD = /too old, or a copy, so nothing is removed/;

/**
 * A copy of a note with the inode of its deleted original: file systems reuse inode numbers. A test cannot choose the
 * number, so it writes the actual one into the note.
 */
function copyWithSameInode(original: string, inode: bigint, target: string): void {
  writeFileSync(target, "");
  const { ino } = statSync(target, { bigint: true });
  const text = readFileSync(original, "utf8");
  const changed = text.replace(`"${inode}`, `"${ino}`);
  assert.notEqual(changed, text, "the note does not say its inode");
  writeFileSync(target, changed);
}

describe("a PULUMI_HOME that is restored from a copy made during a create", () => {
  let fixture: EngineFixture;
  let second: PulumiWorkspace;
  let gateway: Gateway;
  let notes: Notes;
  beforeEach(async () => {
    fixture = await EngineFixture.open(program(1));
    gateway = await gatewayBefore(fixture);
    second = await secondStack(fixture, program(1));
    notes = new Notes(fixture);
  });
  afterEach(async () => {
    await second.dispose();
    await gateway.close();
    await fixture.close();
  });

  for (const [what, request] of sample([
    ["key", KEY_POST],
    ["account", ACCOUNT_POST],
  ] as const)) {
    for (const whose of sample(["another inode", "the same inode"])) {
      it(`does not remove ${what} because of a note with ${whose}`, async () => {
        const held = gateway.intercept({ ...request, responds: "on release" });
        const running = fixture.workspace.start("up");
        await reached(held, running);
        const copy = join(fixture.workspace.scratch, "copy");
        cpSync(notes.folder, copy, { recursive: true, preserveTimestamps: true });
        const [original = ""] = notes.paths;
        const { ino } = statSync(original, { bigint: true });
        const [name] = notes.names;
        held.releaseResponses();
        succeeded(await running.done);
        assert.deepEqual(notes.paths, []);
        if (whose === "another inode") {
          cpSync(copy, notes.folder, { recursive: true, preserveTimestamps: true });
        } else {
          copyWithSameInode(join(copy, basename(original)), ino, original);
        }
        assert.deepEqual(notes.names, [name]);
        notes.age("3m");

        const up = succeeded(await second.up());
        assert.deepEqual(endedIds(fixture), []);
        const [warning = "", ...more] = warningsOf(up);
        assert.deepEqual(more, []);
        assert.match(warning, COPIED_OR_OLD);
        assert.ok(warning.includes(`"${name}"`), warning);
        assert.deepEqual(notes.paths, []);
        await assertStatesAreTheServer(fixture, fixture.workspace, second);
        assert.deepEqual(warningsOf(succeeded(await fixture.up())), []);
      });
    }
  }
});

describe("the note of an account whose run was killed", () => {
  let fixture: EngineFixture;
  let gateway: Gateway;
  let notes: Notes;
  let orphan: string;
  let rounds: number;

  beforeEach(async () => {
    rounds = 1;
    fixture = await EngineFixture.open(program(rounds));
    gateway = await gatewayBefore(fixture);
    notes = new Notes(fixture);
  });
  afterEach(async () => {
    await gateway.close();
    await fixture.close();
  });

  /** Kills the run during the request, which has its effect (`response`) or never does. */
  async function killedAtPost(what: "request" | "response") {
    const request =
      what === "response"
        ? ({ responds: "on release" } as const)
        : ({ effect: "on release" } as const);
    const held = gateway.intercept({ ...ACCOUNT_POST, ...request });
    const running = fixture.workspace.start("up");
    await reached(held, running);
    await killAll(fixture);
    orphan = fixture.accounts()[0]?.id ?? "";
    assert.equal(orphan !== "", what === "response");
    assert.equal(notes.paths.length, 1);
  }

  async function upWithAChange(): Promise<OperationResult> {
    rounds += 1;
    fixture.setSource(program(rounds));
    return succeeded(await fixture.up());
  }

  const isLive = () => fixture.accounts().some(({ id }) => id === orphan);

  it("is not used before its lease ends, and then its account is archived", async () => {
    await killedAtPost("response");
    assert.deepEqual(warningsOf(await upWithAChange()), []);
    assert.ok(isLive());
    notes.age("3m");
    const [warning = "", ...more] = warningsOf(await upWithAChange());
    assert.deepEqual(more, []);
    assert.match(
      warning,
      new RegExp(`\\(${orphan}\\), created by a run that was interrupted, has been arch`),
    );
    await assertStatesAreTheServer(fixture);
    assert.deepEqual(notes.paths, []);
  });

  nightly("is reported and dropped after 25 hours, and nothing is removed", async () => {
    await killedAtPost("response");
    const [name = ""] = notes.names;
    notes.age("25h");
    const [warning = "", ...more] = warningsOf(await upWithAChange());
    assert.deepEqual(more, []);
    assert.match(warning, COPIED_OR_OLD);
    assert.ok(warning.includes(`"${name}"`), warning);
    assert.ok(isLive());
    assert.deepEqual(notes.paths, []);
    assert.deepEqual(warningsOf(await upWithAChange()), []);
    assert.ok(isLive());
  });

  nightly("without an account is kept for an hour, and then closed", async () => {
    await killedAtPost("request");
    const { names } = notes;
    for (const age of ["3m", "59m"] as const) {
      notes.age(age);
      await upWithAChange();
      assert.deepEqual(notes.names, names, age);
    }
    notes.age("61m");
    assert.deepEqual(warningsOf(await upWithAChange()), []);
    assert.deepEqual(notes.paths, []);
    await assertStatesAreTheServer(fixture);
  });

  nightly("without an account is closed only by the credential that wrote it", async () => {
    await killedAtPost("request");
    const { names } = notes;
    const { tenantId, environmentId, apiKey } = fixture.operator;
    const { userId } = fixture.emulator.createUser(tenantId, ["super_admin"]);
    const other = fixture.emulator.createKey(userId, environmentId, { name: "another operator" });
    fixture.hide(other.value);
    await fixture.workspace.setConfig({ "flexprice:apiKey": { value: other.value, secret: true } });
    notes.age("61m");
    await upWithAChange();
    assert.deepEqual(notes.names, names);
    await fixture.workspace.setConfig({ "flexprice:apiKey": { value: apiKey, secret: true } });
    await upWithAChange();
    assert.deepEqual(notes.paths, []);
  });

  nightly("of another credential is resolved if its account exists", async () => {
    await killedAtPost("response");
    const { tenantId, environmentId } = fixture.operator;
    const { userId } = fixture.emulator.createUser(tenantId, ["super_admin"]);
    const other = fixture.emulator.createKey(userId, environmentId, { name: "another operator" });
    fixture.hide(other.value);
    await fixture.workspace.setConfig({ "flexprice:apiKey": { value: other.value, secret: true } });
    notes.age("3m");
    await upWithAChange();
    assert.ok(!isLive());
    assert.deepEqual(notes.paths, []);
  });

  for (const [when, age] of sample([
    ["after its lease has ended", "3m"],
    ["before its lease ends", "1m"],
  ] as const)) {
    it(`is dropped if the program adopts the account ${when}`, async () => {
      await killedAtPost("response");
      const adopting = (round: number) =>
        accountWithKey({
          account: `adopt: "${orphan}"`,
          key: `rotationTriggers: { round: "${round}" }`,
        });
      notes.age(age);
      fixture.setSource(adopting(1));
      succeeded(await fixture.up());
      assert.deepEqual(notes.paths, []);
      notes.age("3m");
      fixture.setSource(adopting(2));
      succeeded(await fixture.up());
      assert.ok(isLive());
      await assertStatesAreTheServer(fixture);
    });
  }
});
