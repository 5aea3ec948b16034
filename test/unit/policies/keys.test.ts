import assert from "node:assert/strict";
import { UnknownValueError } from "@pulumi/policy";
import { keyOutputs, keysExpire } from "../../../provider/policies";
import { DAY, MINUTE, UNKNOWN } from "../fixture";
import { FRONT_ENDS, STACK, type StackResource, stackViolations, violationsOf } from "./fixture";

for (const { title, ACCOUNT, KEY } of FRONT_ENDS) {
  describe(`policies for keys, with the types of ${title}`, () => {
    describe("keysExpire", () => {
      const policy = keysExpire();
      const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

      it("rejects keys without an expiry", async () => {
        assert.deepEqual(await violationsOf(policy, KEY, { name: "k" }), [
          'The key never expires. Set expiresIn to at most "90d", and rotateBefore, so that it is replaced in time.',
        ]);
        assert.deepEqual(await violationsOf(policy, ACCOUNT, { name: "k" }), []);
      });

      it("rejects a lifetime of more than 90 days", async () => {
        assert.deepEqual(await violationsOf(policy, KEY, { expiresIn: "91d" }), [
          'expiresIn "91d" is more than 90 days. Set it to at most "90d".',
        ]);
        assert.deepEqual(await violationsOf(policy, KEY, { expiresIn: "90d" }), []);
        assert.deepEqual(await violationsOf(policy, KEY, { expiresIn: "2160h" }), []);
      });

      it("rejects an expiry more than 90 days away", async () => {
        const expiresAt = inMs(90 * DAY + MINUTE);
        assert.deepEqual(await violationsOf(policy, KEY, { expiresAt }), [
          `expiresAt ${expiresAt} is more than 90 days away. Set an earlier instant, or expiresIn.`,
        ]);
        for (const ms of [90 * DAY, -DAY]) {
          assert.deepEqual(await violationsOf(policy, KEY, { expiresAt: inMs(ms) }), []);
        }
      });

      it("rejects an invalid expiry", async () => {
        assert.equal((await violationsOf(policy, KEY, { expiresIn: "soon" })).length, 1);
        assert.equal((await violationsOf(policy, KEY, { expiresAt: "soon" })).length, 1);
      });

      it("lets Pulumi handle an unknown expiry", async () => {
        for (const inputs of [{ expiresIn: UNKNOWN }, { expiresAt: UNKNOWN }]) {
          await assert.rejects(violationsOf(policy, KEY, inputs), UnknownValueError);
        }
      });

      it("uses maxDays of its config, or else of its options", async () => {
        const month = keysExpire({ maxDays: 30 });
        assert.match(
          (await violationsOf(month, KEY, { expiresIn: "31d" })).join(),
          /more than 30 days/,
        );
        assert.deepEqual(await violationsOf(month, KEY, { expiresIn: "31d" }, { maxDays: 60 }), []);
        assert.equal(
          (await violationsOf(policy, KEY, { expiresIn: "2d" }, { maxDays: 1 })).length,
          1,
        );
        assert.deepEqual(month.configSchema?.properties["maxDays"]?.default, 30);
      });
    });

    describe("keyOutputs", () => {
      const OWN = "sk_01M85FAKMEBXGA1EGXE598V40Z";
      const OTHER_STACKS = "sk_01M86SERKVFDVF5TYXS2GZVQ06";
      const PUBLISHABLE = "pk_01M86SERKVFDVF5TYXS2GZVQ06";

      function stackWith(outputs: Record<string, unknown>): StackResource[] {
        return [
          { type: ACCOUNT, name: "ci", props: { name: "ci" } },
          { type: STACK, name: "test", props: outputs },
          { type: KEY, name: "ingestor", props: { apiKey: OWN, type: "private_key" } },
        ];
      }

      it("allows a key at any depth of one output, and publishable keys in several", async () => {
        for (const outputs of [
          { a: OWN },
          { a: { keys: [OWN, OWN] } },
          { a: JSON.stringify({ key: OWN }), b: UNKNOWN, id: "secret_01M85FAKMEBXGA1EGXE598V40Z" },
          { a: OWN, widget: PUBLISHABLE, page: PUBLISHABLE, displayId: "sk_01***0Z" },
        ]) {
          assert.deepEqual(await stackViolations(keyOutputs(), stackWith(outputs)), []);
        }
      });

      it("rejects a second output with the same key", async () => {
        const outputs = { a: OWN, b: { header: `x-api-key: ${OWN}`, unknown: UNKNOWN } };
        assert.deepEqual(await stackViolations(keyOutputs(), stackWith(outputs)), [
          'the stack: API key "ingestor" is in the outputs "a", "b". Keep one of them.',
        ]);
      });

      it("rejects keys of other stacks", async () => {
        const [violation = "", ...others] = await stackViolations(
          keyOutputs(),
          stackWith({ a: OWN, b: OTHER_STACKS }),
        );
        assert.match(violation, /^the stack: Output "b" holds a Flexprice API key that this stack/);
        assert.deepEqual(others, []);
      });

      it("rejects keys outside of allowedOutputs of its config, or else of its options", async () => {
        const stack = stackWith({ a: OWN, id: "user_1" });
        const rejected = [
          'the stack: Output "a" holds a Flexprice API key, but is not in allowedOutputs. Remove it, or add its name there.',
        ];
        assert.deepEqual(
          await stackViolations(keyOutputs({ allowedOutputs: [] }), stack),
          rejected,
        );
        assert.deepEqual(
          await stackViolations(keyOutputs({ allowedOutputs: ["id"] }), stack),
          rejected,
        );
        assert.deepEqual(await stackViolations(keyOutputs({ allowedOutputs: ["a"] }), stack), []);
        const config = { allowedOutputs: ["b"] };
        const policy = keyOutputs({ allowedOutputs: ["a"] });
        assert.deepEqual(await stackViolations(policy, stack, config), rejected);
        assert.deepEqual(policy.configSchema?.properties["allowedOutputs"]?.default, ["a"]);
      });

      it("never shows a key in a violation", async () => {
        const stack = stackWith({ a: OWN, b: OWN, c: OTHER_STACKS });
        const violations = await stackViolations(keyOutputs({ allowedOutputs: [] }), stack);
        assert.notEqual(violations.length, 0);
        for (const key of [OWN, OTHER_STACKS]) assert.ok(!violations.join().includes(key));
      });

      it("accepts a stack without outputs", async () => {
        assert.deepEqual(await stackViolations(keyOutputs(), []), []);
      });
    });
  });
}
