import assert from "node:assert/strict";
import { UnknownValueError } from "@pulumi/policy";
import { keyOutputs, keysExpire } from "../../../provider/policies";
import { DAY, MINUTE, UNKNOWN } from "../fixture";
import { FRONT_ENDS, type Given, reports, STACK, stackReports } from "./fixture";

for (const { title, ACCOUNT, KEY } of FRONT_ENDS) {
  describe(`policies/keys, with the types of ${title}`, () => {
    describe("keysExpire", () => {
      const policy = keysExpire();
      const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

      it("rejects keys without an expiry", async () => {
        assert.deepEqual(await reports(policy, KEY, { name: "k" }), [
          'The key never expires. Set expiresIn to at most "90d", and rotateBefore, so that it is replaced in time.',
        ]);
        assert.deepEqual(await reports(policy, ACCOUNT, { name: "k" }), []);
      });

      it("rejects a lifetime that is too long", async () => {
        assert.deepEqual(await reports(policy, KEY, { expiresIn: "91d" }), [
          'expiresIn "91d" is more than 90 days. Set it to at most "90d".',
        ]);
        assert.deepEqual(await reports(policy, KEY, { expiresIn: "90d" }), []);
        assert.deepEqual(await reports(policy, KEY, { expiresIn: "2160h" }), []);
      });

      it("rejects an instant that is too far away", async () => {
        const expiresAt = inMs(90 * DAY + MINUTE);
        assert.deepEqual(await reports(policy, KEY, { expiresAt }), [
          `expiresAt ${expiresAt} is more than 90 days away. Set an earlier instant, or expiresIn.`,
        ]);
        for (const ms of [90 * DAY, -DAY]) {
          assert.deepEqual(await reports(policy, KEY, { expiresAt: inMs(ms) }), []);
        }
      });

      it("rejects an expiry that is not readable", async () => {
        assert.equal((await reports(policy, KEY, { expiresIn: "soon" })).length, 1);
        assert.equal((await reports(policy, KEY, { expiresAt: "soon" })).length, 1);
      });

      it("leaves an unknown expiry to Pulumi", async () => {
        for (const inputs of [{ expiresIn: UNKNOWN }, { expiresAt: UNKNOWN }]) {
          await assert.rejects(reports(policy, KEY, inputs), UnknownValueError);
        }
      });

      it("takes the number of days from its config, else from its options", async () => {
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

      it("allows a key in one output, anywhere in it", async () => {
        for (const outputs of [
          { a: OURS },
          { a: { keys: [OURS, OURS] } },
          { a: JSON.stringify({ key: OURS }), b: UNKNOWN, id: "secret_01M85FAKMEBXGA1EGXE598V40Z" },
          { a: OURS, widget: PUBLISHABLE, again: PUBLISHABLE, displayId: "sk_01***0Z" },
        ]) {
          assert.deepEqual(await stackReports(keyOutputs(), stackWith(outputs)), []);
        }
      });

      it("rejects a second output of a key", async () => {
        const outputs = { a: OURS, b: { header: `x-api-key: ${OURS}`, unknown: UNKNOWN } };
        assert.deepEqual(await stackReports(keyOutputs(), stackWith(outputs)), [
          'the stack: API key "ingestor" is in the outputs "a", "b". Keep one of them.',
        ]);
      });

      it("rejects keys of other stacks", async () => {
        const [line, ...others] = await stackReports(
          keyOutputs(),
          stackWith({ a: OURS, b: THEIRS }),
        );
        assert.match(
          line ?? "",
          /^the stack: Output "b" holds a Flexprice API key that this stack/,
        );
        assert.deepEqual(others, []);
      });

      it("allows keys only in allowed outputs, if there is a list", async () => {
        const stack = stackWith({ a: OURS, id: "user_1" });
        const refused = [
          'the stack: Output "a" holds a Flexprice API key, but is not in allowedOutputs. Remove it, or add its name there.',
        ];
        assert.deepEqual(await stackReports(keyOutputs({ allowedOutputs: [] }), stack), refused);
        assert.deepEqual(
          await stackReports(keyOutputs({ allowedOutputs: ["id"] }), stack),
          refused,
        );
        assert.deepEqual(await stackReports(keyOutputs({ allowedOutputs: ["a"] }), stack), []);
        const config = { allowedOutputs: ["b"] };
        const policy = keyOutputs({ allowedOutputs: ["a"] });
        assert.deepEqual(await stackReports(policy, stack, config), refused);
        assert.deepEqual(policy.configSchema?.properties["allowedOutputs"]?.default, ["a"]);
      });

      it("never prints a key", async () => {
        const stack = stackWith({ a: OURS, b: OURS, c: THEIRS });
        const lines = (await stackReports(keyOutputs({ allowedOutputs: [] }), stack)).join();
        for (const key of [OURS, THEIRS]) assert.ok(!lines.includes(key));
      });

      it("accepts a stack without outputs", async () => {
        assert.deepEqual(await stackReports(keyOutputs(), []), []);
      });
    });
  });
}
