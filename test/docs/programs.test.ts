import assert from "node:assert/strict";
import type { ConfigValue } from "../../scripts/workspace";
import { changes, EngineFixture, succeeded } from "../engine/fixture";
import { asModule } from "./module";
import { readPage } from "./page";

/** Pages with independent programs. They run as one program, since each run takes seconds. */
const PAGES = [
  "README.md",
  "docs/adopting.md",
  "docs/api-key.md",
  "docs/environments.md",
  "docs/functions.md",
  "docs/service-account.md",
  "docs/service-identity.md",
];

const ROLES = ["event_ingestor"];

describe("programs of the README and the reference pages", () => {
  const programs = PAGES.flatMap((page) => readPage(page).blocks).filter(
    ({ language }) => language === "ts",
  );
  let fixture: EngineFixture;
  before(async () => {
    const parts = programs.map(({ text }, index) => [`part-${index}.ts`, asModule(text)] as const);
    fixture = await EngineFixture.open(programOf(parts.map(([file]) => file)), {
      program: { files: Object.fromEntries(parts) },
    });
    await fixture.workspace.setConfig(existingObjects(fixture));
  });
  after(() => fixture.close(fixture.workspace.programDirectory));

  it("run, change nothing that they adopt, and are unchanged in a second run", async () => {
    const up = changes(succeeded(await fixture.up()));
    const written = programs.flatMap(({ text }) => [...text.matchAll(/\bnew flexprice\./g)]);
    assert.ok(up.length >= written.length, up.join("\n"));
    assert.deepEqual(otherThanCreates(fixture), renamesOf(fixture, "usage-dashboard"));
    const names = fixture.accounts().map(({ name }) => name);
    for (const name of ["usage-dashboard", "created by hand", "relay by hand"]) {
      assert.ok(names.includes(name), name);
    }
    succeeded(await fixture.preview("--expect-no-changes"));
  });
});

function otherThanCreates(fixture: EngineFixture): string[] {
  const requests = fixture.takeWrites().map(({ request }) => request);
  return requests.filter((request) => !request.startsWith("POST "));
}

/** An account is renamed once if the program sets its name. Adoption renames none. */
function renamesOf(fixture: EngineFixture, name: string): string[] {
  return fixture
    .accounts()
    .filter((account) => account.name === name)
    .map(({ id }) => `PUT /v1/users/${id}`);
}

function programOf(files: readonly string[]): string {
  const parts = files.map((file) => `require("./${file.replace(/\.ts$/, "")}")`);
  return `
export = async () => {
  for (const part of [${parts.join(", ")}]) if (typeof part === "function") await part();
};`;
}

/** The objects that the programs find in Flexprice, and how they get the ids. */
function existingObjects({ emulator, operator }: EngineFixture): Record<string, ConfigValue> {
  const { tenantId, environmentId, apiKey } = operator;
  const account = (name: string) => emulator.createAccount(tenantId, { name, roles: ROLES });
  const key = (owner: { id: string }) =>
    emulator.createKey(owner.id, environmentId, { name: "by hand" });
  account("usage-ingestor");
  const shared = account("shared");
  const sharedKey = key(shared);
  const toAdopt = key(shared);
  const relay = account("relay by hand");
  const relayKey = key(relay);
  const worker = account("worker by hand");
  const expiresAt = new Date(Date.now() + 90 * 24 * 3_600_000);
  const workerKey = emulator.createKey(worker.id, environmentId, { name: "by hand", expiresAt });
  const secret = (value: unknown): ConfigValue => ({ value: JSON.stringify(value), secret: true });
  return {
    "test:tenantId": { value: tenantId },
    "test:accountId": { value: shared.id },
    "test:keyId": { value: sharedKey.id },
    "test:keyValue": { value: sharedKey.value, secret: true },
    "test:accountToAdopt": { value: account("created by hand").id },
    "test:keyToAdopt": secret({ id: toAdopt.id, apiKey: toAdopt.value }),
    "test:account": { value: relay.id },
    "test:key": secret({ id: relayKey.id, apiKey: relayKey.value }),
    "test:workerAccount": { value: worker.id },
    "test:workerKey": secret({ id: workerKey.id, apiKey: workerKey.value }),
    "flexprice:connections": secret({ sandbox: { apiKey }, production: { apiKey } }),
  };
}
