import assert from "node:assert/strict";
import type { Holder, KeyRow } from "../../../../provider/cli/keys/rows";
import type { EmulatedKey, EmulatedUser } from "../../../../provider/emulator";
import { uniqueName } from "../../../../provider/session/auto-name";
import { DAY, HOUR } from "../../fixture";
import { accountResource, exported, keyResource, pendingCreate, writtenAt } from "../exported";
import { assertFits, CliFixture } from "../fixture";

type Shown = KeyRow & { daysToExpiry?: number; daysToRotation?: number; ageDays: number };

interface Found {
  keys: Shown[];
  failed: string[];
  warnings: string[];
  seesEveryKey: boolean;
  notVisible: string;
}

describe("cli/keys", () => {
  const cli = CliFixture.forEachTest();
  const fixture = cli.server;
  let account: EmulatedUser;
  /** In the export, with 90 days to live when it was created. */
  let current: EmulatedKey;
  beforeEach(() => {
    account = cli.account("ingestor");
    current = cli.key(account.id, uniqueName("ingestor"), at(90));
  });

  /** The time this many days from now. */
  function at(days: number): Date {
    return new Date(fixture.clock.now + days * DAY);
  }

  function pass(ms: number): void {
    fixture.clock.now += ms;
  }

  /** Writes an export whose state was written now. */
  function putExport(
    outputs: Record<string, unknown> = { rotateBefore: "14d", onDelete: "expire" },
    more: Parameters<typeof exported>[0] = [],
    deployment: Record<string, unknown> = {},
    file = "prod.json",
  ): void {
    const resources = [accountResource(account), keyResource(current, outputs), ...more];
    cli.writeExport(file, resources, deployment);
  }

  async function json(...args: string[]): Promise<Found> {
    const { out } = await cli.command("keys", "--json", ...args);
    return JSON.parse(out);
  }

  async function find(id: string, ...args: string[]): Promise<Shown> {
    const row = (await json(...args)).keys.find((key) => key.id === id);
    assert(row);
    return row;
  }

  const problemsOf = async (id: string, ...args: string[]) => (await find(id, ...args)).problems;
  const STACK = ["--stack-export", "prod.json"] as const;

  it("reports no key as expiring while its rotation is still ahead", async () => {
    pass(80 * DAY);
    putExport({ rotateBefore: "7d" });
    assert.deepEqual(await problemsOf(current.id, ...STACK), []);
    assert.deepEqual(await problemsOf(current.id), ["expiring"]);
    pass(4 * DAY);
    assert.deepEqual(await problemsOf(current.id, ...STACK), ["expiring", "rotation-due"]);
  });

  it("warns of two exports of one stack, the older of which shows replaced keys", async () => {
    putExport();
    putExport(undefined, [], {}, "old.json");
    const args = ["--stack-export", "prod.json", "old.json"];
    const warning =
      "prod.json, old.json are exports of one stack, shop/prod. If one is older, it shows keys that have been replaced since: leave it out.";
    assert.ok((await cli.command("keys", ...args)).err.includes(`warning: ${warning}\n`));
    assert.ok(!(await cli.command("keys", ...STACK)).err.includes("exports of one stack"));
  });

  describe("with --json", () => {
    it("prints everything that is known about a key", async () => {
      pass(10 * DAY);
      putExport();
      const { createdAt, expiresAt, ...row } = await find(current.id, ...STACK);
      assert.equal(Date.parse(createdAt), current.createdAt.getTime());
      assert.equal(Date.parse(String(expiresAt)), Date.parse(String(current.expiresAt)));
      const urn = `urn:pulumi:prod::shop::pulumi-nodejs:dynamic/flexprice:ApiKey::${current.id}`;
      assert.deepEqual(row, {
        id: current.id,
        name: current.name,
        displayId: current.displayId,
        roles: ["event_ingestor"],
        owner: { id: account.id, type: "service_account", name: "ingestor", isArchived: false },
        rotationDueAt: new Date(Date.parse(String(expiresAt)) - 14 * DAY).toISOString(),
        management: "held",
        heldBy: [{ stack: "shop/prod", resource: current.id, urn, as: "current" }],
        problems: [],
        ageDays: 10,
        daysToExpiry: 79,
        daysToRotation: 65,
      });
    });

    it("prints nothing about stacks and rotations without an export", async () => {
      const { keys, ...rest } = await json();
      assert.deepEqual(
        keys.map(({ id }) => id),
        [current.id, fixture.emulator.keys()[0]?.id],
      );
      assert.deepEqual(Object.keys(keys[0] ?? {}).sort(), [
        ...["ageDays", "createdAt", "daysToExpiry", "displayId", "expiresAt", "heldBy", "id"],
        ...["name", "owner", "problems", "roles"],
      ]);
      assert.deepEqual(rest, {
        baseUrl: fixture.emulator.url,
        tenantId: fixture.operator.tenantId,
        seesEveryKey: true,
        notVisible:
          "publishable keys, which no list shows, and keys of other environments than the credential's",
        exports: [],
        warnings: [],
        failed: [],
      });
      assert.deepEqual(fixture.writes, []);
    });
  });

  describe("problems", () => {
    it("reports a key that has expired", async () => {
      const dead = cli.key(account.id, "dead", at(1));
      pass(2 * DAY);
      assert.deepEqual(await problemsOf(dead.id), ["expired"]);
    });

    it("reports a key that expires within 14 days, or within the time of --fail-on", async () => {
      const soon = cli.key(account.id, "soon", at(14));
      const later = cli.key(account.id, "later", at(15));
      assert.deepEqual(await problemsOf(soon.id), ["expiring"]);
      assert.deepEqual(await problemsOf(later.id), []);
      assert.deepEqual(await problemsOf(later.id, "--fail-on", "expiring=30d"), ["expiring"]);
    });

    it("reports a key that never expires", async () => {
      assert.deepEqual(await problemsOf(cli.key(account.id, "k").id), ["no-expiry"]);
    });

    it("reports a key whose account is archived", async () => {
      fixture.emulator.archiveAccount(account.id);
      const { owner, problems } = await find(current.id);
      assert.deepEqual(problems, ["owner-archived"]);
      assert.deepEqual(owner, { id: account.id, type: "service_account", isArchived: true });
    });

    it("does not report an account as archived that is newer than the list of accounts", async () => {
      fixture.fault(
        { kind: "status", status: 200, body: { items: [], pagination: { total: 0 } } },
        "before",
        { match: { path: /users.search/ }, times: 9 },
      );
      const { owner, problems } = await find(current.id);
      assert.deepEqual([owner.name, owner.isArchived, problems], ["ingestor", false, []]);
    });

    it("reports super_admin for a key of a service account, but not for a key of a user", async () => {
      const root = cli.account("root", ["super_admin"]);
      const ofService = cli.key(root.id, "k", at(90));
      const ofUser = cli.key(fixture.operator.userId, "k", at(90));
      assert.deepEqual(await problemsOf(ofService.id), ["super-admin"]);
      assert.deepEqual(await problemsOf(ofUser.id), []);
    });

    it("reports a key that is due for rotation", async () => {
      putExport();
      assert.deepEqual(await problemsOf(current.id, ...STACK), []);
      pass(77 * DAY);
      putExport();
      assert.deepEqual(await problemsOf(current.id, ...STACK), ["expiring", "rotation-due"]);
      pass(20 * DAY);
      assert.deepEqual(await problemsOf(current.id, ...STACK), ["expired"]);
    });

    it("reports a key that no given stack has", async () => {
      const extra = cli.key(account.id, "extra", at(90));
      pass(2 * DAY);
      putExport();
      const row = await find(extra.id, ...STACK);
      assert.deepEqual([row.management, row.problems], ["none", ["unmanaged"]]);
    });
  });

  describe("does not report as unmanaged", () => {
    const assertUncertain = async (id: string, management: string, ...args: string[]) => {
      const row = await find(id, ...STACK, ...args);
      assert.equal(row.management, management);
      assert(!row.problems.includes("unmanaged"), row.problems.join());
    };

    it("a key that may be newer than an export", async () => {
      const extra = cli.key(account.id, "extra", at(90));
      pass(23 * HOUR);
      putExport();
      await assertUncertain(extra.id, "unknown");
      pass(DAY);
      putExport({}, [], {}, "new.json");
      await assertUncertain(extra.id, "unknown", "--stack-export", "new.json");
      putExport();
      assert.equal((await find(extra.id, ...STACK)).management, "none");
      assert.doesNotMatch((await cli.command("keys", ...STACK)).out, /is not known/);
      const { out } = await cli.command("keys", ...STACK, "--older-than", "3d");
      assert.match(out, /\n3 API keys, .*, 1 whose stack is not known\.\n/);
      await assertUncertain(extra.id, "unknown", "--older-than", "3d");
    });

    it("any key if the time of an export cannot be right", async () => {
      const extra = cli.key(account.id, "extra", at(90));
      pass(60 * DAY);
      cli.write(
        "prod.json",
        writtenAt(exported([accountResource(account)]), "2100-01-01T00:00:00Z"),
      );
      await assertUncertain(extra.id, "unknown");
      assert.match((await json(...STACK)).warnings.join(), /is ahead of the server's clock/);
    });

    it("a key that a pending operation may have created", async () => {
      const extra = cli.key(account.id, uniqueName("bot"), at(90));
      pass(2 * DAY);
      const pending = pendingCreate("ApiKey", {
        namePrefix: "bot",
        serviceAccountId: account.id,
      });
      putExport({}, [], { pending_operations: [pending] });
      await assertUncertain(extra.id, "unknown");
    });

    it("a key of a user, unless --user-keys is given", async () => {
      const userKey = cli.key(fixture.operator.userId, "laptop", at(90));
      pass(2 * DAY);
      putExport();
      await assertUncertain(userKey.id, "other");
      assert.equal((await find(userKey.id, ...STACK, "--user-keys")).management, "none");
    });

    it("the key of the credential", async () => {
      pass(2 * DAY);
      putExport();
      const own = String(fixture.emulator.keys()[0]?.id);
      await assertUncertain(own, "other", "--user-keys");
    });

    it("a key that a state lists as a predecessor, whatever the current name and onDelete", async () => {
      const predecessor = cli.key(account.id, "renamed", at(90));
      pass(2 * DAY);
      putExport({
        onDelete: "revoke",
        predecessors: [{ id: predecessor.id, expiresAt: String(predecessor.expiresAt) }],
      });
      const { management, heldBy, problems } = await find(predecessor.id, ...STACK);
      assert.deepEqual([management, problems], ["left", []]);
      assert.deepEqual(
        heldBy.map(({ as }: Holder) => as),
        ["predecessor"],
      );
      const { out } = await cli.command("orphans", ...STACK, "--json");
      assert.deepEqual(JSON.parse(out).keys, []);
    });
  });

  describe("with keys that a rotation left to expire", () => {
    let listed: EmulatedKey;
    let unlisted: EmulatedKey;
    beforeEach(() => {
      listed = cli.key(account.id, uniqueName("ingestor"), at(8));
      // A rotation with --replace leaves a key that no state lists.
      unlisted = cli.key(account.id, uniqueName("ingestor"), at(20));
      pass(2 * DAY);
      const predecessors = [{ id: listed.id, expiresAt: String(listed.expiresAt) }];
      putExport({
        ...{ onDelete: "expire", namePrefix: "ingestor", rotateBefore: "14d", predecessors },
      });
    });

    it("lists only these keys with --left, each with its id, owner and days", async () => {
      cli.key(account.id, "by hand");
      const { status, out } = await cli.command("keys", ...STACK, "--left");
      assert.equal(status, 0);
      const [, ...lines] = out.slice(0, out.indexOf("\n\n")).split("\n");
      assert.deepEqual(
        lines.map((line) => line.split(/ {2,}/)),
        [
          ...[
            [listed, "in 5d", "left by shop/prod"] as const,
            [unlisted, "in 17d", "left"] as const,
          ].map(([{ id, displayId, name }, expires, stack]) => [
            ...[id, displayId, name, "ingestor", "event_ingestor", "2d", expires, "-", stack, "-"],
          ]),
        ],
      );
    });

    it("reports no problem when they expire", async () => {
      assert.deepEqual(await problemsOf(listed.id, ...STACK), []);
      pass(20 * DAY);
      const { keys, failed } = await json(...STACK, "--fail-on", "expired,expiring,unmanaged");
      assert.deepEqual(
        keys.filter(({ management }) => management === "left").map(({ problems }) => problems),
        [[], []],
      );
      assert.deepEqual(failed, []);
      assert.deepEqual((await json(...STACK, "--left")).keys, []);
    });

    it("names the resource that left a key, on a terminal", async () => {
      cli.onTerminal(100);
      const { out } = await cli.command("keys", ...STACK, "--left");
      assert.match(
        out,
        new RegExp(
          `\\n {2}${listed.id} sk_\\S+ event_ingestor\\n {2}left to expire by a rotation of ${current.id} in shop/prod\\n`,
        ),
      );
      assert.match(out, /\n {2}left to expire by a rotation, as its name and owner tell\n/);
    });
  });

  describe("on a terminal", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the styles of a terminal
    const withoutStyles = (text: string) => text.replace(/\u001b\[\d+m/g, "");
    const LONG = "a-service-account-with-a-name-that-no-terminal-has-room-for-beside-others";
    beforeEach(() => {
      const other = cli.account(LONG);
      cli.key(other.id, `${LONG}-key`, at(5));
      cli.key(other.id, "\u001b[2J日本語\u202e");
      pass(2 * DAY);
      putExport();
    });

    for (const columns of [60, 80, 120]) {
      it(`fits ${columns} columns`, async () => {
        cli.onTerminal(columns);
        const { out } = await cli.command("keys", ...STACK);
        const lines = withoutStyles(out).split("\n");
        assertFits(lines.join("\n").replace(/[日本語]/g, "xx"), columns);
        for (const { id } of fixture.emulator.keys()) {
          assert(
            lines.some((line) => line.startsWith(`  ${id} `)),
            id,
          );
        }
        assert(!out.includes("\u001b[2J") && !out.includes("\u202e"));
      });
    }

    it("shows the problems of a key below it", async () => {
      cli.onTerminal(80);
      const { out } = await cli.command("keys");
      const plain = withoutStyles(out);
      const found = fixture.emulator.keys().find(({ name }) => name === `${LONG}-key`);
      const { id, displayId } = found ?? {};
      assert(
        plain.startsWith(`KEY                               OWNER                             AGE  EXPIRES
a-service-account-with-a-name-t…  a-service-account-with-a-name-t…  2d   in 2d
  ${id} ${displayId} event_ingestor
  ! expires soon
ingestor-`),
        plain,
      );
    });
  });

  it("prints one line per key, uncut, without a terminal", async () => {
    const key = cli.key(account.id, "n".repeat(300));
    const { out } = await cli.command("keys");
    const line = out.split("\n").find((text) => text.startsWith(key.id));
    assert.equal(
      line?.replace(/ {2,}/g, "|"),
      `${key.id}|${key.displayId}|${"n".repeat(300)}|ingestor|event_ingestor|0s|never|never expires`,
    );
  });

  it("cuts nothing on a terminal of unknown width", async () => {
    cli.onTerminal(0);
    const { out } = await cli.command("keys");
    assert.match(out, /\ningestor-[0-9a-z]{10} +ingestor +/);
  });

  it("prints a summary, and which keys are not visible", async () => {
    putExport();
    const { out, err } = await cli.command("keys", ...STACK);
    const { url } = fixture.emulator;
    assert.equal(err, "");
    assert.equal(
      out.slice(out.indexOf("\n\n") + 2),
      `2 API keys, 1 with problems (never expires: 1).
Tenant: ${fixture.operator.tenantId} at ${url}
Stacks: shop/prod (prod.json)
Not visible: publishable keys, which no list shows, and keys of other environments than the credential's.
`,
    );
  });

  it("warns a caller that is not a super_admin user that it sees only its own keys", async () => {
    const id = cli.useAccount(["super_admin"]);
    const { out, err } = await cli.command("keys");
    assert.match(err, /^warning: the credential belongs to service account .* Only a super_admin/);
    assert.match(
      out.replace(/\s+/g, " "),
      new RegExp(
        `Not visible: publishable keys, .* The credential belongs to service account ${id} with super_admin, so keys of others are not visible either: only a super_admin user sees them\\.`,
      ),
    );
    const { keys, seesEveryKey } = JSON.parse((await cli.command("keys", "--json")).out);
    assert.deepEqual([keys.length, seesEveryKey], [1, false]);
  });

  it("redacts a credential that is used as a name", async () => {
    cli.key(account.id, fixture.operator.apiKey);
    for (const args of [[], ["--json"], ["--html", "keys.html"]]) {
      const { out } = await cli.command("keys", ...args);
      assert(!out.includes(fixture.operator.apiKey));
    }
    const page = cli.read("keys.html");
    assert(page.includes("[redacted]") && !page.includes(fixture.operator.apiKey));
  });

  describe("with --fail-on", () => {
    it("exits with status 1, and names the keys with one of these problems", async () => {
      // Its super_admin is a problem, too, but not one of these.
      const soon = cli.key(cli.account("root", ["super_admin"]).id, "soon", at(5));
      const { status, err } = await cli.command("keys", "--fail-on", "expired,expiring=7d");
      assert.equal(status, 1);
      assert.equal(
        err,
        `\n1 API key with --fail-on expired,expiring=7d:\n  ${soon.id} soon: expires soon\n`,
      );
    });

    it("exits with status 0 if no key has one of these problems", async () => {
      cli.key(account.id, "soon", at(5));
      const { status, err } = await cli.command("keys", "--fail-on", "expired,expiring=4d");
      assert.deepEqual([status, err], [0, ""]);
    });

    it("adds up the conditions if it is given again", async () => {
      const { failed } = JSON.parse(
        (await cli.command("keys", "--json", "--fail-on", "no-expiry", "--fail-on", "expired")).out,
      );
      assert.deepEqual(failed, [fixture.emulator.keys()[0]?.id]);
    });

    it("counts keys that --left does not show", async () => {
      putExport();
      const { status } = await cli.command("keys", ...STACK, "--left", "--fail-on", "no-expiry");
      assert.equal(status, 1);
    });

    for (const [condition, message] of [
      ["expird", /"expird" is not a condition\. Did you mean "expired"\? Conditions: expired, exp/],
      ["expired,", /"" is not a condition\. Conditions: /],
      ["expiring=soon", /"expiring=soon" must be like "expiring=14d"/],
      ["expiring=1d=2d", /"expiring=1d=2d" must be like "expiring=14d"/],
      ["expired=3d", /"expired=3d" must be "expired": only "expiring" takes a time/],
      ["unmanaged", /--fail-on unmanaged needs the stacks of this tenant/],
      ["rotation-due", /--fail-on rotation-due needs the stacks of this tenant/],
    ] as const) {
      it(`rejects "${condition}" before any request`, async () => {
        await cli.assertFails(2, message, "keys", "--fail-on", condition);
        assert.deepEqual(fixture.log, []);
      });
    }
  });

  describe("with --html", () => {
    it("writes a new file, and overwrites a file only with --force", async () => {
      const first = await cli.command("keys", "--html", "keys.html");
      assert.deepEqual([first.status, first.out], [0, ""]);
      assert.match(first.err, /^keys\.html: 2 API keys, 1 with problems /);
      cli.write("keys.html", "notes");
      fixture.emulator.clearRequests();
      const second = await cli.command("keys", "--html", "keys.html");
      assert.equal(second.status, 3);
      assert.match(second.err, /the file exists\n.*overwrite it with --force/);
      assert.equal(cli.read("keys.html"), "notes");
      assert.deepEqual(fixture.log, []);
      assert.equal((await cli.command("keys", "--html", "keys.html", "--force")).status, 0);
      assert.match(cli.read("keys.html"), /^<!doctype html>/);
    });

    it("prints JSON too with --json", async () => {
      const { out } = await cli.command("keys", "--html", "keys.html", "--json");
      assert.equal(JSON.parse(out).keys.length, 2);
      assert.match(cli.read("keys.html"), new RegExp(current.id));
    });
  });

  for (const [args, message] of [
    [["--force"], /--force was given, and there is no file/],
    [["--left"], /--left needs the stacks of this tenant/],
    [["--stack-export", "-", "-"], /"-" was given more than once/],
  ] as const) {
    it(`rejects ${args.join(" ")}`, async () => {
      await cli.assertFails(2, message, "keys", ...args);
      assert.deepEqual(fixture.log, []);
    });
  }

  it("fails if the exports are of another tenant", async () => {
    putExport();
    cli.environment["FLEXPRICE_API_KEY"] = fixture.emulator.createTenant().apiKey;
    await cli.assertFails(
      3,
      /^Could not compare the tenant with its stacks\.\n.*the exports hold resources of tenant/,
      "keys",
      ...STACK,
    );
  });
});
