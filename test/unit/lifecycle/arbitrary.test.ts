import assert from "node:assert/strict";
import fc from "fast-check";
import { FlexpriceError } from "../../../provider/shared/errors";
import {
  type AccountInputs,
  type AccountState,
  type KeyInputs,
  type KeyState,
  type ProviderProcess,
  reasons,
  UNKNOWN,
  UnitFixture,
} from "../fixture";

const FIELDS = [
  "serviceAccountId",
  "name",
  "namePrefix",
  "type",
  "expiresAt",
  "expiresIn",
  "rotateBefore",
  "rotationTriggers",
  "onDelete",
  "adopt",
  "connection",
  "roles",
  "forceDestroy",
  "__provider",
  "__proto__",
  "constructor",
  "toString",
  "length",
  "hasOwnProperty",
];

/** JSON values, especially those that code often mishandles. */
const anyValue = fc.oneof(
  fc.constantFrom(
    null,
    UNKNOWN,
    "",
    "90d",
    "2030-06-01T12:00:00Z",
    "user_1",
    "secret_1",
    "private_key",
    "expire",
    Number.MAX_VALUE,
  ),
  fc.constantFrom(
    ...['{"length":1e9}', '{"length":-1,"0":"x"}', '{"toString":1,"valueOf":null}'].map(parsed),
    ...['{"__proto__":{"id":"secret_1"}}', '{"id":null,"apiKey":null}', "[null]", "[[[]]]"].map(
      parsed,
    ),
    ...['{"id":{"length":3},"apiKey":{"toString":"x"}}', '{"toJSON":1}', '["event_reader",{}]'].map(
      parsed,
    ),
  ),
  fc.jsonValue(),
);

const properties = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...FIELDS) },
        { weight: 1, arbitrary: fc.string() },
      ),
      anyValue,
    ),
    { maxLength: 8 },
  )
  .map(withOwnProperties);

/** As the engine passes them: own properties with any name. */
function withOwnProperties(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

function parsed(text: string): object {
  return JSON.parse(text) as object;
}

describe("for arbitrary properties of a program", function () {
  this.timeout(60_000);
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  beforeEach(() => {
    provider = fixture.process();
  });

  const failsOnlyAsDocumented = async (attempt: () => Promise<unknown>): Promise<void> => {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof FlexpriceError)) throw error;
    }
  };
  const keyState = (): KeyState => ({
    name: "k",
    type: "private_key",
    serviceAccountId: "user_1",
    apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z",
    displayId: "sk_01***0Z",
    roles: ["event_reader"],
    userId: "user_1",
    userType: "service_account",
    createdAt: "2026-11-24T08:00:00Z",
    expiresAt: "2026-12-24T08:00:00Z",
    rotationTriggers: { a: "1" },
    tenantId: fixture.operator.tenantId,
  });

  it("ApiKeyProvider.check only returns failures", async () => {
    const check = async (olds: object, news: object) => {
      const { failures = [] } = await provider.keys.check(olds, news as KeyInputs);
      for (const { property, reason } of failures) {
        assert.equal(property, "");
        assert.equal(typeof reason, "string");
      }
    };
    await fc.assert(fc.asyncProperty(properties, properties, check), { numRuns: 1_000 });
  });

  it("ServiceAccountProvider.check only returns failures", async () => {
    const check = async (olds: object, news: object) => {
      const { failures = [] } = await provider.accounts.check(olds, news as AccountInputs);
      for (const { property } of failures) assert.equal(property, "");
    };
    await fc.assert(fc.asyncProperty(properties, properties, check), { numRuns: 1_000 });
  });

  it("ApiKeyProvider.diff only throws a FlexpriceError", async () => {
    const diff = (news: object) =>
      failsOnlyAsDocumented(() => provider.keys.diff("secret_1", keyState(), news as KeyInputs));
    await fc.assert(fc.asyncProperty(properties, diff), { numRuns: 1_000 });
  });

  it("ServiceAccountProvider.diff only throws a FlexpriceError", async () => {
    const olds: AccountState = {
      name: "ci",
      roles: ["event_reader"],
      tenantId: fixture.operator.tenantId,
    };
    const diff = (news: object) =>
      failsOnlyAsDocumented(() => provider.accounts.diff("user_1", olds, news as AccountInputs));
    await fc.assert(fc.asyncProperty(properties, diff), { numRuns: 1_000 });
  });

  it("ApiKeyProvider.check names the missing value of a key to adopt if it is null", async () => {
    const adopt = { id: "secret_1", apiKey: null };
    const inputs = { type: "private_key", name: "k", adopt } as unknown as KeyInputs;
    assert.deepEqual(reasons(await provider.keys.check({}, inputs)), [
      "adopt.apiKey: must be the key itself, without white space or a line break",
    ]);
  });
});
