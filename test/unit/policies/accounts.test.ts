import assert from "node:assert/strict";
import { UnknownValueError } from "@pulumi/policy";
import { accountPerService, noSuperAdmin } from "../../../provider/policies";
import { uniqueName } from "../../../provider/session/auto-name";
import { UNKNOWN } from "../fixture";
import { FRONT_ENDS, STACK, type StackResource, stackViolations, violationsOf } from "./fixture";

for (const { title, ACCOUNT, KEY } of FRONT_ENDS) {
  describe(`policies for accounts, with the types of ${title}`, () => {
    describe("noSuperAdmin", () => {
      const policy = noSuperAdmin();

      it("rejects super_admin, alone or with other roles", async () => {
        for (const roles of [["super_admin"], ["event_reader", "super_admin"]]) {
          const [message, ...others] = await violationsOf(policy, ACCOUNT, {
            name: "ci",
            roles,
          });
          assert.match(message ?? "", /^super_admin can do everything/);
          assert.deepEqual(others, []);
        }
        assert.deepEqual(await violationsOf(policy, ACCOUNT, { roles: ["event_reader"] }), []);
      });

      it("rejects private keys of the caller, and allows keys of accounts and publishable keys", async () => {
        const [message, ...others] = await violationsOf(policy, KEY, {
          name: "k",
          type: "private_key",
        });
        assert.match(message ?? "", / Set serviceAccountId/);
        assert.deepEqual(others, []);
        const allowed = [
          { type: "private_key", serviceAccountId: "user_1" },
          { type: "private_key", serviceAccountId: UNKNOWN },
          { type: "publishable_key" },
        ];
        for (const inputs of allowed) assert.deepEqual(await violationsOf(policy, KEY, inputs), []);
      });

      it("lets Pulumi handle unknown roles", async () => {
        for (const roles of [UNKNOWN, ["event_reader", UNKNOWN]]) {
          await assert.rejects(violationsOf(policy, ACCOUNT, { roles }), UnknownValueError);
        }
      });

      it("ignores other resources", async () => {
        assert.deepEqual(await violationsOf(policy, STACK, { roles: ["super_admin"] }), []);
      });
    });

    describe("accountPerService", () => {
      const policy = accountPerService();
      const account = (name: string, props: object): StackResource => ({
        type: ACCOUNT,
        name,
        props: { name, ...props },
      });
      const key = (name: string, serviceAccountId: string, props: object = {}): StackResource => ({
        type: KEY,
        name,
        props: { name, type: "private_key", serviceAccountId, ...props },
      });

      /** The state of an account that was created without a name. */
      const uniquelyNamed = () => {
        const name = uniqueName("team-a");
        return { name, autoName: name };
      };

      it("rejects accounts with the same name", async () => {
        const resources = [
          account("b", { name: "ci" }),
          account("a", { name: "ci" }),
          account("c", {}),
        ];
        const [violation = "", ...others] = await stackViolations(policy, resources);
        assert.match(violation, /^ServiceAccount::b: Service accounts "a", "b" have the same name/);
        assert.deepEqual(others, []);
      });

      it("allows accounts with the same name prefix, in a preview and in an update", async () => {
        const prefix = { namePrefix: "team-a" };
        const inPreview = ["a", "b"].map((name) => ({ type: ACCOUNT, name, props: prefix }));
        const inUpdate = ["a", "b"].map((name) => account(name, { ...prefix, ...uniquelyNamed() }));
        for (const resources of [inPreview, inUpdate]) {
          assert.deepEqual(await stackViolations(policy, resources), []);
        }
      });

      it("rejects an account with the name of an adopted one", async () => {
        const adopted = account("a", { name: "ci", autoName: "ci" });
        const named = account("b", { name: "ci" });
        const violations = await stackViolations(policy, [adopted, named]);
        assert.match(violations.join(), /"a", "b" have the same name/);
      });

      it("ignores accounts with unknown names, and compares each connection by itself", async () => {
        const resources = [
          account("a", { name: "ci" }),
          account("b", { name: "ci", connection: "india" }),
          account("c", { name: UNKNOWN }),
          account("d", { name: UNKNOWN }),
        ];
        assert.deepEqual(await stackViolations(policy, resources), []);
      });

      it("rejects several private keys of one account", async () => {
        const resources = [key("worker", "user_1"), key("api", "user_1"), key("other", "user_2")];
        const [violation = "", ...others] = await stackViolations(policy, resources);
        assert.match(
          violation,
          /^ApiKey::worker: API keys "api", "worker" act for the same service/,
        );
        assert.deepEqual(others, []);
      });

      it("rejects several private keys of one account in a preview that does not know its id", async () => {
        const resources = [
          { ...key("a", UNKNOWN), owners: ["new"] },
          { ...key("b", UNKNOWN), owners: ["new"] },
        ];
        const violations = await stackViolations(policy, resources);
        assert.match(violations.join(), /"a", "b" act for the same/);
      });

      it("allows private keys whose account is unclear in a preview", async () => {
        const resources = [
          { ...key("a", UNKNOWN), owners: ["one"] },
          { ...key("b", UNKNOWN), owners: ["two"] },
          { ...key("c", UNKNOWN), owners: ["one", "two"] },
          { ...key("d", UNKNOWN), owners: ["one", "two"] },
          key("e", UNKNOWN),
          key("f", UNKNOWN),
        ];
        assert.deepEqual(await stackViolations(policy, resources), []);
      });

      it("ignores publishable keys, keys of other connections and keys of the caller", async () => {
        const resources = [
          key("a", "user_1"),
          key("b", "user_1", { type: "publishable_key" }),
          key("c", "user_1", { connection: "staging" }),
          { type: KEY, name: "d", props: { type: "private_key" } },
          { type: KEY, name: "e", props: { type: "private_key" } },
        ];
        assert.deepEqual(await stackViolations(policy, resources), []);
      });
    });
  });
}
