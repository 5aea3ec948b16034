import assert from "node:assert/strict";
import { step } from "../support/scenario";
import { CONSUMER, use } from "./consumer";
import {
  ACCOUNT_TYPE,
  changes,
  failed,
  KEY_TYPE,
  messages,
  prefixOf,
  succeeded,
  withStack,
} from "./fixture";

function program(args: string, options = ""): string {
  return `
import * as flexprice from "pulumi-flexprice";
const ingestor = new flexprice.ServiceIdentity("ingestor", { ${args} }, { ${options} });
const { key } = ingestor;
export const { serviceAccountId, apiKey, expiresAt } = ingestor;
${CONSUMER}`;
}

describe("ServiceIdentity", () => {
  it("creates, rotates, replaces and destroys an account with its key", async () => {
    await withStack(program('roles: ["event_ingestr"]'), {}, async (fixture) => {
      await step("preview rejects an invalid role", async () => {
        const preview = failed(await fixture.preview());
        assert.match(
          preview.output,
          /roles: Invalid role: event_ingestr\. .*Did you mean "event_ingestor"\?/,
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up creates an account and its key", async () => {
        fixture.setSource(program('roles: ["event_ingestor"]', "protect: true"));
        succeeded(await fixture.up());
        const { serviceAccountId, apiKey, expiresAt } = await fixture.outputs();
        const [account, ...otherAccounts] = fixture.accounts();
        const [key, ...otherKeys] = fixture.keys();
        assert.deepEqual([otherAccounts, otherKeys], [[], []]);
        assert.deepEqual(
          [account?.id, prefixOf(account?.name), account?.roles],
          [serviceAccountId, "ingestor", ["event_ingestor"]],
        );
        assert.deepEqual(
          [key?.value, key?.userId, prefixOf(key?.name), key?.expiresAt],
          [apiKey, serviceAccountId, "ingestor", expiresAt],
        );
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await step("up rotates the key with an overlap, despite protect", async () => {
        const first = await fixture.outputs();
        fixture.clock.advance("77d");
        assert.match(changes(succeeded(await fixture.up())).join(), /replace ApiKey ingestor/);
        const second = await fixture.outputs();
        assert.equal(second["serviceAccountId"], first["serviceAccountId"]);
        assert.notEqual(second["apiKey"], first["apiKey"]);
        assert.equal(second["sees"], "old 200, new 200");
        assert.equal(await use(fixture, first["apiKey"]), 200);
      });

      await step("destroy fails in its preview while the account is protected", async () => {
        const protection = (await fixture.resources()).map(({ type, protect }) => [type, protect]);
        assert.deepEqual(protection, [
          [ACCOUNT_TYPE, true],
          [KEY_TYPE, undefined],
        ]);
        fixture.takeWrites();
        const destroy = failed(await fixture.destroy("--skip-preview=false"));
        assert.match(
          messages(destroy, "error").join(),
          /ServiceAccount::ingestor" cannot be deleted\nbecause it is protected/,
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("other roles replace account and keys, and leave nothing behind", async () => {
        const before = await fixture.outputs();
        fixture.setSource(program('roles: ["event_reader"]'));
        const preview = succeeded(await fixture.preview());
        const predecessor = fixture.keys().find(({ value }) => value !== before["apiKey"]);
        const [warning = "", ...others] = messages(preview, "warning");
        assert.deepEqual(others, []);
        assert.match(
          warning,
          /is revoked once its successor is created, although its onDelete is "expire": its service account user_\w+ is replaced, and its keys are revoked with it; so are the keys that rotations left to expire: /,
        );
        assert.ok(warning.endsWith(`${predecessor?.id}.\n`), warning);
        succeeded(await fixture.up());
        const now = await fixture.outputs();
        assert.equal(now["sees"], "old 200, new 200");
        assert.equal(await use(fixture, before["apiKey"]), 401);
        assert.deepEqual(
          fixture.accounts().map(({ id, roles }) => [id, roles]),
          [[now["serviceAccountId"], ["event_reader"]]],
        );
        assert.deepEqual(
          fixture.keys().map(({ value }) => value),
          [now["apiKey"]],
        );
      });

      await step("destroy leaves nothing that works", async () => {
        succeeded(await fixture.destroy());
        assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
      });
    });
  });
});
