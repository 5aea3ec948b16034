import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Emulator, Fault, FaultKind } from "../../provider/emulator";
import { type EmulatorClient, startEmulator } from "../support/emulator-client";

describe("faults", () => {
  let emulator: Emulator;
  let client: EmulatorClient;

  beforeEach(async () => {
    ({ emulator, client } = await startEmulator());
  });

  afterEach(() => emulator.stop());

  const create = () => client.makeAccount();
  const accountsMade = () => emulator.accounts().length;

  async function untilFaulty(): Promise<void> {
    while (emulator.requests.at(-1)?.fault === undefined) await nextTurn();
  }

  /** Each kind before and after the effect: how many accounts there are then, and what is seen. */
  const MOMENTS = [
    { when: "before", made: 0 },
    { when: "after", made: 1 },
  ] as const;

  for (const { when, made } of MOMENTS) {
    describe(`${when} the effect`, () => {
      const add = (kind: FaultKind) => emulator.faults.add({ ...kind, when });

      it("reset", async () => {
        add({ kind: "reset" });
        await assert.rejects(create(), TypeError);
        assert.equal(accountsMade(), made);
        assert.equal(emulator.requests[0]?.fault, `reset ${when}`);
        assert.equal(emulator.requests[0]?.status, undefined);
      });

      it("timeout, until the client gives up", async () => {
        add({ kind: "timeout" });
        const abort = new AbortController();
        const body = { type: "service_account", roles: ["event_reader"] };
        const answer = client.open("POST", "/users", body, abort.signal);
        await Promise.all([
          assert.rejects(answer, { name: "AbortError" }),
          untilFaulty().then(() => abort.abort()),
        ]);
        assert.equal(accountsMade(), made);
      });

      it("timeout, until the emulator stops", async () => {
        add({ kind: "timeout" });
        await Promise.all([
          assert.rejects(create(), TypeError),
          untilFaulty().then(() => emulator.stop()),
        ]);
        assert.equal(accountsMade(), made);
      });

      it("status", async () => {
        const body = { error: "busy" };
        add({ kind: "status", status: 503, body, headers: { "Retry-After": "1" } });
        const { status, headers, json } = await create();
        assert.deepEqual([status, headers.get("retry-after"), json], [503, "1", body]);
        assert.equal(accountsMade(), made);
        assert.equal(emulator.requests[0]?.status, 503);
      });

      it("truncated", async () => {
        add({ kind: "truncated" });
        const response = await client.open("POST", "/users", {
          type: "service_account",
          roles: ["event_reader"],
        });
        assert.equal(response.status, made === 1 ? 201 : 200);
        assert(Number(response.headers.get("content-length")) > 0);
        await assert.rejects(response.text(), TypeError);
        assert.equal(accountsMade(), made);
      });

      it("slow", async () => {
        add({ kind: "slow", bytesPerSecond: 1000 });
        const response = await client.open("POST", "/users", {
          type: "service_account",
          roles: ["event_reader"],
        });
        assert.equal(response.status, made === 1 ? 201 : 503);
        let pieces = 0;
        let text = "";
        for await (const piece of response.body ?? []) {
          pieces++;
          text += Buffer.from(piece).toString();
        }
        assert(pieces > 1, `the body came in ${pieces} piece`);
        assert.deepEqual(JSON.parse(text), emulator.requests[0]?.responseBody);
        assert.equal(accountsMade(), made);
      });

      it("not_json", async () => {
        add({ kind: "not_json" });
        const { status, headers, json } = await create();
        assert.deepEqual(
          [status, headers.get("content-type"), json],
          [made === 1 ? 201 : 200, "text/html", undefined],
        );
        assert.equal(accountsMade(), made);
      });

      it("wrong_shape", async () => {
        add({ kind: "wrong_shape" });
        const { status, json } = await create();
        assert.deepEqual([status, json], [made === 1 ? 201 : 200, { unexpected: ["shape"] }]);
        assert.equal(accountsMade(), made);
      });

      it("huge", async () => {
        add({ kind: "huge", mebibytes: 2 });
        const { status, text } = await create();
        assert.equal(status, made === 1 ? 201 : 200);
        assert(text.length > 2 * 1024 * 1024);
        const { padding, ...fields } = JSON.parse(text);
        assert.match(padding, /^x+$/);
        assert.equal("id" in fields, made === 1);
        assert.equal(accountsMade(), made);
      });
    });
  }

  it("duplicate has the effect twice and sends the second answer", async () => {
    emulator.faults.add({ kind: "duplicate", when: "after" });
    const { status, text } = await create();
    assert.equal(status, 201);
    assert.equal(accountsMade(), 2);
    assert.equal(JSON.parse(text).id, emulator.accounts()[1]?.id);
    assert.equal(emulator.requests.length, 1);
  });

  it("an answer without a body is spoilt with one", async () => {
    const spoilt: Fault[] = [
      { kind: "not_json", when: "after" },
      { kind: "wrong_shape", when: "after" },
      { kind: "huge", mebibytes: 1, when: "after" },
    ];
    for (const fault of spoilt) {
      await create();
      emulator.faults.add({ ...fault, match: { method: "DELETE" } });
      const { status, text } = await client.send(
        "DELETE",
        `/users/${emulator.accounts().at(-1)?.id}`,
      );
      assert.equal(status, 200);
      assert.notEqual(text, "");
      assert.equal(emulator.accounts().at(-1)?.status, "archived");
    }
  });

  it("a truncated answer without a body breaks off all the same", async () => {
    await create();
    emulator.faults.add({ kind: "truncated", when: "after", match: { method: "DELETE" } });
    await assert.rejects(client.send("DELETE", `/users/${emulator.accounts()[0]?.id}`), TypeError);
    assert.equal(emulator.accounts()[0]?.status, "archived");
  });

  describe("which requests meet them", () => {
    const busy = { kind: "status", status: 503, when: "before" } as const;
    const three = async () => [
      (await create()).status,
      (await create()).status,
      (await create()).status,
    ];

    it("the first one, by default", async () => {
      emulator.faults.add(busy);
      assert.deepEqual(await three(), [503, 201, 201]);
    });

    it("as many as asked for, after some", async () => {
      emulator.faults.add({ ...busy, times: 2, after: 1 });
      assert.deepEqual(await three(), [201, 503, 503]);
    });

    it("those that match method and path with query", async () => {
      emulator.faults.add({ ...busy, match: { method: "GET", path: /^\/v1\/secrets.*limit=1$/g } });
      assert.equal(await client.status("POST", "/users/search", { limit: 1 }), 200);
      assert.equal(await client.status("GET", "/secrets/api/keys"), 200);
      assert.equal(await client.status("GET", "/secrets/api/keys?limit=1"), 503);
    });

    it("the fault added first comes first", async () => {
      emulator.faults.add(busy);
      emulator.faults.add({ ...busy, status: 502 });
      assert.deepEqual(await three(), [503, 502, 201]);
    });

    it("a hook decides by request, body included", async () => {
      emulator.faults.decide = ({ body }) =>
        JSON.stringify(body).includes("event_reader") ? busy : undefined;
      assert.equal((await client.makeAccount(["event_reader"])).status, 503);
      assert.equal((await client.makeAccount(["event_ingestor"])).status, 201);
    });

    it("none after clear", async () => {
      emulator.faults.add(busy);
      emulator.faults.decide = () => busy;
      emulator.faults.outage = true;
      emulator.faults.clear();
      assert.deepEqual(await three(), [201, 201, 201]);
    });
  });
});
