import assert from "node:assert/strict";
import { use } from "../engine/consumer";
import { follow } from "./follow";

const LEAKED = `
import * as flexprice from "pulumi-flexprice";
const leaky = new flexprice.ServiceAccount("leaky", { roles: ["event_ingestor"], forceDestroy: true });
new flexprice.ApiKey("leaky", { serviceAccountId: leaky.id, expiresIn: "90d", rotateBefore: "14d", onDelete: "expire" });
`;

let leaked: string;

follow("docs/rotation.md", {
  edits: ['onDelete: "revoke"'],
  before: {
    '"$(pulumi stack output keyId)"': async ({ fixture }) => {
      fixture.clock.advance("25h");
      leaked = String(fixture.keys().at(-1)?.value);
      assert.equal(await use(fixture, leaked), 200);
    },
    "$ pulumi preview\n": ({ fixture }) => fixture.clock.advance("77d"),
    'onDelete: "revoke"': async (session) => {
      session.fixture.setSource(LEAKED);
      await session.type(["pulumi up --yes --skip-preview"]);
      leaked = String(session.fixture.keys().at(-1)?.value);
    },
    "ApiKey::leaky": async ({ fixture }) => {
      assert.equal(await use(fixture, leaked), 200);
    },
  },
  after: {
    '"$(pulumi stack output keyId)"': async ({ fixture }) => {
      assert.equal(await use(fixture, leaked), 401);
      assert.equal(await use(fixture, String(fixture.keys().at(-1)?.value)), 200);
    },
    "pulumi config set rotation 2": ({ fixture }) => assert.equal(fixture.keys().length, 6),
    "for key in": ({ fixture }) => assert.equal(fixture.keys().length, 3),
    "ApiKey::leaky": async ({ fixture }) => {
      assert.equal(await use(fixture, leaked), 401);
    },
  },
});
