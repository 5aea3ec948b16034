import assert from "node:assert/strict";
import { CONSUMER, use } from "./consumer";
import { Bench, changes, failed, messages, prefixOf, succeeded } from "./harness";

function program(args: string): string {
  return `
import * as flexprice from "pulumi-flexprice";
const ingestor = new flexprice.ServiceIdentity("ingestor", { ${args} });
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
    bench.setSource(program('roles: ["event_ingestor"]'));
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

  it("rotates its key with an overlap", async () => {
    const first = await bench.outputs();
    bench.clock.advance("77d");
    succeeded(await bench.up());
    const second = await bench.outputs();
    assert.equal(second["serviceAccountId"], first["serviceAccountId"]);
    assert.notEqual(second["apiKey"], first["apiKey"]);
    assert.equal(second["sees"], "old 200, new 200");
    assert.equal(await use(bench, first["apiKey"]), 200);
  });

  it("takes other roles: a new account and key, and nothing left of the old ones", async () => {
    const before = await bench.outputs();
    bench.setSource(program('roles: ["event_reader"]'));
    const preview = succeeded(await bench.preview());
    assert.match(
      messages(preview, "warning").join(),
      /unless it has forceDestroy, which revokes the key/,
    );
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
