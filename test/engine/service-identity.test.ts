import assert from "node:assert/strict";
import { CONSUMER, use } from "./consumer";
import {
  ACCOUNT_TYPE,
  Bench,
  changes,
  failed,
  KEY_TYPE,
  messages,
  prefixOf,
  succeeded,
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
  let bench: Bench;
  before(async () => {
    bench = await Bench.open(program('roles: ["event_ingestr"]'));
  });
  after(() => bench.close());

  it("is refused for a bad role by a preview", async () => {
    const preview = failed(await bench.preview());
    assert.match(
      preview.output,
      /roles: Invalid role: event_ingestr\. .*Did you mean "event_ingestor"\?/,
    );
    assert.deepEqual(bench.takeWrites(), []);
  });

  it("is an account and its key, made with one declaration", async () => {
    bench.setSource(program('roles: ["event_ingestor"]', "protect: true"));
    succeeded(await bench.up());
    const { serviceAccountId, apiKey, expiresAt } = await bench.outputs();
    const [account, ...otherAccounts] = bench.accounts();
    const [key, ...otherKeys] = bench.keys();
    assert.deepEqual([otherAccounts, otherKeys], [[], []]);
    assert.deepEqual(
      [account?.id, prefixOf(account?.name), account?.roles],
      [serviceAccountId, "ingestor", ["event_ingestor"]],
    );
    assert.deepEqual(
      [key?.value, key?.userId, prefixOf(key?.name), key?.expiresAt],
      [apiKey, serviceAccountId, "ingestor", expiresAt],
    );
    assert.deepEqual(changes(succeeded(await bench.drift())), []);
  });

  it("rotates its key with an overlap, also where it is protected", async () => {
    const first = await bench.outputs();
    bench.clock.advance("77d");
    assert.match(changes(succeeded(await bench.up())).join(), /replace ApiKey ingestor/);
    const second = await bench.outputs();
    assert.equal(second["serviceAccountId"], first["serviceAccountId"]);
    assert.notEqual(second["apiKey"], first["apiKey"]);
    assert.equal(second["sees"], "old 200, new 200");
    assert.equal(await use(bench, first["apiKey"]), 200);
  });

  it("is not destroyed where its account is protected: the preview says so", async () => {
    const protecting = (await bench.resources()).map(({ type, protect }) => [type, protect]);
    assert.deepEqual(protecting, [
      [ACCOUNT_TYPE, true],
      [KEY_TYPE, undefined],
    ]);
    bench.takeWrites();
    const destroy = failed(await bench.destroy("--skip-preview=false"));
    assert.match(
      messages(destroy, "error").join(),
      /ServiceAccount::ingestor" cannot be deleted\nbecause it is protected/,
    );
    assert.deepEqual(bench.takeWrites(), []);
  });

  it("takes other roles: a new account and key, and nothing left of the old ones", async () => {
    const before = await bench.outputs();
    bench.setSource(program('roles: ["event_reader"]'));
    const preview = succeeded(await bench.preview());
    const left = bench.keys().find(({ value }) => value !== before["apiKey"]);
    const [warning = "", ...others] = messages(preview, "warning");
    assert.deepEqual(others, []);
    assert.match(
      warning,
      /is revoked once its successor is made, although its onDelete is "expire": its service account user_\w+ is replaced, and its keys end with it, and so do the keys that rotations have left: /,
    );
    assert.ok(warning.endsWith(`${left?.id}.\n`), warning);
    succeeded(await bench.up());
    const now = await bench.outputs();
    assert.equal(now["sees"], "old 200, new 200");
    assert.equal(await use(bench, before["apiKey"]), 401);
    assert.deepEqual(
      bench.accounts().map(({ id, roles }) => [id, roles]),
      [[now["serviceAccountId"], ["event_reader"]]],
    );
    assert.deepEqual(
      bench.keys().map(({ value }) => value),
      [now["apiKey"]],
    );
  });

  it("leaves nothing that works when it is destroyed", async () => {
    succeeded(await bench.destroy());
    assert.deepEqual([bench.accounts(), bench.keys()], [[], []]);
  });
});
