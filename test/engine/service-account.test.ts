import assert from "node:assert/strict";
import { step } from "../support/scenario";
import {
  ACCOUNT_TYPE,
  accountWithKey,
  changes,
  KEY_TYPE,
  prefixOf,
  succeeded,
  withStack,
} from "./fixture";

/** A resource that stores the key, as a deployment would. The SDK serializes it. */
const CONSUMER = `
import * as pulumi from "@pulumi/pulumi";
const consumers: pulumi.dynamic.ResourceProvider = {
  async create(inputs) { return { id: "consumer", outs: inputs }; },
  async update(_id, _olds, news) { return { outs: news }; },
};
class Consumer extends pulumi.dynamic.Resource {
  constructor(name: string, args: { apiKey: pulumi.Input<string> }) { super(consumers, name, args); }
}
new Consumer("consumer", { apiKey: key.apiKey });
`;

function program(given: { name?: string; roles?: string } = {}): string {
  return accountWithKey({ ...given, more: CONSUMER });
}

describe("ServiceAccount and its ApiKey", () => {
  it("are created, renamed, replaced and deleted in order", async () => {
    let first: Record<string, string>;
    await withStack(program(), {}, async (fixture) => {
      await step("up creates the account, its key, then what depends on the key", async () => {
        const up = succeeded(await fixture.up());
        assert.deepEqual(
          up.steps
            .filter(({ type }) => type.startsWith("pulumi-nodejs:dynamic"))
            .map(({ op, type, urn, outcome }) => [op, type, urn, outcome]),
          [
            ["create", ACCOUNT_TYPE, `urn:pulumi:test::test::${ACCOUNT_TYPE}::ci`, "done"],
            ["create", KEY_TYPE, `urn:pulumi:test::test::${KEY_TYPE}::ci`, "done"],
            [
              "create",
              "pulumi-nodejs:dynamic:Resource",
              "urn:pulumi:test::test::pulumi-nodejs:dynamic:Resource::consumer",
              "done",
            ],
          ],
        );
        first = await fixture.outputs();
        const { accountId, keyId, apiKey } = first;
        const [account] = fixture.accounts();
        const [key] = fixture.keys();
        for (const created of [account, key]) assert.equal(prefixOf(created?.name), "ci");
        assert.notEqual(account?.name, key?.name);
        assert.deepEqual(fixture.takeWrites(), [
          {
            request: "POST /v1/users",
            status: 201,
            body: { type: "service_account", name: account?.name, roles: ["event_ingestor"] },
          },
          {
            request: "POST /v1/secrets/api/keys",
            status: 201,
            body: { name: key?.name, type: "private_key", service_account_id: accountId },
          },
        ]);
        assert.deepEqual(
          fixture.accounts().map(({ id, roles }) => ({ id, roles })),
          [{ id: accountId, roles: ["event_ingestor"] }],
        );
        assert.deepEqual(
          fixture.keys().map(({ id, value, userId, type }) => ({ id, value, userId, type })),
          [{ id: keyId, value: apiKey, userId: accountId, type: "private_key" }],
        );
        assert.match(up.output, / apiKey +: \[secret\]/);
        assert.doesNotMatch(up.output, /warning|error/);
      });

      await step("the state has every output", async () => {
        const { tenantId } = fixture.operator;
        const { accountId, keyId } = first;
        const held = await fixture.held();
        const [account] = fixture.accounts();
        assert.deepEqual(held["ServiceAccount ci"]?.outputs, {
          __provider: 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount',
          name: account?.name,
          autoName: account?.name,
          namePrefix: "ci",
          roles: ["event_ingestor"],
          tenantId,
        });
        const [key] = fixture.keys();
        const { apiKey, createdAt, ...rest } = held["ApiKey ci"]?.outputs ?? {};
        assert.equal(typeof apiKey, "object");
        assert.equal(Date.parse(String(createdAt)), key?.createdAt.getTime());
        assert.deepEqual(rest, {
          __provider: 'exports.handler = () => require("pulumi-flexprice/runtime").apiKey',
          displayId: key?.displayId,
          name: key?.name,
          autoName: key?.name,
          namePrefix: "ci",
          roles: ["event_ingestor"],
          serviceAccountId: accountId,
          tenantId,
          type: "private_key",
          userId: accountId,
          userType: "service_account",
        });
        assert.equal(held["ServiceAccount ci"]?.id, accountId);
        assert.equal(held["ApiKey ci"]?.id, keyId);
      });

      await step("up changes nothing if roles only repeat", async () => {
        fixture.setSource(program({ roles: '["event_ingestor", "event_ingestor"]' }));
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), []);
        assert.deepEqual(await fixture.outputs(), first);
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("another name renames the account in place", async () => {
        fixture.setSource(program({ name: "renamed" }));
        const up = succeeded(await fixture.up("--diff"));
        assert.deepEqual(changes(up), ["update ServiceAccount ci"]);
        assert.match(up.output, /\+ name *: "renamed"/);
        assert.deepEqual(fixture.takeWrites(), [
          {
            request: `PUT /v1/users/${first["accountId"]}`,
            status: 200,
            body: { name: "renamed" },
          },
        ]);
        assert.deepEqual(await fixture.outputs(), first);
        assert.deepEqual(
          fixture.accounts().map(({ name }) => name),
          ["renamed"],
        );
      });

      await step("other roles replace account and key, new before old", async () => {
        fixture.setSource(
          program({ name: "renamed", roles: '["event_reader", "event_ingestor"]' }),
        );
        const preview = succeeded(await fixture.preview("--diff"));
        assert.match(
          preview.output,
          /\+-pulumi-nodejs:dynamic\/flexprice:ServiceAccount: \(replace\)/,
        );
        assert.match(preview.output, /\+-pulumi-nodejs:dynamic\/flexprice:ApiKey: \(replace\)/);
        assert.deepEqual(fixture.takeWrites(), []);

        const up = succeeded(await fixture.up());
        const order = up.steps
          .filter(({ op, type }) => op !== "same" && type.startsWith("pulumi-nodejs:dynamic"))
          .map(({ op, type }) => `${op} ${type.split(":").at(-1)}`);
        assert.deepEqual(order, [
          "create-replacement ServiceAccount",
          "replace ServiceAccount",
          "create-replacement ApiKey",
          "replace ApiKey",
          "update Resource",
          "delete-replaced ApiKey",
          "delete-replaced ServiceAccount",
        ]);
        const replaced = up.steps.filter(({ op }) => op === "create-replacement");
        assert.deepEqual(
          replaced.map(({ replaceKeys }) => replaceKeys),
          [["roles"], ["serviceAccountId"]],
        );
        const now = await fixture.outputs();
        const writes = fixture.takeWrites();
        const [post] = writes;
        const { name: uniqueName } = Object(post?.body);
        assert.equal(prefixOf(uniqueName), "renamed");
        assert.equal(prefixOf(fixture.keys()[0]?.name), "ci");
        assert.deepEqual(writes, [
          {
            request: "POST /v1/users",
            status: 201,
            body: {
              type: "service_account",
              name: uniqueName,
              roles: ["event_ingestor", "event_reader"],
            },
          },
          // Each account is created with a unique name, and then gets the program's.
          {
            request: `PUT /v1/users/${now["accountId"]}`,
            status: 200,
            body: { name: "renamed" },
          },
          {
            request: "POST /v1/secrets/api/keys",
            status: 201,
            body: {
              name: fixture.keys()[0]?.name,
              type: "private_key",
              service_account_id: now["accountId"],
            },
          },
          {
            request: `DELETE /v1/secrets/api/keys/${first["keyId"]}`,
            status: 204,
            body: undefined,
          },
          { request: `DELETE /v1/users/${first["accountId"]}`, status: 204, body: undefined },
        ]);
        for (const output of ["accountId", "keyId", "apiKey"]) {
          assert.notEqual(now[output], first[output], output);
        }
        assert.deepEqual(
          fixture.accounts().map(({ id, name }) => [id, name]),
          [[now["accountId"], "renamed"]],
        );
        assert.deepEqual(
          fixture.keys().map(({ id, value }) => [id, value]),
          [[now["keyId"], now["apiKey"]]],
        );
      });

      await step("destroy revokes the key, archives the account, and can run twice", async () => {
        const { accountId, keyId } = await fixture.outputs();
        const destroy = succeeded(await fixture.destroy());
        assert.deepEqual(changes(destroy), ["delete ApiKey ci", "delete ServiceAccount ci"]);
        assert.deepEqual(fixture.takeWrites(), [
          { request: `DELETE /v1/secrets/api/keys/${keyId}`, status: 204, body: undefined },
          { request: `DELETE /v1/users/${accountId}`, status: 204, body: undefined },
        ]);
        assert.deepEqual(fixture.accounts(), []);
        assert.deepEqual(fixture.keys(), []);
        assert.deepEqual(await fixture.held(), {});
        succeeded(await fixture.destroy());
        assert.deepEqual(fixture.emulator.requests, []);
      });
    });
  });
});
