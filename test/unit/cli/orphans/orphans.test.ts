import assert from "node:assert/strict";
import type { EmulatedKey, EmulatedUser, FaultKind } from "../../../../provider/emulator";
import { uniqueName } from "../../../../provider/session/auto-name";
import { DAY, HOUR, MINUTE } from "../../fixture";
import { accountResource, exported, keyResource, pendingCreate, writtenAt } from "../exported";
import { assertFits, CliFixture } from "../fixture";

/** What a script with the exports of one stack passes. */
const YES = ["--yes", "--stacks", "1"];

interface Found {
  keys: string[];
  accounts: string[];
  leftOut: Record<string, number>;
  warnings: string[];
}

describe("cli/orphans", () => {
  const cli = CliFixture.forEachTest();
  const fixture = cli.server;
  /** The objects in the exported stack. */
  let known: { account: EmulatedUser; key: EmulatedKey };
  const files = new Map<string, { content: string; age: number | string }>();

  beforeEach(() => {
    const account = cli.account("ci");
    known = { account, key: cli.key(account.id, "ci") };
    pass(2 * DAY);
    files.clear();
    putExport();
  });

  function pass(ms: number): void {
    fixture.clock.now += ms;
  }

  /** Writes an export for the next run. Its state has this age or time. */
  function put(file: string, content: string, age: number | string = 0): void {
    files.set(file, { content, age });
  }

  function timeOf(age: number | string): string {
    return typeof age === "string" ? age : new Date(fixture.clock.now - age).toISOString();
  }

  /** As {@link put}, for the stack with the known objects. */
  function putExport(
    more: Parameters<typeof exported>[0] = [],
    age: number | string = 0,
    deployment: Record<string, unknown> = {},
  ): void {
    const resources = [accountResource(known.account), keyResource(known.key), ...more];
    put("a.json", exported(resources, deployment), age);
  }

  /** Runs the command with the export in a.json. */
  async function run(...args: string[]) {
    for (const [file, { content, age }] of files) cli.write(file, writtenAt(content, timeOf(age)));
    fixture.emulator.clearRequests();
    return await cli.command("orphans", "--stack-export", "a.json", ...args);
  }

  /** The results, in order. */
  async function found(...args: string[]): Promise<Found> {
    const { out, err } = await run("--json", ...args);
    assert.equal(err, "");
    const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
    const { keys, accounts, leftOut, warnings } = JSON.parse(out);
    return { keys: ids(keys), accounts: ids(accounts), leftOut, warnings };
  }

  /** Checks the results. Omitted parts must be empty, except for the credential's own key. */
  async function assertFound(
    { leftOut, ...expected }: Partial<Found>,
    ...args: string[]
  ): Promise<void> {
    assert.deepEqual(await found(...args), {
      ...{ keys: [], accounts: [], warnings: [] },
      ...expected,
      leftOut: { own: 1, ...leftOut },
    });
  }

  describe("without --revoke", () => {
    it("lists nothing if the stack has everything", async () => {
      const { status, out, err } = await run();
      assert.deepEqual([status, err], [0, ""]);
      assert.equal(
        out,
        `Stack:  shop/prod (a.json), with 1 service account and 1 API key
Tenant: ${fixture.operator.tenantId} at ${fixture.emulator.url}

No orphans: the given stacks manage everything that counts.

Left out: 1 object that the credential itself needs.
Not visible: publishable keys, which no list shows, and keys of other environments than the credential's.
`,
      );
      assert.deepEqual(fixture.writes, []);
    });

    it("lists keys and accounts that no stack has, with their details", async () => {
      const byHand = cli.key(known.account.id, "by \u001b[31mhand");
      const bot = cli.account("old-bot", ["event_reader", "event_ingestor"]);
      const botKey = cli.key(bot.id, "old-bot", new Date(fixture.clock.now + 60 * DAY));
      pass(3 * DAY);
      const { status, out, err } = await run("--older-than", "1d");
      assert.deepEqual([status, err], [1, ""]);
      assert.equal(
        out.slice(out.indexOf("\n\n") + 2, out.indexOf("Left out")),
        `2 API keys that no given stack manages
  ${byHand.id}  ${byHand.displayId}  "by \\u001b[31mhand"
    of "ci" (${known.account.id}), which a stack manages
    event_ingestor, created 3 days ago, never expires
  ${botKey.id}  ${botKey.displayId}  "old-bot"
    of "old-bot" (${bot.id}), which no stack manages
    event_reader, event_ingestor, created 3 days ago, expires in 57 days

1 service account that no given stack manages
  ${bot.id}  "old-bot"
    event_reader, event_ingestor, created 3 days ago, with 1 of the keys above

`,
      );
      assert.match(out, /\nTo revoke and archive them, run the same command with --revoke\.\n$/);
      assert.deepEqual(fixture.writes, []);
    });

    it("prints the same details as JSON", async () => {
      const extra = cli.key(known.account.id, "extra");
      pass(2 * DAY);
      const time = timeOf(1_000);
      putExport([], time);
      const { status, out } = await run("--json");
      assert.equal(status, 1);
      const { keys, ...rest } = JSON.parse(out);
      const source = { source: "a.json", stack: "shop/prod", time };
      assert.deepEqual(rest, {
        baseUrl: fixture.emulator.url,
        tenantId: fixture.operator.tenantId,
        seesEveryKey: true,
        exports: [{ ...source, accounts: [known.account.id], keys: [known.key.id] }],
        warnings: [],
        accounts: [],
        leftOut: { own: 1 },
      });
      const [{ createdAt, ...listed }] = keys;
      assert.equal(Date.parse(createdAt), extra.createdAt.getTime());
      const { id, displayId } = extra;
      const type = "service_account";
      assert.deepEqual(listed, {
        ...{ id, name: "extra", displayId, roles: ["event_ingestor"], hasExpired: false },
        owner: { id: known.account.id, type, name: "ci", isArchived: false, isKnown: true },
      });
    });

    it("redacts a key that is used as a name", async () => {
      const { value } = cli.key(known.account.id, fixture.operator.apiKey);
      pass(2 * DAY);
      for (const args of [[], ["--json"]]) {
        const { out } = await run(...args);
        assert.match(out, /\[redacted\]/);
        for (const secret of [value, fixture.operator.apiKey]) assert(!out.includes(secret));
      }
    });

    it("shows that a key's account is archived", async () => {
      const archived = cli.account("archived");
      const key = cli.key(archived.id, "k");
      fixture.emulator.archiveAccount(archived.id);
      pass(2 * DAY);
      const lines = `${key.id} .*\\n {4}of service account ${archived.id}, which is archived$`;
      assert.match((await run()).out, new RegExp(lines, "m"));
    });
  });

  describe("leaves out", () => {
    it("what any of several stacks has, even if that stack is about to delete it", async () => {
      const other = cli.account("other");
      const otherKey = cli.key(other.id, "other");
      pass(2 * DAY);
      put("b.json", exported([{ ...accountResource(other), delete: true }, keyResource(otherKey)]));
      await assertFound({ keys: [otherKey.id], accounts: [other.id] });
      await assertFound({}, "--stack-export", "b.json");
    });

    it("the account of a key that a stack has", async () => {
      const shared = cli.account("shared");
      // No list shows a publishable key: only the stack shows that the account is in use.
      const sharedKey = fixture.emulator.createKey(shared.id, fixture.operator.environmentId, {
        name: "of the stack",
        type: "publishable_key",
      });
      const extra = cli.key(shared.id, "extra");
      pass(2 * DAY);
      putExport([keyResource(sharedKey)]);
      await assertFound({ keys: [extra.id] });
    });

    it("the account and the key of the credential", async () => {
      const id = cli.useAccount(["super_admin"]);
      const second = cli.key(id, "second");
      pass(2 * DAY);
      await assertFound({
        keys: [second.id],
        leftOut: { own: 2 },
        warnings: [
          `the credential belongs to service account ${id} with super_admin. Only a super_admin user sees the keys of others, so they are not checked.`,
        ],
      });
    });

    it("keys of users by default, and always the credential", async () => {
      const userKey = cli.key(fixture.operator.userId, "laptop");
      pass(2 * DAY);
      await assertFound({ leftOut: { ofUser: 1 } });
      await assertFound({ keys: [userKey.id] }, "--user-keys");
      const { out } = await run("--user-keys");
      assert.match(out, new RegExp(`^ {4}of user ${fixture.operator.userId}$`, "m"));
    });

    it("expired keys by default", async () => {
      const dead = cli.key(known.account.id, "dead", new Date(fixture.clock.now + DAY));
      pass(2 * DAY);
      await assertFound({ leftOut: { expired: 1 } });
      await assertFound({ keys: [dead.id] }, "--expired");
      assert.match((await run("--expired")).out, /created 2 days ago, expired 1 day ago$/m);
    });

    it("keys that a rotation has left to expire", async () => {
      const expiresAt = new Date(fixture.clock.now + 30 * DAY);
      const predecessor = cli.key(known.account.id, known.key.name, expiresAt);
      const ofOther = cli.key(cli.account("other").id, known.key.name, expiresAt);
      const endless = cli.key(known.account.id, known.key.name);
      pass(2 * DAY);
      assert.deepEqual((await found()).keys, [predecessor.id, ofOther.id, endless.id]);
      const successor = keyResource(known.key, { onDelete: "expire" });
      put("a.json", exported([accountResource(known.account), successor]));
      const { keys, leftOut } = await found();
      assert.deepEqual(keys, [ofOther.id, endless.id]);
      assert.deepEqual(leftOut, { own: 1, leftToExpire: 1 });
    });

    it("what is too young to be in an export", async () => {
      const young = cli.account("young");
      const youngKey = cli.key(young.id, "young");
      const key = cli.key(known.account.id, "extra");
      pass(23 * HOUR);
      await assertFound({ leftOut: { young: 2, inUse: 1 } });
      const all = { keys: [youngKey.id, key.id], accounts: [young.id] };
      await assertFound(all, "--older-than", "12h");
    });

    it("what was created after the state in any export was written, or shortly before", async () => {
      const old = cli.key(known.account.id, "old");
      pass(10 * DAY);
      cli.key(known.account.id, "created shortly before");
      pass(DAY);
      cli.key(known.account.id, "created since");
      pass(3 * DAY);
      putExport([], 3.5 * DAY);
      put("b.json", exported([accountResource(known.account)]));
      const both = ["--stack-export", "b.json"];
      const { keys, leftOut, warnings } = await found(...both);
      assert.deepEqual([keys, leftOut], [[old.id], { own: 1, young: 2 }]);
      assert.deepEqual(warnings, [
        'a.json has a state that was written 4 days ago. Anything created since, or less than 1 day before, is not checked. Run "pulumi up" or "pulumi refresh", which write it, and export the stack again.',
      ]);
      assert.equal((await found(...both, "--older-than", "1h")).keys.length, 2);
    });

    it("what is younger than an export on standard input", async () => {
      cli.key(known.account.id, "created since");
      pass(2 * DAY);
      putExport();
      cli.stdin.end(writtenAt(String(files.get("a.json")?.content), timeOf(3 * DAY)));
      const { out } = await cli.command("orphans", "--json", "--stack-export", "-");
      const { keys, leftOut, warnings } = JSON.parse(out);
      assert.deepEqual([keys, leftOut], [[], { own: 1, young: 1 }]);
      assert.match(warnings.join(), /^standard input has a state that was written 3 days ago\./);
    });

    for (const [time, reason] of [
      ["2100-01-01T00:00:00Z", /^a\.json .* is ahead of the server's clock, so nothing is checked/],
      ["soon", /^a\.json does not say when its state was written \("soon"\), so nothing is/],
      ["0001-01-01T00:00:00Z", /^a\.json does not say when its state was written \("0001-01-01T0/],
    ] as const) {
      it(`everything if an export has the impossible time ${time}`, async () => {
        cli.key(known.account.id, "extra");
        pass(400 * DAY);
        putExport([], time);
        put("b.json", exported([accountResource(known.account)]));
        const { keys, leftOut, warnings } = await found("--stack-export", "b.json");
        assert.deepEqual([keys, leftOut], [[], { own: 1, young: 1 }]);
        assert.equal(warnings.length, 1);
        assert.match(String(warnings[0]), reason);
      });
    }

    it("everything if the clock that wrote an export is more than a minute ahead", async () => {
      const extra = cli.key(known.account.id, "extra");
      pass(2 * DAY);
      putExport([], -50_000);
      await assertFound({ keys: [extra.id] });
      putExport([], -70_000);
      assert.deepEqual((await found()).keys, []);
    });

    it("objects created within the time by which the clock of an export's machine is ahead", async () => {
      const old = cli.key(known.account.id, "old");
      pass(MINUTE);
      cli.key(known.account.id, "young");
      pass(HOUR);
      putExport([], -MINUTE / 2);
      await assertFound({ keys: [old.id], leftOut: { young: 1 } }, "--older-than", "1h");
    });

    it("what a pending operation may have created", async () => {
      const bot = cli.account(uniqueName("bot"));
      const botKey = cli.key(bot.id, "by hand");
      const rotated = cli.key(known.account.id, uniqueName("bot"));
      const extra = cli.key(known.account.id, "extra");
      pass(2 * DAY);
      putExport([], 0, {
        pending_operations: [
          pendingCreate("ServiceAccount", { namePrefix: "bot", roles: ["event_ingestor"] }),
          pendingCreate("ApiKey", { namePrefix: "bot", serviceAccountId: known.account.id }),
        ],
      });
      const { keys, accounts, leftOut } = await found();
      assert.deepEqual([keys, accounts, leftOut], [[extra.id], [], { own: 1, pending: 3 }]);
      assert.match((await run()).out, /^Left out: .*; 3 objects that a pending operation may/m);
      putExport();
      await assertFound({ keys: [botKey.id, rotated.id, extra.id], accounts: [bot.id] });
    });

    it("the accounts and keys of --keep, with the keys and owners of these", async () => {
      const [kept, other] = [cli.account("kept"), cli.account("other")];
      const owners = [kept, kept, other, other];
      const ids = owners.map(({ id }, i) => cli.key(id, `${i}`).id);
      pass(2 * DAY);
      const expected = { keys: [String(ids[3])], leftOut: { kept: 4, inUse: 1 } };
      await assertFound(expected, "--keep", kept.id, String(ids[2]));
    });
  });

  describe("fails before it compares anything", () => {
    it("with a credential of another tenant", async () => {
      const other = fixture.emulator.createTenant();
      cli.environment["FLEXPRICE_API_KEY"] = other.apiKey;
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.match(
        err,
        new RegExp(`tenant ${fixture.operator.tenantId}, but .* ${other.tenantId}`),
      );
      assert.deepEqual(fixture.log, ["GET /users/me"]);
    });

    it("if all exports are of other tenants, but not if a tenant is encrypted", async () => {
      const foreign = accountResource({ ...known.account, id: "user_2", tenantId: "t_2" });
      put("a.json", exported([foreign]));
      assert.equal((await run()).status, 3);
      put("a.json", exported([foreign, { ...accountResource(known.account), outputs: {} }]));
      assert.equal((await run()).status, 1);
    });

    it("with a credential that may not search for accounts", async () => {
      cli.useAccount(["event_reader"]);
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.match(err, /Reason: Flexprice answered 403: insufficient permissions/);
    });

    for (const [what, args, message] of [
      ["standard input twice", ["--stack-export", "-", "-"], /"-" was given more than once/],
      ["an unknown id to keep", ["--keep", "secret_nope"], /^Could not keep secret_nope\.\n/],
      ["a malformed duration", ["--older-than", "soon"], /It must be like "24h" or "7d"\./],
    ] as const) {
      it(`with ${what}`, async () => {
        const { status, err } = await run(...args);
        assert.equal(status, 2);
        assert.match(err, message);
      });
    }
  });

  it("warns of exports without Flexprice resources, of other tenants and with pending operations", async () => {
    put("empty.json", exported([]));
    put("other.json", exported([accountResource({ ...known.account, tenantId: "t_2" })]));
    putExport([], 0, {
      pending_operations: [{ resource: keyResource(known.key), type: "creating" }],
    });
    const lines = (await run("empty.json", "other.json")).err.trimEnd().split("\n");
    const warnings = [
      /^warning: a\.json has 1 pending operation: .*"pulumi refresh --clear-pending-creates"/,
      /^warning: empty\.json has no Flexprice resource in it\./,
      /^warning: other\.json has resources of other tenants only, none of tenant_/,
    ];
    assert.equal(lines.length, warnings.length);
    for (const [i, warning] of warnings.entries()) assert.match(String(lines[i]), warning);
  });

  it("fits a narrow terminal", async () => {
    const account = cli.account("a bot with a rather long name of many words");
    cli.key(account.id, "a key with a rather long name of many words");
    put("empty.json", exported([]));
    pass(2 * DAY);
    cli.onTerminal(60, "2\n");
    const { out, err } = await run("empty.json", "--revoke");
    assert.match(err, /You count 2 stacks/);
    // The Enter after the answer breaks the line on a terminal.
    assertFits(`${out}${err.replace("tenant? ", "tenant? \n")}`, 60);
  });

  describe("with --revoke", () => {
    let extra: EmulatedKey;
    let bot: { account: EmulatedUser; key: EmulatedKey };
    beforeEach(() => {
      extra = cli.key(known.account.id, "extra");
      const account = cli.account("bot");
      bot = { account, key: cli.key(account.id, "bot") };
      pass(2 * DAY);
    });

    const revocations = () => [extra, bot.key].map(({ id }) => `DELETE /secrets/api/keys/${id}`);
    const archival = () => `DELETE /users/${bot.account.id}`;
    const removed = () => ({
      keys: fixture.emulator.keys().filter(({ status }) => status === "deleted").length,
      accounts: fixture.emulator.accounts().filter(({ status }) => status === "archived").length,
    });
    const failDeletion = (id: string, kind: FaultKind) =>
      fixture.fault(kind, "before", {
        match: { method: "DELETE", path: new RegExp(id) },
        times: 99,
      });

    it("revokes the keys, then archives the accounts, after the right number of stacks on a terminal", async () => {
      cli.onTerminal(100, "1\n");
      const { status, out, err } = await run("--revoke");
      assert.equal(status, 0);
      assert.deepEqual(fixture.writes, [...revocations(), archival()]);
      assert.deepEqual(removed(), { keys: 2, accounts: 1 });
      assert.equal(
        out.slice(out.indexOf("\n\nRevoked") + 2),
        `Revoked API key "extra" (${extra.id})
Revoked API key "bot" (${bot.key.id})
Archived service account "bot" (${bot.account.id})

3 of 3 orphans removed. A revoked key that was used in the last two minutes may keep working for up
to two minutes.
`,
      );
      assert.equal(
        err.replaceAll(/\s+/g, " "),
        ` This will revoke 2 API keys and archive 1 service account of tenant ${fixture.operator.tenantId} at ${fixture.emulator.url}. Anything that uses them stops working, and they cannot be restored. If the export of a stack is missing, this includes the keys of that stack. How many stacks have resources of this tenant? `,
      );
    });

    const answers: [string, RegExp][] = [
      ["yes", /\? Nothing was changed\.\n$/],
      ["", /\? Nothing was changed\.\n$/],
      [
        "2",
        /\? You count 2 stacks, and the exports have .* tenant from 1\. Nothing was changed\.\n$/,
      ],
      ["0", /\? You count 0 stacks, .* from 1\. Nothing was changed\.\n$/],
    ];
    for (const [answer, expected] of answers) {
      it(`removes nothing after the answer "${answer}"`, async () => {
        cli.onTerminal(100, `${answer}\n`);
        const { status, err } = await run("--revoke");
        assert.equal(status, 1);
        assert.match(err.replaceAll(/[ \n]+(?=.)/g, " "), expected);
        assert.deepEqual(fixture.writes, []);
      });
    }

    it("removes what several stacks do not have, and counts each stack once", async () => {
      put("again.json", exported([accountResource(known.account)]));
      put("dev.json", exported([keyResource(extra)]).replaceAll("prod", "dev"));
      put("empty.json", exported([]));
      cli.onTerminal(100, "02\n");
      const { status } = await run("again.json", "dev.json", "empty.json", "--revoke");
      assert.equal(status, 0);
      assert.deepEqual(removed(), { keys: 1, accounts: 1 });
    });

    it("removes nothing if no export has a resource of the tenant, whatever the answer", async () => {
      cli.writeExport("empty.json", []);
      cli.onTerminal(100, "0\n");
      const args = ["--stack-export", "empty.json", "--user-keys", "--revoke"];
      const { status, err } = await cli.command("orphans", ...args);
      assert.equal(status, 3);
      assert.match(err, /Reason: none of the exports has a resource of tenant/);
      assert.deepEqual(fixture.writes, []);
    });

    it("removes nothing if the exports are not of as many stacks as --stacks", async () => {
      put("again.json", exported([accountResource(known.account)]));
      for (const more of [["--revoke", "--yes"], ["--json"], []]) {
        const { status, out, err } = await run("again.json", "--stacks", "2", ...more);
        assert.deepEqual([status, out], [3, ""]);
        assert.match(err, /Reason: you count 2 stacks, and the exports have .* tenant from 1\n/);
        assert.deepEqual(fixture.writes, []);
      }
    });

    it("requires --yes without a terminal and with --json", async () => {
      const { status, out, err } = await run("--revoke");
      assert.deepEqual([status, out], [2, ""]);
      assert.match(err, /Reason: there is no terminal/);
      cli.onTerminal(100, "1\n");
      const json = await run("--revoke", "--json");
      assert.equal(json.status, 2);
      assert.match(json.err, /Reason: --json shows no list/);
      assert.deepEqual(fixture.log, []);
    });

    it("requires --stacks with --yes and --yes-revoke", async () => {
      for (const yes of [["--yes"], ["--yes-revoke", "3"]]) {
        const { status, out, err } = await run("--revoke", ...yes);
        assert.deepEqual([status, out], [2, ""]);
        assert.match(err, /What to do: .*--yes --stacks N/);
      }
      assert.deepEqual(fixture.log, []);
    });

    it("removes more than twenty objects only with their number in --yes-revoke", async () => {
      for (let i = 0; i < 18; i++) cli.key(known.account.id, `more-${i}`);
      pass(2 * DAY);
      const refused = await run("--revoke", ...YES);
      assert.equal(refused.status, 3);
      assert.match(refused.err, /^Could not revoke 20 API keys and archive 1 service account\.$/m);
      assert.match(refused.err, /Reason: these are 21 objects, and --yes alone removes at most 20/);
      assert.match(refused.err, /What to do: .*: --yes-revoke 21\./);
      const miscounted = await run("--revoke", ...YES, "--yes-revoke", "20");
      assert.equal(miscounted.status, 3);
      assert.match(miscounted.err, /Reason: these are 21 objects, and --yes-revoke allows 20/);
      assert.deepEqual(removed(), { keys: 0, accounts: 0 });
      const { status } = await run("--revoke", "--stacks", "1", "--yes-revoke", "21");
      assert.equal(status, 0);
      assert.deepEqual(removed(), { keys: 20, accounts: 1 });
    });

    it("removes up to twenty objects with --yes, but nothing with a wrong --yes-revoke", async () => {
      assert.equal((await run("--revoke", "--stacks", "1", "--yes-revoke", "4")).status, 3);
      assert.deepEqual(removed(), { keys: 0, accounts: 0 });
      for (let i = 0; i < 17; i++) cli.key(known.account.id, `more-${i}`);
      pass(2 * DAY);
      assert.equal((await run("--revoke", ...YES)).status, 0);
      assert.deepEqual(removed(), { keys: 19, accounts: 1 });
    });

    it("removes without a question with --yes, and prints the result as JSON", async () => {
      const { status, out, err } = await run("--revoke", ...YES, "--json");
      assert.deepEqual([status, err], [0, ""]);
      assert.deepEqual(fixture.writes, [...revocations(), archival()]);
      const { keys, accounts } = JSON.parse(out);
      assert.deepEqual(
        [...keys, ...accounts].map(({ id, removed, reason }) => [id, removed, reason]),
        [extra.id, bot.key.id, bot.account.id].map((id) => [id, true, undefined]),
      );
    });

    it("removes nothing if there are no orphans", async () => {
      await run("--revoke", ...YES);
      const { status, out } = await run("--revoke", ...YES);
      assert.equal(status, 0);
      assert.match(out, /No orphans/);
      assert.deepEqual(fixture.writes, []);
    });

    it("removes nothing with --yes if an export has no resource of the tenant", async () => {
      put("empty.json", exported([]));
      put("other.json", exported([accountResource({ ...known.account, tenantId: "t_2" })]));
      for (const file of ["empty.json", "other.json"]) {
        const { status, err } = await run(file, "--revoke", ...YES);
        assert.equal(status, 3);
        assert.match(err, /^Could not revoke 2 API keys and archive 1 service account\.$/m);
        assert.match(err, new RegExp(`Reason: ${file} has no resource of tenant`));
        assert.deepEqual(fixture.writes, []);
      }
      cli.onTerminal(80, "1\n");
      assert.equal((await run("empty.json", "--revoke")).status, 0);
      assert.deepEqual(removed(), { keys: 2, accounts: 1 });
    });

    it("shows progress on a terminal if the server is slow", async () => {
      cli.onTerminal(60, "1\n");
      cli.isSlow = true;
      const { out, err } = await run("--revoke");
      const shown = err.split("\r\u001b[K").filter((line) => line.includes(" …"));
      assert.deepEqual(shown.slice(-3), [
        '1 of 3: API key "extra" …',
        '2 of 3: API key "bot" …',
        '3 of 3: service account "bot" …',
      ]);
      assert.match(out, /^Revoked API key "bot"/m);
    });

    it("counts as removed only what the server confirms with 204, not with a proxy's page", async () => {
      failDeletion(extra.id, { kind: "status", status: 200, body: "<html>ok</html>" });
      const { status, out, err } = await run("--revoke", ...YES);
      assert.equal(status, 3);
      assert.match(err, /^Could not revoke API key secret_\w+\.\n.* should be 204 without a body/);
      assert.doesNotMatch(out, /^(Revoked|Archived)/m);
      assert.match(out, /^0 of 3 orphans removed\./m);
      assert.deepEqual(removed(), { keys: 0, accounts: 0 });
    });

    it("stops when the server fails, and reports what it removed", async () => {
      failDeletion(bot.key.id, { kind: "status", status: 403, body: { message: "no" } });
      const { status, out, err } = await run("--revoke", ...YES, "--json");
      assert.equal(status, 3);
      assert.match(err, new RegExp(`^Could not revoke API key ${bot.key.id}\\.\\n.* 403`));
      const { keys, accounts } = JSON.parse(out);
      assert.deepEqual(
        [...keys, ...accounts].map((row) => row.removed),
        [true, undefined, undefined],
      );
      assert.deepEqual(removed(), { keys: 1, accounts: 0 });
    });

    it("continues if an object does not exist any more", async () => {
      const body = { code: "not_found", message: "Secret not found", http_status_code: 404 };
      failDeletion(bot.key.id, { kind: "status", status: 404, body });
      const { status, out } = await run("--revoke", ...YES);
      assert.equal(status, 1);
      const lines = out.slice(out.indexOf("Revoked")).split("\n");
      assert.equal(lines[0], `Revoked API key "extra" (${extra.id})`);
      assert.match(
        String(lines[1]),
        /^Left API key "bot" \(\w+\): Flexprice answered 404 not_found/,
      );
      assert.match(
        String(lines[2]),
        /^Left service account "bot" \(\w+\): not all of its keys could/,
      );
      assert.match(out, /^1 of 3 orphans removed\./m);
      assert.deepEqual(fixture.writes, revocations());
    });

    it("keeps an account with active keys that the credential does not see", async () => {
      fixture.emulator.createKey(bot.account.id, fixture.operator.environmentId, {
        name: "widget",
        type: "publishable_key",
      });
      const { status, out } = await run("--revoke", ...YES);
      assert.equal(status, 1);
      assert.match(
        out,
        /^Left service account "bot" .*: Flexprice answered 400 .*\. Those are publishable keys, or keys of other/m,
      );
      assert.deepEqual(removed(), { keys: 2, accounts: 0 });
    });
  });
});
