import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAccount,
  createKey,
  failureOf,
  HOUR,
  type ProviderProcess,
  UnitFixture,
} from "../fixture";

describe("lifecycle: an object that a resource of another provider manages", () => {
  let fixture: UnitFixture;
  let runFolder: string;
  let process: ProviderProcess;
  let accountId: string;
  const roles = ["event_ingestor"];
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    runFolder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-run-"));
    process = fixture.process({ runFolder });
    accountId = (await process.accounts.create({ name: "ci", roles })).id;
    fixture.clock.now += HOUR;
  });
  afterEach(async () => {
    await fixture.stop();
    rmSync(runFolder, { recursive: true });
  });

  /** As the process of another provider of the run writes it. */
  const keptElsewhere = (id: string) => writeFileSync(join(runFolder, "run.1.kept"), `+${id}\n`);

  it("is not deleted: a key", async () => {
    const { id, state } = await createKey(process, { serviceAccountId: accountId });
    keptElsewhere(id);
    const later = fixture.process({ runFolder });
    await later.keys.delete(id, state);
    assert.equal(fixture.emulator.keys().find((key) => key.id === id)?.status, "published");
    assert.match(
      later.warnings.join(),
      /is not deleted: a resource of another provider manages it/,
    );
  });

  it("is not deleted: an account", async () => {
    const state = { name: "ci", roles, tenantId: fixture.operator.tenantId };
    keptElsewhere(accountId);
    await fixture.process({ runFolder }).accounts.delete(accountId, state);
    assert.equal(
      fixture.emulator.accounts().find(({ id }) => id === accountId)?.status,
      "published",
    );
  });

  it("is not revoked by forceDestroy: a key with a name of the program", async () => {
    const { id } = await createKey(process, { name: "theirs", serviceAccountId: accountId });
    keptElsewhere(id);
    const state = { name: "ci", roles, forceDestroy: true, tenantId: fixture.operator.tenantId };
    const later = fixture.process({ runFolder });
    const error = await failureOf(later.accounts.delete(accountId, state), "refused");
    assert.match(error.reason, new RegExp(`this program still uses "theirs" \\(${id}\\)`));
    assert.equal(fixture.emulator.keys().find((key) => key.id === id)?.status, "published");
  });
});

describe("lifecycle: an object with two entries in the state of a plugin stack", () => {
  let fixture: UnitFixture;
  let urn = "";
  const roles = ["event_ingestor"];
  beforeEach(async () => {
    fixture = await UnitFixture.start();
  });
  afterEach(() => fixture.stop());

  it("is not deleted with the entry that the program no longer has", async () => {
    const first = fixture.process();
    const account = await createAccount(first, { name: "ci", roles });
    const key = await createKey(first, { name: "k", serviceAccountId: account.id });
    fixture.clock.now += HOUR;
    const later = fixture.process({ isPlugin: true, urn: () => urn });
    const { tenantId: _, ...accountInputs } = account.state;
    const keyInputs = { name: "k", type: "private_key", serviceAccountId: account.id };
    urn = "the entry that stays";
    await later.accounts.check(accountInputs, accountInputs);
    await later.accounts.diff(account.id, account.state, accountInputs);
    await later.keys.check(keyInputs, keyInputs);
    await later.keys.diff(key.id, key.state, keyInputs);
    urn = "the entry that goes";
    await later.keys.delete(key.id, key.state);
    await later.accounts.delete(account.id, account.state);
    assert.deepEqual(
      fixture.writes.filter((line) => line.startsWith("DELETE")),
      [],
    );
    assert.match(later.warnings.join(), /API key .* is not deleted: the program still has it/);
    assert.match(later.warnings.join(), /Service account .* is not deleted: the program still/);
    urn = "the entry that stays";
    await later.keys.delete(key.id, key.state);
    assert.deepEqual(fixture.writes.filter((line) => line.startsWith("DELETE")).length, 1);
  });
});
