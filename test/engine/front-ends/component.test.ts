import assert from "node:assert/strict";
import { use } from "../consumer";
import { changes, type EngineFixture, failed, messages, prefixOf, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

function program(inputs: string, options = ""): string {
  return `
import * as flexprice from "pulumi-flexprice";
const ingestor = new flexprice.ServiceIdentity("ingestor", { ${inputs} }, { ${options} });
export const { serviceAccountId, apiKey, expiresAt } = ingestor;
`;
}

describeBoth("a ServiceIdentity", (frontEnd) => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await open(frontEnd, program('roles: ["event_ingestr"]'));
  });
  after(() => fixture.close());

  it("is rejected by a preview for a bad role: once, and with nothing sent", async () => {
    const preview = failed(await fixture.preview());
    const [error = "", ...others] = messages(preview, "error").filter((text) =>
      text.includes("event_ingestr"),
    );
    assert.deepEqual(others, []);
    assert.match(error, /roles: Invalid role: event_ingestr\. .* Did you mean "event_ingestor"\?/);
    assert.deepEqual(fixture.takeWrites(), []);
  });

  it("is an account and its key, whose value is a secret output", async () => {
    fixture.setSource(program('roles: ["event_ingestor"]', "protect: true"));
    const up = succeeded(await fixture.up());
    assert.deepEqual(changes(up), ["create ServiceAccount ingestor", "create ApiKey ingestor"]);
    assert.match(up.output, / apiKey +: \[secret\]/);
    const [account] = fixture.accounts();
    const [key] = fixture.keys();
    for (const made of [account, key]) assert.equal(prefixOf(made?.name), "ingestor");
    assert.deepEqual(await fixture.outputs(), {
      ...{ serviceAccountId: account?.id, apiKey: key?.value, expiresAt: key?.expiresAt },
    });
    const held = await fixture.resources();
    assert.deepEqual(
      held.map(({ protect }) => protect ?? false),
      [true, false],
    );
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
  });

  it("rotates its key with an overlap, though its account is protected", async () => {
    const old = await fixture.outputs();
    fixture.clock.advance("77d");
    const up = succeeded(await fixture.up());
    assert.deepEqual(
      changes(up),
      ["create-replacement", "replace", "delete-replaced"].map((op) => `${op} ApiKey ingestor`),
    );
    const now = await fixture.outputs();
    assert.equal(now["serviceAccountId"], old["serviceAccountId"]);
    assert.notEqual(now["apiKey"], old["apiKey"]);
    for (const { apiKey } of [old, now]) assert.equal(await use(fixture, apiKey), 200);
  });

  it("ends with everything that it has created", async () => {
    fixture.setSource(program('roles: ["event_ingestor"]'));
    succeeded(await fixture.up());
    succeeded(await fixture.destroy());
    assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
  });
});
