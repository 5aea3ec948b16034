import assert from "node:assert/strict";
import { UnknownValueError } from "@pulumi/policy";
import { keyOutputs, keysExpire } from "../../../provider/policies";
import { DAY, MINUTE, UNKNOWN } from "../fixture";
import { ACCOUNT, type Given, KEY, reports, STACK, stackReports } from "./fixture";

describe("policies/keys", () => {
  describe("keysExpire", () => {
    const policy = keysExpire();
    const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

    it("refuses keys without an expiry", async () => {
      assert.deepEqual(await reports(policy, KEY, { name: "k" }), [
        'The key never expires. Set expiresIn to at most "90d", and rotateBefore, so that it is replaced in time.',
      ]);
      assert.deepEqual(await reports(policy, ACCOUNT, { name: "k" }), []);
    });

    it("refuses a lifetime that is too long", async () => {
      assert.deepEqual(await reports(policy, KEY, { expiresIn: "91d" }), [
        'expiresIn "91d" is more than 90 days. Set it to at most "90d".',
      ]);
      assert.deepEqual(await reports(policy, KEY, { expiresIn: "90d" }), []);
      assert.deepEqual(await reports(policy, KEY, { expiresIn: "2160h" }), []);
    });

    it("refuses an instant that is too far away", async () => {
      const expiresAt = inMs(90 * DAY + MINUTE);
      assert.deepEqual(await reports(policy, KEY, { expiresAt }), [
        `expiresAt ${expiresAt} is more than 90 days away. Set an earlier instant, or expiresIn.`,
      ]);
      for (const ms of [90 * DAY, -DAY]) {
        assert.deepEqual(await reports(policy, KEY, { expiresAt: inMs(ms) }), []);
      }
    });

    it("takes nothing unreadable for short", async () => {
      assert.equal((await reports(policy, KEY, { expiresIn: "soon" })).length, 1);
      assert.equal((await reports(policy, KEY, { expiresAt: "soon" })).length, 1);
    });

    it("leaves it to Pulumi to say that an expiry is not known yet", async () => {
      for (const inputs of [{ expiresIn: UNKNOWN }, { expiresAt: UNKNOWN }]) {
        await assert.rejects(reports(policy, KEY, inputs), UnknownValueError);
      }
    });

    it("takes the number of days from the pack, and from its config before that", async () => {
      const month = keysExpire({ maxDays: 30 });
      assert.match((await reports(month, KEY, { expiresIn: "31d" })).join(), /more than 30 days/);
      assert.deepEqual(await reports(month, KEY, { expiresIn: "31d" }, { maxDays: 60 }), []);
      assert.equal((await reports(policy, KEY, { expiresIn: "2d" }, { maxDays: 1 })).length, 1);
      assert.deepEqual(month.configSchema?.properties["maxDays"]?.default, 30);
    });
  });

  describe("keyOutputs", () => {
    const OURS = "sk_01M85FAKMEBXGA1EGXE598V40Z";
    const THEIRS = "sk_01M86SERKVFDVF5TYXS2GZVQ06";
    const PUBLISHABLE = "pk_01M86SERKVFDVF5TYXS2GZVQ06";

    function stackWith(outputs: Record<string, unknown>): Given[] {
      return [
        { type: ACCOUNT, name: "ci", props: { name: "ci" } },
        { type: STACK, name: "test", props: outputs },
        { type: KEY, name: "ingestor", props: { apiKey: OURS, type: "private_key" } },
      ];
    }

    it("lets a key out once, wherever it stands in an output", async () => {
      for (const outputs of [
        { a: OURS },
        { a: { keys: [OURS, OURS] } },
        { a: JSON.stringify({ key: OURS }), b: UNKNOWN, id: "secret_01M85FAKMEBXGA1EGXE598V40Z" },
        { a: OURS, widget: PUBLISHABLE, again: PUBLISHABLE, displayId: "sk_01***0Z" },
      ]) {
        assert.deepEqual(await stackReports(keyOutputs(), stackWith(outputs)), []);
      }
    });

    it("refuses the second output of a key", async () => {
      const outputs = { a: OURS, b: { header: `x-api-key: ${OURS}`, unknown: UNKNOWN } };
      assert.deepEqual(await stackReports(keyOutputs(), stackWith(outputs)), [
        'the stack: API key "ingestor" is in the outputs "a", "b". Keep one of them.',
      ]);
    });

    it("refuses keys that are handed on from elsewhere", async () => {
      const [line, ...others] = await stackReports(keyOutputs(), stackWith({ a: OURS, b: THEIRS }));
      assert.match(line ?? "", /^the stack: Output "b" holds a Flexprice API key that this stack/);
      assert.deepEqual(others, []);
    });

    it("lets keys out by the allowed outputs only, where there is a list", async () => {
      const stack = stackWith({ a: OURS, id: "user_1" });
      const refused = [
        'the stack: Output "a" holds a Flexprice API key, and is none of those that may. Remove it, or add its name to allowedOutputs.',
      ];
      assert.deepEqual(await stackReports(keyOutputs({ allowedOutputs: [] }), stack), refused);
      assert.deepEqual(await stackReports(keyOutputs({ allowedOutputs: ["id"] }), stack), refused);
      assert.deepEqual(await stackReports(keyOutputs({ allowedOutputs: ["a"] }), stack), []);
      const config = { allowedOutputs: ["b"] };
      const policy = keyOutputs({ allowedOutputs: ["a"] });
      assert.deepEqual(await stackReports(policy, stack, config), refused);
      assert.deepEqual(policy.configSchema?.properties["allowedOutputs"]?.default, ["a"]);
    });

    it("never says a key", async () => {
      const stack = stackWith({ a: OURS, b: OURS, c: THEIRS });
      const lines = (await stackReports(keyOutputs({ allowedOutputs: [] }), stack)).join();
      for (const key of [OURS, THEIRS]) assert.ok(!lines.includes(key));
    });

    it("has nothing to say of a stack without outputs", async () => {
      assert.deepEqual(await stackReports(keyOutputs(), []), []);
    });
  });

  it("takes the level of enforcement", () => {
    for (const make of [keysExpire, keyOutputs]) {
      assert.equal(make({ enforcementLevel: "advisory" }).enforcementLevel, "advisory");
      assert.equal(make().enforcementLevel, undefined);
    }
  });
});
