import assert from "node:assert/strict";
import type { EmulatedKey, EmulatedUser, FaultKind } from "../../../provider/emulator";
import { uniqueName } from "../../../provider/session/auto-name";
import { DAY, HOUR, MINUTE, UnitFixture } from "../fixture";
import { TestShell } from "./command-context";
import {
  accountResource,
  ENCRYPTED,
  exported,
  keyResource,
  pendingCreate,
  writtenAt,
} from "./exported";

describe("cli/orphans", () => {
  let fixture: UnitFixture;
  let shell: TestShell;
  /** What the stack of the export has. */
  let known: { account: EmulatedUser; key: EmulatedKey };
  const files = new Map<string, { content: string; age: number | string }>();

  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new TestShell(fixture);
    const own = account("ci");
    known = { account: own, key: key(own.id, "ci") };
    age(2 * DAY);
    files.clear();
    putExport();
  });
  afterEach(async () => {
    shell.dispose();
    await fixture.stop();
  });

  function account(name: string, roles = ["event_ingestor"]): EmulatedUser {
    // Ids of the same millisecond have no order.
    fixture.clock.now += 1_000;
    return fixture.emulator.createAccount(fixture.operator.tenantId, { name, roles });
  }

  function key(owner: string, name: string, expiresAt?: Date): EmulatedKey {
    fixture.clock.now += 1_000;
    return fixture.emulator.createKey(owner, fixture.operator.environmentId, {
      name,
      ...(expiresAt && { expiresAt }),
    });
  }

  function age(ms: number): void {
    fixture.clock.now += ms;
  }

  /** Has the state of this export written just before the next run, so long before it, or at this time. */
  function put(file: string, content: string, age: number | string = 0): void {
    files.set(file, { content, age });
  }

  function timeOf(age: number | string): string {
    return typeof age === "string" ? age : new Date(fixture.clock.now - age).toISOString();
  }

  /** As {@link put}, of the stack that has the known ones. */
  function putExport(
    more: Parameters<typeof exported>[0] = [],
    age: number | string = 0,
    deployment: Record<string, unknown> = {},
  ): void {
    const own = [accountResource(known.account), keyResource(known.key)];
    put("a.json", exported([...own, ...more], deployment), age);
  }

  /** Runs it against the export in a.json. */
  async function run(...args: string[]) {
    for (const [file, { content, age }] of files) {
      shell.write(file, writtenAt(content, timeOf(age)));
    }
    fixture.emulator.clearRequests();
    return await shell.command("orphans", "--stack-export", "a.json", ...args);
  }

  /** What it finds, by kind and in order. */
  async function found(...args: string[]): Promise<{
    keys: string[];
    accounts: string[];
    leftOut: Record<string, number>;
    warnings: string[];
  }> {
    const { out, err } = await run("--json", ...args);
    assert.equal(err, "");
    const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
    const { keys, accounts, leftOut, warnings } = JSON.parse(out);
    return { keys: ids(keys), accounts: ids(accounts), leftOut, warnings };
  }

  describe("are", () => {
    it("none where the stack knows all", async () => {
      const { status, out, err } = await run();
      assert.deepEqual([status, err], [0, ""]);
      assert.equal(
        out,
        `Stack:  shop/prod (a.json), with 1 service account and 1 API key
Tenant: ${fixture.operator.tenantId} at ${fixture.emulator.url}

No orphans: the given stacks know all that counts.

Left out: 1 object that the credential itself needs.
Not visible: publishable keys, which no list shows, and keys of other environments than the credential's.
`,
      );
      assert.deepEqual(fixture.writes, []);
    });

    it("keys and accounts that it does not know, with all there is to know of them", async () => {
      const byHand = key(known.account.id, "by \u001b[31mhand");
      const bot = account("old-bot", ["event_reader", "event_ingestor"]);
      const botKey = key(bot.id, "old-bot", new Date(fixture.clock.now + 60 * DAY));
      age(3 * DAY);
      const { status, out, err } = await run("--older-than", "1d");
      assert.deepEqual([status, err], [1, ""]);
      const list = out.slice(out.indexOf("\n\n") + 2, out.indexOf("Left out"));
      assert.equal(
        list,
        `2 API keys that no given stack knows
  ${byHand.id}  ${byHand.displayId}  "by \\u001b[31mhand"
    of "ci" (${known.account.id}), which a stack knows
    event_ingestor, made 3 days ago, never expires
  ${botKey.id}  ${botKey.displayId}  "old-bot"
    of "old-bot" (${bot.id}), which no stack knows
    event_reader, event_ingestor, made 3 days ago, expires in 57 days

1 service account that no given stack knows
  ${bot.id}  "old-bot"
    event_reader, event_ingestor, made 3 days ago, with 1 of the keys above

`,
      );
      assert.match(out, /\nTo revoke and archive them, run the same command with --revoke\.\n$/);
      assert.deepEqual(fixture.writes, []);
    });

    it("told to scripts, too", async () => {
      const stray = key(known.account.id, "stray");
      age(2 * DAY);
      const time = timeOf(1_000);
      putExport([], time);
      const { status, out } = await run("--json");
      assert.equal(status, 1);
      const { tenantId } = fixture.operator;
      const { keys, ...rest } = JSON.parse(out);
      assert.deepEqual(rest, {
        baseUrl: fixture.emulator.url,
        tenantId,
        seesEveryKey: true,
        exports: [
          {
            source: "a.json",
            stack: "shop/prod",
            time,
            accounts: [known.account.id],
            keys: [known.key.id],
          },
        ],
        warnings: [],
        accounts: [],
        leftOut: { own: 1 },
      });
      const [{ createdAt, ...listed }] = keys;
      assert.equal(Date.parse(createdAt), stray.createdAt.getTime());
      assert.deepEqual(listed, {
        id: stray.id,
        name: "stray",
        displayId: stray.displayId,
        roles: ["event_ingestor"],
        hasExpired: false,
        owner: {
          id: known.account.id,
          type: "service_account",
          name: "ci",
          isArchived: false,
          isKnown: true,
        },
      });
    });

    it("told without a key that somebody has made a name", async () => {
      const { value } = key(known.account.id, fixture.operator.apiKey);
      age(2 * DAY);
      for (const args of [[], ["--json"]]) {
        const { out } = await run(...args);
        assert.match(out, /\[redacted\]/);
        for (const secret of [value, fixture.operator.apiKey]) assert(!out.includes(secret));
      }
    });

    it("not what any of several stacks knows, its own deletions still to come included", async () => {
      const other = account("other");
      const otherKey = key(other.id, "other");
      age(2 * DAY);
      put("b.json", exported([{ ...accountResource(other), delete: true }, keyResource(otherKey)]));
      assert.deepEqual((await found()).keys, [otherKey.id]);
      assert.deepEqual((await found("--stack-export", "b.json")).keys, []);
      assert.deepEqual((await found("--stack-export", "b.json")).accounts, []);
    });

    it("not the account that a known key acts for, wherever it was made", async () => {
      const shared = account("shared");
      // No list shows it: only the stack tells that the account is in use.
      const sharedKey = fixture.emulator.createKey(shared.id, fixture.operator.environmentId, {
        name: "of the stack",
        type: "publishable_key",
      });
      const stray = key(shared.id, "stray");
      age(2 * DAY);
      putExport([keyResource(sharedKey)]);
      const { keys, accounts } = await found();
      assert.deepEqual([keys, accounts], [[stray.id], []]);
    });

    it("not what the credential itself needs", async () => {
      const { tenantId, environmentId } = fixture.operator;
      const { credential, id } = fixture.accountWithKey(["super_admin"], "robot");
      const { id: second } = fixture.emulator.createKey(id, environmentId, { name: "second" });
      age(2 * DAY);
      shell.environment["FLEXPRICE_API_KEY"] = credential.value;
      const { keys, accounts, leftOut, warnings } = await found();
      assert.deepEqual([keys, accounts, leftOut], [[second], [], { own: 2 }]);
      assert.deepEqual(warnings, [
        `the credential belongs to service account ${id} with super_admin, and only a super_admin user sees the keys of others: they are not looked at.`,
      ]);
      assert.equal(tenantId, fixture.operator.tenantId);
    });

    it("keys of users only when asked for, the credential's own never", async () => {
      const mine = key(fixture.operator.userId, "laptop");
      age(2 * DAY);
      assert.deepEqual(await found(), {
        keys: [],
        accounts: [],
        leftOut: { own: 1, ofUser: 1 },
        warnings: [],
      });
      const { keys, leftOut } = await found("--user-keys");
      assert.deepEqual([keys, leftOut], [[mine.id], { own: 1 }]);
      const { out } = await run("--user-keys");
      assert.match(out, new RegExp(`^ {4}of user ${fixture.operator.userId}$`, "m"));
    });

    it("expired keys only when asked for", async () => {
      const dead = key(known.account.id, "dead", new Date(fixture.clock.now + DAY));
      age(2 * DAY);
      const { keys, leftOut } = await found();
      assert.deepEqual([keys, leftOut], [[], { own: 1, expired: 1 }]);
      assert.deepEqual((await found("--expired")).keys, [dead.id]);
      assert.match((await run("--expired")).out, /made 2 days ago, expired 1 day ago$/m);
    });

    it("not auto-named keys that a rotation has left to their own expiry", async () => {
      const expiresAt = new Date(fixture.clock.now + 30 * DAY);
      const [before, now] = [uniqueName("ci"), uniqueName("ci")];
      key(known.account.id, before, expiresAt);
      const other = key(known.account.id, uniqueName("cicd"), expiresAt);
      const successor = key(known.account.id, now);
      age(2 * DAY);
      const auto = { autoName: now, namePrefix: "ci", onDelete: "expire" };
      putExport([keyResource(successor, auto)]);
      const { keys, leftOut } = await found();
      assert.deepEqual([keys, leftOut], [[other.id], { own: 1, leftToExpire: 1 }]);
    });

    it("not keys that a rotation has left to their own expiry", async () => {
      const expiresAt = new Date(fixture.clock.now + 30 * DAY);
      const before = key(known.account.id, known.key.name, expiresAt);
      const elsewhere = key(account("other").id, known.key.name, expiresAt);
      const endless = key(known.account.id, known.key.name);
      age(2 * DAY);
      assert.deepEqual((await found()).keys, [before.id, elsewhere.id, endless.id]);
      put(
        "a.json",
        exported([accountResource(known.account), keyResource(known.key, { onDelete: "expire" })]),
      );
      const { keys, leftOut } = await found();
      assert.deepEqual(keys, [elsewhere.id, endless.id]);
      assert.deepEqual(leftOut, { own: 1, leftToExpire: 1 });
    });

    it("not what is too young to be in the export", async () => {
      const young = account("young");
      key(young.id, "young");
      const strayOfKnown = key(known.account.id, "stray");
      age(23 * HOUR);
      const { keys, accounts, leftOut } = await found();
      assert.deepEqual([keys, accounts, leftOut], [[], [], { own: 1, young: 2, inUse: 1 }]);
      const all = await found("--older-than", "12h");
      assert.deepEqual(all.keys.at(-1), strayOfKnown.id);
      assert.deepEqual(all.accounts, [young.id]);
    });

    it("not what was made since the state in any export was written, nor shortly before", async () => {
      const old = key(known.account.id, "old");
      age(10 * DAY);
      key(known.account.id, "made shortly before");
      age(DAY);
      key(known.account.id, "made since");
      age(3 * DAY);
      putExport([], 3.5 * DAY);
      put("b.json", exported([accountResource(known.account)]));
      const { keys, leftOut, warnings } = await found("--stack-export", "b.json");
      assert.deepEqual([keys, leftOut], [[old.id], { own: 1, young: 2 }]);
      assert.deepEqual(warnings, [
        'a.json has a state that was written 4 days ago. What was made since, or less than 1 day before, is not judged. Run "pulumi up" or "pulumi refresh", which write it, and export the stack again.',
      ]);
      const more = await found("--stack-export", "b.json", "--older-than", "1h");
      assert.equal(more.keys.length, 2);
    });

    it("not by the time of the file: standard input has none", async () => {
      key(known.account.id, "made since");
      age(2 * DAY);
      putExport([], 3 * DAY);
      shell.stdin.end(writtenAt(String(files.get("a.json")?.content), timeOf(3 * DAY)));
      const { out } = await shell.command("orphans", "--json", "--stack-export", "-");
      const { keys, leftOut, warnings } = JSON.parse(out);
      assert.deepEqual([keys, leftOut], [[], { own: 1, young: 1 }]);
      assert.match(warnings.join(), /^standard input has a state that was written 3 days ago\./);
    });

    for (const [what, time, reason] of [
      [
        "ahead of the server's",
        "2100-01-01T00:00:00Z",
        "has a state that was written at 2100-01-01T00:00:00Z, which is ahead of the server's clock, so nothing is judged. Set the clock of the machine that runs Pulumi.",
      ],
      [
        "no time",
        "soon",
        'does not tell when its state was written ("soon"), so nothing is judged.',
      ],
      [
        "Go's zero time",
        "0001-01-01T00:00:00Z",
        'does not tell when its state was written ("0001-01-01T00:00:00Z"), so nothing is judged.',
      ],
    ] as const) {
      it(`none where the time of an export is ${what}`, async () => {
        key(known.account.id, "stray");
        age(400 * DAY);
        putExport([], time);
        put("b.json", exported([accountResource(known.account)]));
        const { keys, leftOut, warnings } = await found("--stack-export", "b.json");
        assert.deepEqual([keys, leftOut], [[], { own: 1, young: 1 }]);
        assert.deepEqual(warnings, [
          `a.json ${reason} Run "pulumi up" or "pulumi refresh", which write it, and export the stack again.`,
        ]);
      });
    }

    it("none where the clock that wrote an export is more than a minute ahead", async () => {
      key(known.account.id, "stray");
      age(2 * DAY);
      putExport([], -50_000);
      assert.equal((await found()).keys.length, 1);
      putExport([], -70_000);
      assert.equal((await found()).keys.length, 0);
    });

    it("told where the clock that wrote an export is a little ahead, by so much older ones", async () => {
      const old = key(known.account.id, "old");
      age(MINUTE);
      key(known.account.id, "young");
      age(HOUR);
      putExport([], -MINUTE / 2);
      const { keys, leftOut, warnings } = await found("--older-than", "1h");
      assert.deepEqual([keys, leftOut, warnings], [[old.id], { own: 1, young: 1 }, []]);
    });

    it("not what a pending operation may have made", async () => {
      const made = account(uniqueName("bot"));
      key(made.id, "by hand");
      const rotated = key(known.account.id, uniqueName("bot"));
      const stray = key(known.account.id, "stray");
      age(2 * DAY);
      putExport([], 0, {
        pending_operations: [
          pendingCreate("ServiceAccount", { namePrefix: "bot", roles: ["event_ingestor"] }),
          pendingCreate("ApiKey", { namePrefix: "bot", serviceAccountId: known.account.id }),
        ],
      });
      const { keys, accounts, leftOut } = await found();
      assert.deepEqual([keys, accounts, leftOut], [[stray.id], [], { own: 1, pending: 3 }]);
      const { out } = await run();
      assert.match(
        out,
        /^Left out: .*; 3 objects that a pending operation may have made \(run "pulumi up", which settles it\)\.$/m,
      );
      putExport();
      assert.equal((await found()).keys.length, 3);
      assert.deepEqual((await found()).accounts, [made.id]);
      assert.ok((await found()).keys.includes(rotated.id));
    });

    it("not what a pending operation makes with inputs that are secrets", async () => {
      account("any");
      age(2 * DAY);
      putExport([], 0, {
        pending_operations: [
          pendingCreate("ServiceAccount", { namePrefix: ENCRYPTED, roles: ["event_ingestor"] }),
        ],
      });
      const { accounts, leftOut } = await found();
      assert.deepEqual([accounts, leftOut], [[], { own: 1, pending: 1 }]);
    });

    it("not what is to stay, an account with its keys and a key with its account", async () => {
      const [one, other] = [account("one"), account("other")];
      const keys = [key(one.id, "1"), key(one.id, "2"), key(other.id, "3"), key(other.id, "4")];
      age(2 * DAY);
      const ids = keys.map(({ id }) => id);
      const result = await found("--keep", one.id, String(ids[2]));
      assert.deepEqual(result.keys, [ids[3]]);
      assert.deepEqual([result.accounts, result.leftOut], [[], { own: 1, kept: 4, inUse: 1 }]);
    });

    it("keys of archived accounts, which work all the same", async () => {
      const gone = account("gone");
      const left = key(gone.id, "left");
      fixture.emulator.archiveAccount(gone.id);
      age(2 * DAY);
      const { out } = await run();
      assert.match(
        out,
        new RegExp(`${left.id} .*\\n {4}of service account ${gone.id}, which is archived$`, "m"),
      );
    });

    it("found on all pages", async () => {
      for (let i = 0; i < 1_001; i++) key(known.account.id, `k${i}`);
      age(2 * DAY);
      assert.equal((await found()).keys.length, 1_001);
    });
  });

  describe("are not looked for", () => {
    it("with a credential of another tenant", async () => {
      const other = fixture.emulator.createTenant();
      shell.environment["FLEXPRICE_API_KEY"] = other.apiKey;
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.match(
        err,
        new RegExp(
          `Reason: the exports hold resources of tenant ${fixture.operator.tenantId}, and the credential from environment variable FLEXPRICE_API_KEY belongs to tenant ${other.tenantId}`,
        ),
      );
    });

    it("unless a tenant cannot be read, which may be this one", async () => {
      const foreign = accountResource({ ...known.account, id: "user_2", tenantId: "t_2" });
      put("a.json", exported([foreign]));
      assert.equal((await run()).status, 3);
      const unreadable = { ...accountResource(known.account), outputs: {} };
      put("a.json", exported([foreign, unreadable]));
      assert.equal((await run()).status, 1);
    });

    it("with standard input given twice", async () => {
      const { status, err } = await shell.command("orphans", "--stack-export", "-", "-");
      assert.equal(status, 2);
      assert.match(err, /Reason: "-" was given more than once/);
    });

    it("with an id to keep that is not there", async () => {
      const { status, err } = await run("--keep", "secret_nope");
      assert.equal(status, 2);
      assert.match(
        err,
        /^Could not keep secret_nope\.\n {2}Reason: there is no key and no service/,
      );
    });

    it("with a duration that is none", async () => {
      const { status, err } = await run("--older-than", "soon");
      assert.equal(status, 2);
      assert.match(err, /It must be like "24h" or "7d"\./);
    });

    it("by a caller that may not search for accounts", async () => {
      const { credential } = fixture.accountWithKey(["event_reader"]);
      shell.environment["FLEXPRICE_API_KEY"] = credential.value;
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.match(err, /Reason: Flexprice answered 403: insufficient permissions/);
    });
  });

  it("warns of an export without Flexprice resources, and of one of other tenants", async () => {
    put("empty.json", exported([]));
    put("other.json", exported([accountResource({ ...known.account, tenantId: "t_2" })]));
    const { err } = await run("empty.json", "other.json");
    assert.equal(
      err,
      `warning: empty.json has no Flexprice resource in it. If its stack has some, this is not its export, and what they are would be taken for orphans.
warning: other.json has resources of other tenants only: ${fixture.operator.tenantId} is not in it.
`,
    );
  });

  it("warns of an export with operations that are not over", async () => {
    put(
      "a.json",
      exported([accountResource(known.account)], {
        pending_operations: [{ resource: keyResource(known.key), type: "creating" }],
      }),
    );
    assert.equal(
      (await run()).err,
      'warning: a.json has 1 pending operation: an update is running, or was cut off. What it may have made is not judged. Wait for it, or run "pulumi up" and then "pulumi refresh --clear-pending-creates"; then export the stack again.\n',
    );
  });

  describe("are removed", () => {
    let stray: EmulatedKey;
    let bot: { account: EmulatedUser; key: EmulatedKey };
    beforeEach(() => {
      stray = key(known.account.id, "stray");
      const old = account("bot");
      bot = { account: old, key: key(old.id, "bot") };
      age(2 * DAY);
    });

    const revoke = () => [stray, bot.key].map(({ id }) => `DELETE /secrets/api/keys/${id}`);
    const archive = () => `DELETE /users/${bot.account.id}`;
    const statuses = () => ({
      keys: fixture.emulator.keys().filter(({ status }) => status === "deleted").length,
      accounts: fixture.emulator.accounts().filter(({ status }) => status === "archived").length,
    });

    it("after a yes on a terminal: the keys, then the accounts", async () => {
      shell.onTerminal(100, "yes\n");
      const { status, out, err } = await run("--revoke");
      assert.equal(status, 0);
      assert.deepEqual(fixture.writes, [...revoke(), archive()]);
      assert.deepEqual(statuses(), { keys: 2, accounts: 1 });
      assert.equal(
        out.slice(out.indexOf("\n\nRevoked") + 2),
        `Revoked API key "stray" (${stray.id})
Revoked API key "bot" (${bot.key.id})
Archived service account "bot" (${bot.account.id})

3 of 3 orphans removed. A revoked key that was used in the last two minutes can go on working for up
to two minutes.
`,
      );
      const question = err.slice(err.lastIndexOf("\u001b[K") + 3);
      assert.equal(
        question.replaceAll(/\s+/g, " "),
        ` This will revoke 2 API keys and archive 1 service account of tenant ${fixture.operator.tenantId} at ${fixture.emulator.url}. What uses them stops working, and nothing brings them back. Type "yes" to go on: `,
      );
    });

    it("not after anything else", async () => {
      shell.onTerminal(100, "y\n");
      const { status, err } = await run("--revoke");
      assert.equal(status, 1);
      assert.match(err, /Nothing was changed\.\n$/);
      assert.deepEqual(fixture.writes, []);
    });

    it("not without a terminal and without --yes, nor asked for as JSON", async () => {
      const { status, out, err } = await run("--revoke");
      assert.deepEqual([status, out], [2, ""]);
      assert.match(err, /Reason: there is no terminal on which to ask for a confirmation/);
      shell.onTerminal(100, "yes\n");
      const json = await run("--revoke", "--json");
      assert.equal(json.status, 2);
      assert.match(json.err, /Reason: with --json nothing is shown before it is asked about/);
      assert.deepEqual(fixture.log, []);
    });

    it("without a question with --yes, and told to scripts", async () => {
      const { status, out, err } = await run("--revoke", "--yes", "--json");
      assert.deepEqual([status, err], [0, ""]);
      assert.deepEqual(fixture.writes, [...revoke(), archive()]);
      const { keys, accounts } = JSON.parse(out);
      assert.deepEqual(
        [...keys, ...accounts].map(({ id, removed, reason }) => [id, removed, reason]),
        [
          [stray.id, true, undefined],
          [bot.key.id, true, undefined],
          [bot.account.id, true, undefined],
        ],
      );
    });

    it("and nothing is done where there are none", async () => {
      await run("--revoke", "--yes");
      const { status, out } = await run("--revoke", "--yes");
      assert.equal(status, 0);
      assert.match(out, /No orphans/);
      assert.deepEqual(fixture.writes, []);
    });

    it("not with --yes when an export knows nothing of the tenant", async () => {
      put("empty.json", exported([]));
      put("other.json", exported([accountResource({ ...known.account, tenantId: "t_2" })]));
      for (const file of ["empty.json", "other.json"]) {
        const { status, err } = await run(file, "--revoke", "--yes");
        assert.equal(status, 3);
        assert.match(
          err,
          new RegExp(
            `Could not revoke 2 API keys and archive 1 service account\\.\\n {2}Reason: no resource of tenant ${fixture.operator.tenantId} is in ${file}: if`,
          ),
        );
        assert.deepEqual(fixture.writes, []);
      }
      shell.onTerminal(80, "yes\n");
      assert.equal((await run("empty.json", "--revoke")).status, 0);
      assert.deepEqual(statuses(), { keys: 2, accounts: 1 });
    });

    const failing = (kind: FaultKind, path: string) =>
      fixture.fault(kind, "before", {
        match: { method: "DELETE", path: new RegExp(path) },
        times: 99,
      });

    it("only where the server says 204: a proxy's page is no revocation", async () => {
      failing({ kind: "status", status: 200, body: "<html>ok</html>" }, stray.id);
      const { status, out, err } = await run("--revoke", "--yes");
      assert.equal(status, 3);
      assert.match(err, /^Could not revoke API key secret_\w+\.\n.* should be 204 without a body/);
      assert.doesNotMatch(out, /^(Revoked|Archived)/m);
      assert.match(out, /^0 of 3 orphans removed\./m);
      assert.deepEqual(statuses(), { keys: 0, accounts: 0 });
    });

    it("until the server fails, and what was done is said", async () => {
      failing(
        { kind: "status", status: 403, body: { message: "insufficient permissions" } },
        bot.key.id,
      );
      const { status, out, err } = await run("--revoke", "--yes", "--json");
      assert.equal(status, 3);
      assert.match(
        err,
        new RegExp(
          `^Could not revoke API key ${bot.key.id}\\.\\n {2}Reason: Flexprice answered 403`,
        ),
      );
      const { keys, accounts } = JSON.parse(out);
      assert.deepEqual(
        [...keys, ...accounts].map(({ removed }) => removed),
        [true, undefined, undefined],
      );
      assert.deepEqual(statuses(), { keys: 1, accounts: 0 });
    });

    it("each for itself: what another has removed meanwhile was not revoked by us", async () => {
      const body = { code: "not_found", message: "Secret not found", http_status_code: 404 };
      failing({ kind: "status", status: 404, body }, bot.key.id);
      const { status, out } = await run("--revoke", "--yes");
      assert.equal(status, 1);
      assert.match(out, new RegExp(`^Revoked API key "stray" \\(${stray.id}\\)$`, "m"));
      assert.match(
        out,
        new RegExp(
          `^Left API key "bot" \\(${bot.key.id}\\): Flexprice answered 404 not_found: Secret`,
          "m",
        ),
      );
      assert.match(
        out,
        /^Left service account "bot" \(user_\w+\): not all of its keys could be revoked$/m,
      );
      assert.match(out, /^1 of 3 orphans removed\./m);
      assert.deepEqual(fixture.writes, revoke());
    });

    it("but an account with active keys that nobody sees", async () => {
      fixture.emulator.createKey(bot.account.id, fixture.operator.environmentId, {
        name: "widget",
        type: "publishable_key",
      });
      const { status, out } = await run("--revoke", "--yes");
      assert.equal(status, 1);
      assert.match(
        out,
        /^Left service account "bot" .*: Flexprice answered 400 validation_error: Revoke all API keys .*\. Those are publishable keys, or keys of other environments, which this credential does not see$/m,
      );
      assert.deepEqual(statuses(), { keys: 2, accounts: 0 });
    });
  });
});
