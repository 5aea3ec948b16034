import { atNight } from "../support/sample";
import { cutOff, endLeases } from "./cut-off";
import { type DocSession, follow } from "./follow";

const WITH_READER = `
import * as flexprice from "pulumi-flexprice";
const ingestor = new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
new flexprice.ApiKey("usage-ingestor", { serviceAccountId: ingestor.id });
new flexprice.ServiceAccount("usage-reader", { roles: ["event_reader"] });
`;

/** Creates a key that the stack does not know. */
async function destroyWithForeignKey(session: DocSession): Promise<void> {
  const { fixture } = session;
  const [account] = fixture.accounts();
  const { environmentId } = fixture.operator;
  fixture.emulator.createKey(String(account?.id), environmentId, { name: "made by hand" });
  await session.type(["pulumi destroy --skip-preview"], 1);
}

atNight(() =>
  follow("docs/troubleshooting.md", {
    before: {
      "Could not archive": destroyWithForeignKey,
      "currently locked": (session) => cutOff(session, WITH_READER, "Pulumi"),
      "pulumi cancel\npulumi up": endLeases,
    },
    status: { "currently locked": 1 },
  }),
);
