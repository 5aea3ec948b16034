import assert from "node:assert/strict";
import { UnknownValueError } from "@pulumi/policy";
import { accountPerService, noSuperAdmin } from "../../../provider/policies";
import { uniqueName } from "../../../provider/session/auto-name";
import { UNKNOWN } from "../fixture";
import { FRONT_ENDS, type Given, reports, STACK, stackReports } from "./fixture";

for (const { title, ACCOUNT, KEY } of FRONT_ENDS) {
  describe(`policies/accounts, with the types of ${title}`, () => {
    describe("noSuperAdmin", () => {
      const policy = noSuperAdmin();

      it("rejects super_admin, alone or with other roles", async () => {
        for (const roles of [["super_admin"], ["event_reader", "super_admin"]]) {
          const [message, ...others] = await reports(policy, ACCOUNT, { name: "ci", roles });
          assert.match(message ?? "", /^super_admin can do everything/);
          assert.deepEqual(others, []);
        }
        assert.deepEqual(await reports(policy, ACCOUNT, { roles: ["event_reader"] }), []);
      });

      it("rejects private keys of the caller", async () => {
        const [message, ...others] = await reports(policy, KEY, { name: "k", type: "private_key" });
        assert.match(message ?? "", / Set serviceAccountId/);
        assert.deepEqual(others, []);
        const allowed = [
          { type: "private_key", serviceAccountId: "user_1" },
          { type: "private_key", serviceAccountId: UNKNOWN },
          { type: "publishable_key" },
        ];
        for (const inputs of allowed) assert.deepEqual(await reports(policy, KEY, inputs), []);
      });

      it("leaves unknown roles to Pulumi", async () => {
        for (const roles of [UNKNOWN, ["event_reader", UNKNOWN]]) {
          await assert.rejects(reports(policy, ACCOUNT, { roles }), UnknownValueError);
        }
      });

      it("ignores other resources", async () => {
        assert.deepEqual(await reports(policy, STACK, { roles: ["super_admin"] }), []);
      });
    });

    describe("accountPerService", () => {
      const policy = accountPerService();
      const account = (name: string, props: object): Given => ({
        type: ACCOUNT,
        name,
        props: { name, ...props },
      });
      const key = (name: string, serviceAccountId: string, props: object = {}): Given => ({
        type: KEY,
        name,
        props: { name, type: "private_key", serviceAccountId, ...props },
      });

      /** The name of an account that was created without one. */
      const unique = () => {
        const name = uniqueName("team-a");
        return { name, autoName: name };
      };

      it("rejects accounts of the same name", async () => {
        const same = [account("b", { name: "ci" }), account("a", { name: "ci" }), account("c", {})];
        const [line, ...others] = await stackReports(policy, same);
        assert.match(
          line ?? "",
          /^ServiceAccount::b: Service accounts "a", "b" have the same name/,
        );
        assert.deepEqual(others, []);
      });

      it("allows accounts to share a name prefix, in a preview and in an update", async () => {
        const shared = { namePrefix: "team-a" };
        const preview = ["a", "b"].map((name) => ({ type: ACCOUNT, name, props: shared }));
        const up = ["a", "b"].map((name) => account(name, { ...shared, ...unique() }));
        for (const accounts of [preview, up]) {
          assert.deepEqual(await stackReports(policy, accounts), []);
        }
      });

      it("rejects an account with the name of an adopted one", async () => {
        const same = [account("a", { name: "ci", autoName: "ci" }), account("b", { name: "ci" })];
        assert.match((await stackReports(policy, same)).join(), /"a", "b" have the same name/);
      });

      it("compares only accounts of one connection, whose names are known", async () => {
        const different = [
          account("a", { name: "ci" }),
          account("b", { name: "ci", connection: "india" }),
          account("c", { name: UNKNOWN }),
          account("d", { name: UNKNOWN }),
        ];
        assert.deepEqual(await stackReports(policy, different), []);
      });

      it("rejects several private keys of one account", async () => {
        const shared = [key("worker", "user_1"), key("api", "user_1"), key("other", "user_2")];
        const [line, ...others] = await stackReports(policy, shared);
        assert.match(
          line ?? "",
          /^ApiKey::worker: API keys "api", "worker" act for the same service/,
        );
        assert.deepEqual(others, []);
      });

      it("rejects them in a preview too, where the account has no id yet", async () => {
        const shared = [
          { ...key("a", UNKNOWN), from: ["new"] },
          { ...key("b", UNKNOWN), from: ["new"] },
        ];
        assert.match((await stackReports(policy, shared)).join(), /"a", "b" act for the same/);
        const unclear = [
          { ...key("a", UNKNOWN), from: ["one"] },
          { ...key("b", UNKNOWN), from: ["two"] },
          { ...key("c", UNKNOWN), from: ["one", "two"] },
          { ...key("d", UNKNOWN), from: ["one", "two"] },
          key("e", UNKNOWN),
          key("f", UNKNOWN),
        ];
        assert.deepEqual(await stackReports(policy, unclear), []);
      });

      it("ignores publishable keys, keys of other connections and keys of the caller", async () => {
        const different = [
          key("a", "user_1"),
          key("b", "user_1", { type: "publishable_key" }),
          key("c", "user_1", { connection: "staging" }),
          { type: KEY, name: "d", props: { type: "private_key" } },
          { type: KEY, name: "e", props: { type: "private_key" } },
        ];
        assert.deepEqual(await stackReports(policy, different), []);
      });
    });
  });
}
