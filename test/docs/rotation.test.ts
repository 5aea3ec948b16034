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
    "ApiKey::leaky": async ({ fixture }) => {
      assert.equal(await use(fixture, leaked), 401);
    },
  },
});
