import assert from "node:assert/strict";
import { Connection } from "../../../provider/api/connection";
import { httpTransport } from "../../../provider/api/transport";
import { Emulator, type FaultKind, type Operator } from "../../../provider/emulator";

/** Faults that leave it open whether the server did what it was asked. */
const AMBIGUOUS: FaultKind[] = [
  { kind: "reset" },
  { kind: "truncated" },
  { kind: "not_json" },
  { kind: "wrong_shape" },
  { kind: "status", status: 500, body: { message: "Internal server error" } },
  { kind: "status", status: 502, body: "Bad Gateway" },
  { kind: "status", status: 504, body: "Gateway Timeout" },
];

describe("a create whose answer got lost", () => {
  let emulator: Emulator;
  let operator: Operator;
  let connection: Connection;
  beforeEach(async () => {
    emulator = await Emulator.start();
    operator = emulator.createTenant();
    connection = new Connection(
      {
        baseUrl: emulator.url,
        credential: { kind: "apiKey", value: operator.apiKey, source: "a test" },
        world: {
          transport: httpTransport(),
          now: Date.now,
          random: () => 0,
          sleep: async () => undefined,
        },
      },
      new Set(),
    );
    await connection.caller();
  });
  afterEach(() => emulator.stop());

  const accounts = () =>
    emulator
      .accounts(operator.tenantId)
      .filter(({ type, status }) => type === "service_account" && status === "published");
  const liveKeys = (ownerId: string) =>
    emulator
      .keys(operator.tenantId)
      .filter(({ userId, status }) => userId === ownerId && status === "published");

  for (const fault of AMBIGUOUS) {
    for (const when of ["before", "after"] as const) {
      const title = `${fault.kind}${fault.kind === "status" ? ` ${fault.status}` : ""} ${when} the effect`;

      it(`ends in one account: ${title}`, async () => {
        emulator.faults.add({ ...fault, when, match: { method: "POST", path: /^\/v1\/users$/ } });
        const made = await connection.creations.createAccount(
          { name: "ci", roles: ["event_ingestor"] },
          'create service account "ci"',
        );
        assert.deepEqual(
          accounts().map(({ id }) => id),
          [made.id],
        );
      });

      it(`ends in one key whose value is known: ${title}`, async () => {
        const owner = await connection.creations.createAccount(
          { name: "ci", roles: ["event_ingestor"] },
          'create service account "ci"',
        );
        emulator.faults.add({ ...fault, when, match: { method: "POST", path: /api\/keys$/ } });
        const { secret, api_key } = await connection.creations.createKey(
          { name: "ci", type: "private_key", accountId: owner.id },
          owner.id,
          'create API key "ci"',
        );
        assert.deepEqual(
          liveKeys(owner.id).map(({ id }) => id),
          [secret.id],
        );
        const self = connection.routes.as({ kind: "apiKey", value: api_key, source: "itself" });
        assert.equal((await self.me()).id, owner.id);
      });
    }
  }

  it("gives several creates of one name an account each", async () => {
    emulator.faults.add({
      kind: "reset",
      when: "after",
      times: 2,
      match: { method: "POST", path: /^\/v1\/users$/ },
    });
    const account = { name: "ci", roles: ["event_ingestor"] };
    const made = await Promise.all(
      [1, 2, 3].map(() => connection.creations.createAccount(account, "create an account")),
    );
    assert.equal(new Set(made.map(({ id }) => id)).size, 3);
    assert.equal(accounts().length, 3);
  });

  it("is not taken for done when the server refuses it", async () => {
    await assert.rejects(
      connection.creations.createAccount({ name: "ci", roles: ["nope"] }, "create an account"),
      { kind: "invalid", status: 400, code: "validation_error" },
    );
    assert.equal(emulator.writes().length, 1);
  });
});
