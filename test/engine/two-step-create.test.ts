import assert from "node:assert/strict";
import type { FaultKind } from "../../provider/emulator";
import { sample } from "../support/sample";
import { accountWithKey, EngineFixture, failed, messages, prefixOf, succeeded } from "./fixture";
import type { Gateway } from "./identity/gateway";
import {
  assertStatesAreTheServer,
  endedIds,
  gatewayBefore,
  killAll,
  Notes,
  reached,
} from "./shared-home";

const RENAMING = /^\/v1\/users\/user_/;

const program = (round = 1) =>
  accountWithKey({ name: "named", key: `rotationTriggers: { round: "${round}" }` });

describe("an account with an explicit name, which takes two requests", () => {
  let fixture: EngineFixture;
  let notes: Notes;
  beforeEach(async () => {
    fixture = await EngineFixture.open(program());
    notes = new Notes(fixture);
  });
  afterEach(() => fixture.close());

  const names = () => fixture.accounts().map(({ name }) => name);
  const requests = () =>
    fixture.takeWrites().map(({ request }) => request.replace(/user_\w+/, "ID"));

  function failPut(fault: FaultKind, times: number) {
    fixture.emulator.faults.add({
      ...fault,
      when: "before",
      times,
      match: { method: "PUT", path: RENAMING },
    });
  }

  it("is in the state under its unique name if the second fails, and the next up renames it", async () => {
    failPut({ kind: "status", status: 403, body: { error: "forbidden", code: "forbidden" } }, 1);
    const up = failed(await fixture.up());
    assert.match(messages(up, "error").join("\n"), /is in the state, and that run renames it/);
    const [account, ...more] = fixture.accounts();
    assert.deepEqual(more, []);
    assert.equal(prefixOf(account?.name), "named");
    const { id, outputs } = (await fixture.held())["ServiceAccount ci"] ?? {};
    assert.equal(id, account?.id);
    assert.equal(outputs?.["name"], account?.name);
    assert.deepEqual(notes.paths, []);
    await assertStatesAreTheServer(fixture);

    fixture.takeWrites();
    succeeded(await fixture.up());
    assert.deepEqual(requests(), ["PUT /v1/users/ID", "POST /v1/secrets/api/keys"]);
    assert.deepEqual(names(), ["named"]);
    await assertStatesAreTheServer(fixture);
    succeeded(await fixture.drift());
  });

  it("gets its name even if a replica does not show it yet", async () => {
    const body = { code: "not_found", message: "User not found", http_status_code: 404 };
    failPut({ kind: "status", status: 404, body }, 2);
    succeeded(await fixture.up());
    assert.deepEqual(requests(), [
      "POST /v1/users",
      ...["PUT /v1/users/ID", "PUT /v1/users/ID", "PUT /v1/users/ID"],
      "POST /v1/secrets/api/keys",
    ]);
    assert.deepEqual(names(), ["named"]);
    await assertStatesAreTheServer(fixture);
    succeeded(await fixture.drift());
  });

  describe("whose run is killed", () => {
    let gateway: Gateway;
    beforeEach(async () => {
      gateway = await gatewayBefore(fixture);
    });
    afterEach(() => gateway.close());

    for (const [when, held, lost] of sample([
      ["before the second request", { effect: "on release" }, /^named-\w{10}$/],
      ["before the second response", { responds: "on release" }, /^named$/],
    ] as const)) {
      for (const leaseIsOver of sample([true, false])) {
        it(`${when}, is archived by its id ${leaseIsOver ? "in the next run" : "once the lease has ended"}`, async () => {
          const request = gateway.intercept({ method: "PUT", path: RENAMING, ...held });
          await reached(request, fixture.workspace.start("up"));
          await killAll(fixture);
          const [orphan, ...more] = fixture.accounts();
          assert.deepEqual(more, []);
          assert.match(orphan?.name ?? "", lost);
          if (!leaseIsOver) {
            succeeded(await fixture.up());
            assert.deepEqual(endedIds(fixture), []);
            assert.equal(notes.paths.length, 1);
            fixture.setSource(program(2));
          }
          const [before] = fixture.keys();
          notes.age("3m");
          const up = succeeded(await fixture.up());
          assert.match(
            messages(up, "warning").join("\n"),
            new RegExp(`${orphan?.id}.*has been archived`),
          );
          const ended = [orphan?.id, before?.id].filter((id) => id !== undefined);
          assert.deepEqual(endedIds(fixture).sort(), ended.sort());
          assert.deepEqual(names(), ["named"]);
          assert.deepEqual(notes.paths, []);
          await assertStatesAreTheServer(fixture);
        });
      }
    }
  });
});
