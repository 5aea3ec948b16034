import assert from "node:assert/strict";
import type { PulumiWorkspace } from "../../scripts/workspace";
import { nightly, sample } from "../support/sample";
import { accountWithKey, EngineFixture, succeeded } from "./fixture";
import { ACCOUNT_POST, KEY_POST } from "./identity/fixture";
import type { Gateway, Rule } from "./identity/gateway";
import {
  assertStatesAreTheServer,
  gatewayBefore,
  Notes,
  reached,
  secondStack,
  warningsOf,
} from "./shared-home";

describe("a provider that is frozen during a create until its lease ends", () => {
  let fixture: EngineFixture;
  let second: PulumiWorkspace;
  let gateway: Gateway;
  let notes: Notes;

  beforeEach(async () => {
    fixture = await EngineFixture.open(accountWithKey());
    gateway = await gatewayBefore(fixture);
    second = await secondStack(fixture, accountWithKey());
    notes = new Notes(fixture);
  });
  afterEach(async () => {
    await second.dispose();
    await gateway.close();
    await fixture.close();
  });

  /** The first stack is paused at the response to a request, the second runs, and the first continues. */
  async function freezeAt(request: Rule) {
    const held = gateway.intercept({ ...request, responds: "on release" });
    const running = fixture.workspace.start("up");
    await reached(held, running);
    const frozen = fixture.workspace
      .processes()
      .filter(({ command }) => command.includes("dynamic-provider"));
    assert.notEqual(frozen.length, 0);
    for (const { pid } of frozen) process.kill(pid, "SIGSTOP");
    const [noted] = notes.names;
    assert.equal(notes.names.length, 1);
    notes.age("3m");
    const other = succeeded(await second.up());
    held.releaseResponses();
    for (const { pid } of frozen) process.kill(pid, "SIGCONT");
    const first = succeeded(await running.done);
    return { noted, other, first };
  }

  async function assertAllIsWell() {
    await assertStatesAreTheServer(fixture, fixture.workspace, second);
    assert.deepEqual(notes.paths, []);
    for (const workspace of [fixture.workspace, second]) {
      succeeded(await workspace.preview(["--refresh", "--expect-no-changes"]));
    }
  }

  for (const [what, request, done] of sample([
    ["a key", KEY_POST, "revoked"],
    ["an account", ACCOUNT_POST, "archived"],
  ] as const)) {
    it(`creates ${what} again after another run has ${done} it`, async () => {
      const { noted, other } = await freezeAt(request);
      const [warning = "", ...more] = warningsOf(other);
      assert.deepEqual(more, []);
      assert.match(
        warning,
        new RegExp(`"${noted}" .* created by a run that was interrupted, .* ${done}`),
      );
      assert.equal(fixture.accounts().length, 2);
      assert.equal(fixture.keys().length, 2);
      await assertAllIsWell();
    });
  }

  nightly("creates an account again that it was renaming", async () => {
    fixture.setSource(accountWithKey({ name: "ci" }));
    const { other } = await freezeAt({ method: "PUT", path: /^\/v1\/users\/user_/ });
    assert.equal(warningsOf(other).length, 1);
    assert.equal(fixture.accounts().filter(({ name }) => name === "ci").length, 1);
    assert.equal(fixture.keys().length, 2);
    await assertAllIsWell();
  });

  nightly("keeps a key with an explicit name, which nothing removes", async () => {
    fixture.setSource(accountWithKey({ key: 'name: "ci"' }));
    const { other } = await freezeAt(KEY_POST);
    const [warning = "", ...more] = warningsOf(other);
    assert.deepEqual(more, []);
    assert.match(warning, /may have created API key "ci" .* without receiving the response/);
    const revoked = fixture.emulator
      .keys(fixture.operator.tenantId)
      .filter(({ status }) => status !== "published");
    assert.deepEqual(revoked, []);
    await assertAllIsWell();
  });
});
