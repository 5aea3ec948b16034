import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Emulator } from "../../provider/emulator";
import { type EmulatorClient, startEmulator } from "../support/emulator-client";
import { type TestFaultKind, testFault } from "../support/faults";

describe("faults", () => {
  let emulator: Emulator;
  let client: EmulatorClient;

  beforeEach(async () => {
    ({ emulator, client } = await startEmulator());
  });

  afterEach(() => emulator.stop());

  const create = () => client.makeAccount();
  const accountCount = () => emulator.accounts().length;

  async function untilFaulty(): Promise<void> {
    while (emulator.requests.at(-1)?.fault === undefined) await nextTurn();
  }

  for (const { when, effects } of [
    { when: "before", effects: 0 },
    { when: "after", effects: 1 },
  ] as const) {
    describe(`${when} the effect`, () => {
      const add = (kind: TestFaultKind) => emulator.faults.add(testFault(kind, when));
      const status = effects === 1 ? 201 : 200;
      const open = (signal?: AbortSignal) => {
        const body = { type: "service_account", roles: ["event_reader"] };
        return client.open("POST", "/users", body, signal);
      };
      afterEach(() => assert.equal(accountCount(), effects));

      it("reset closes the connection", async () => {
        add({ kind: "reset" });
        await assert.rejects(create(), TypeError);
        const [request] = emulator.requests;
        assert.deepEqual([request?.fault, request?.status], [`reset ${when}`, undefined]);
      });

      it("timeout lasts until the client gives up", async () => {
        add({ kind: "timeout" });
        const abort = new AbortController();
        await Promise.all([
          assert.rejects(open(abort.signal), { name: "AbortError" }),
          untilFaulty().then(() => abort.abort()),
        ]);
      });

      it("timeout lasts until the emulator stops", async () => {
        add({ kind: "timeout" });
        await Promise.all([
          assert.rejects(create(), TypeError),
          untilFaulty().then(() => emulator.stop()),
        ]);
      });

      it("status sends another response", async () => {
        const body = { error: "busy" };
        add({ kind: "status", status: 503, body, headers: { "Retry-After": "1" } });
        const { status, headers, json } = await create();
        assert.deepEqual([status, headers.get("retry-after"), json], [503, "1", body]);
        const [request] = emulator.requests;
        assert.deepEqual([request?.status, request?.responseBody], [503, body]);
      });

      it("truncated cuts the body", async () => {
        add({ kind: "truncated" });
        const response = await open();
        assert.equal(response.status, status);
        assert(Number(response.headers.get("content-length")) > 0);
        await assert.rejects(response.text(), TypeError);
      });

      it("slow sends the body in chunks", async () => {
        add({ kind: "slow", bytesPerSecond: 1000 });
        const response = await open();
        assert.equal(response.status, effects === 1 ? 201 : 503);
        const chunks: Uint8Array[] = [];
        for await (const chunk of response.body ?? []) chunks.push(chunk);
        assert(chunks.length > 1, `the body came in ${chunks.length} chunk`);
        const { id } = JSON.parse(Buffer.concat(chunks).toString());
        assert.equal(id, emulator.accounts()[0]?.id);
      });

      it("not_json sends an HTML page", async () => {
        add({ kind: "not_json" });
        const response = await create();
        const type = response.headers.get("content-type");
        assert.deepEqual([response.status, type, response.json], [status, "text/html", undefined]);
        assert.equal(emulator.requests[0]?.status, status);
      });

      it("wrong_shape sends other JSON", async () => {
        add({ kind: "wrong_shape" });
        const response = await create();
        assert.deepEqual([response.status, response.json], [status, { unexpected: ["shape"] }]);
      });

      it("huge pads the body", async () => {
        add({ kind: "huge", mebibytes: 2 });
        const response = await create();
        assert.equal(response.status, status);
        assert(response.text.length > 2 * 1024 * 1024);
        const { padding, ...fields } = JSON.parse(response.text);
        assert.match(padding, /^x+$/);
        assert.equal("id" in fields, effects === 1);
      });
    });
  }

  it("duplicate has the effect twice and sends the second response", async () => {
    emulator.faults.add(testFault({ kind: "duplicate" }, "after"));
    const { status, text } = await create();
    assert.equal(status, 201);
    assert.equal(accountCount(), 2);
    assert.equal(JSON.parse(text).id, emulator.accounts()[1]?.id);
    assert.equal(emulator.requests.length, 1);
  });

  for (const kind of [
    { kind: "not_json" },
    { kind: "wrong_shape" },
    { kind: "huge", mebibytes: 1 },
    { kind: "truncated" },
  ] as const) {
    it(`${kind.kind} adds a body to a response without one`, async () => {
      await create();
      emulator.faults.add({ ...testFault(kind, "after"), match: { method: "DELETE" } });
      const archiving = client.send("DELETE", `/users/${emulator.accounts()[0]?.id}`);
      if (kind.kind === "truncated") await assert.rejects(archiving, TypeError);
      else {
        const { status, text } = await archiving;
        assert.equal(status, 200);
        assert.notEqual(text, "");
      }
      assert.equal(emulator.accounts()[0]?.status, "archived");
    });
  }

  describe("affect", () => {
    const busy = { kind: "status", status: 503, when: "before" } as const;
    const threeStatuses = async () => [
      (await create()).status,
      (await create()).status,
      (await create()).status,
    ];

    it("the first request by default", async () => {
      emulator.faults.add(busy);
      assert.deepEqual(await threeStatuses(), [503, 201, 201]);
    });

    it("a given number of requests, after some others", async () => {
      emulator.faults.add({ ...busy, times: 2, after: 1 });
      assert.deepEqual(await threeStatuses(), [201, 503, 503]);
    });

    it("requests that match method and path with query", async () => {
      emulator.faults.add({ ...busy, match: { method: "GET", path: /^\/v1\/secrets.*limit=1$/g } });
      assert.equal(await client.status("POST", "/users/search", { limit: 1 }), 200);
      assert.equal(await client.status("GET", "/secrets/api/keys"), 200);
      assert.equal(await client.status("GET", "/secrets/api/keys?limit=1"), 503);
    });

    it("requests in the order in which the faults were added", async () => {
      emulator.faults.add(busy);
      emulator.faults.add({ ...busy, status: 502 });
      assert.deepEqual(await threeStatuses(), [503, 502, 201]);
    });

    it("requests that a hook chooses, body included", async () => {
      emulator.faults.decide = ({ body }) =>
        JSON.stringify(body).includes("event_reader") ? busy : undefined;
      assert.equal((await client.makeAccount(["event_reader"])).status, 503);
      assert.equal((await client.makeAccount(["event_ingestor"])).status, 201);
    });

    it("no request after they are cleared", async () => {
      emulator.faults.add(busy);
      emulator.faults.decide = () => busy;
      emulator.faults.outage = true;
      emulator.faults.clear();
      assert.deepEqual(await threeStatuses(), [201, 201, 201]);
    });
  });
});
