import assert from "node:assert/strict";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import { DAY, SECOND } from "../fixture";
import { exported, keyResource } from "./exported";
import { CliFixture } from "./fixture";

describe("cli/revoke", () => {
  const cli = CliFixture.forEachTest();
  const fixture = cli.server;
  let account: EmulatedUser;
  let key: EmulatedKey;
  beforeEach(() => {
    account = cli.account("ingestor");
    key = cli.key(account.id, "ingestor-7k3d9x2m4p", new Date(fixture.clock.now + 90 * DAY));
    fixture.clock.now += 29 * DAY;
  });

  const revoke = (...args: string[]) => cli.command("revoke", key.id, "--yes", ...args);
  const isRevoked = ({ id } = key) =>
    fixture.emulator.keys().find((row) => row.id === id)?.status === "deleted";
  /** Makes the folder a project whose selected stack has these resources. */
  function select(...resources: Parameters<typeof exported>[0]): void {
    cli.configure({ apiKey: fixture.operator.apiKey, baseUrl: fixture.emulator.url });
    cli.programs.set("pulumi stack export", { stdout: exported(resources) });
  }
  const asOneLine = (text: string) => text.replace(/\s+/g, " ");

  it("shows the key, revokes only this one, and checks that it is gone", async () => {
    cli.key(account.id, "other");
    const { status, out } = await revoke();
    assert.equal(status, 0);
    assert.equal(
      out,
      `ingestor-7k3d9x2m4p  ${key.displayId}  ${key.id}
  of service account "ingestor" (${account.id}), in tenant ${account.tenantId} at ${fixture.emulator.url}
  event_ingestor, created 29d ago, expires in 60d
  no stack was looked at

Revoked ${key.id}. The server no longer lists it. If it was used in the last two minutes, it can work until 08:02:03 UTC, because the server caches keys for two minutes.
`,
    );
    assert.deepEqual(fixture.writes, [`DELETE /secrets/api/keys/${key.id}`]);
    assert.match(String(fixture.log.at(-1)), new RegExp(`^GET /secrets/api/keys?.*${account.id}`));
  });

  it("warns that it looked at no stack, and why", async () => {
    const { err } = await revoke();
    assert.match(
      err,
      /^warning: no stack was looked at, because there is no Pulumi project here\. A stack may hold this key, /,
    );
  });

  describe("the question", () => {
    it("revokes the key after yes", async () => {
      cli.onTerminal(80, "yes\n");
      const { status, err } = await cli.command("revoke", key.id);
      assert.equal(status, 0);
      assert(isRevoked());
      assert.match(
        asOneLine(err),
        new RegExp(
          `This will revoke ${key.id}\\. Anything that uses it stops working, and it cannot be restored\\. No stack was looked at\\. Type "yes" to revoke it: `,
        ),
      );
    });

    it("changes nothing after any other answer", async () => {
      cli.onTerminal(80, "y\n");
      const { status, err } = await cli.command("revoke", key.id);
      assert.deepEqual([status, isRevoked()], [1, false]);
      assert.match(err, /Nothing was changed\.\n$/);
      assert.deepEqual(fixture.writes, []);
    });

    it("is not asked without a terminal, which requires --yes", async () => {
      await cli.assertFails(2, /there is no terminal on which to ask.*\n.*--yes/, "revoke", key.id);
      assert.deepEqual(fixture.log, []);
    });

    for (const columns of [60, 80]) {
      it(`fits ${columns} columns`, async () => {
        select(keyResource(key, { onDelete: "expire" }));
        cli.onTerminal(columns, "yes\n");
        const { out, err } = await cli.command("revoke", key.id);
        const lines = `${out}${err}`.replaceAll("\u001b[K", "").split(/[\n\r]/);
        assert.deepEqual(
          lines.filter((line) => line.length > columns && !line.includes(key.id)),
          [],
        );
      });
    }
  });

  describe("with the state of a stack", () => {
    it("shows that the key is the current one of a resource, and what to run next", async () => {
      select(keyResource(key));
      const { out, err } = await revoke();
      assert.match(out, new RegExp(`\\n {2}the current key of "${key.id}" in shop/prod\\n`));
      assert.match(err, /^warning: a stack gives this key to its consumers\./);
      assert.match(
        out,
        new RegExp(
          `\\n- shop/prod: run "pulumi up --refresh"\\. It notices that the key of "${key.id}" is gone, creates another, and updates what uses it\\. It waits for up to two minutes if the key was in use\\. Without --refresh, "pulumi up" does not notice\\.\\n$`,
        ),
      );
    });

    it("lists the keys of earlier rotations, which no state lists after the next rotation", async () => {
      const predecessor = cli.key(account.id, "before");
      const predecessors = [{ id: predecessor.id, expiresAt: String(key.expiresAt) }];
      select(keyResource(key, { predecessors }));
      cli.write("a.json", exported([keyResource(key, { predecessors })]));
      assert.match(
        (await revoke("--stack-export", "a.json")).out,
        new RegExp(
          `does not list the keys that earlier rotations left .*, revoke it: ${predecessor.id}\\.\\n$`,
        ),
      );
      assert(!isRevoked(predecessor));
    });

    it("prefers the selected stack to an older export of it", async () => {
      const { urn } = keyResource(key);
      const predecessors = [{ id: key.id, expiresAt: String(key.expiresAt) }];
      select({ ...keyResource(cli.key(account.id, "next"), { predecessors }), urn });
      cli.write("old.json", exported([keyResource(key)]));
      const { out } = await revoke("--stack-export", "old.json");
      assert.doesNotMatch(out, /To end one now/);
      assert.match(out, /nothing to do\. The current key of "secret_\w+" is another/);
    });

    it("tells to remove adopt if the program adopts the key", async () => {
      select(keyResource(key, { adoptedId: key.id }));
      assert.match(
        (await revoke()).out,
        /If the program still has "adopt" for it, remove that first: a key that is revoked cannot/,
      );
    });

    it("warns that a refresh does not notice yet that a young key is gone", async () => {
      key = cli.key(account.id, "young");
      select(keyResource(key));
      assert.match((await revoke()).out, /A refresh only notices this once the key is ten minutes/);
      key = cli.key(account.id, "old");
      select(keyResource(key));
      fixture.passReplicaLag();
      assert.doesNotMatch((await revoke()).out, /ten minutes/);
    });

    it("shows that a rotation left the key to expire, and that there is nothing to do", async () => {
      const current = cli.key(account.id, "current");
      const predecessors = [{ id: key.id, expiresAt: String(key.expiresAt) }];
      select(keyResource(current, { predecessors }));
      const { out, err } = await revoke();
      assert.equal(err, "");
      assert.match(out, /\n {2}left to expire by a rotation of "secret_\w+" in shop\/prod\n/);
      assert.match(
        out,
        /\n- shop\/prod: nothing to do\. The current key of "secret_\w+" is another/,
      );
    });

    it("shows that the next up deletes the resource", async () => {
      select({ ...keyResource(key), delete: true });
      const { out } = await revoke();
      assert.match(out, /an old key of .*, which the next up deletes/);
      assert.match(
        out,
        /the next "pulumi up" removes the old resource of "secret_\w+" from the st/,
      );
    });

    it("shows that the program only reads the key", async () => {
      select({ ...keyResource(key), external: true });
      const { out } = await revoke();
      assert.match(out, /read by "secret_\w+" in shop\/prod, which does not manage it/);
      assert.match(out, /Its next "pulumi up" fails, until the program has the id of another key/);
    });

    it("tells how to replace a key whose value the state lacks, because a refresh would fail", async () => {
      select(keyResource(key, { apiKey: undefined }));
      const { out } = await revoke();
      assert.match(
        out,
        /does not have the key's value, so a refresh cannot prove .* fails\. Create/,
      );
      assert.match(
        out,
        /"pulumi up --replace", and this URN: urn:pulumi:prod::shop::pulumi-nodejs/,
      );
    });

    it("shows that no given state has the key", async () => {
      select();
      cli.write("a.json", exported([keyResource(cli.key(account.id, "other"))]));
      const { out, err } = await revoke("--stack-export", "a.json");
      assert.match(out, /\n {2}in no state of an empty stack, shop\/prod\n/);
      assert.equal(err, "");
    });

    it("exports the stack that --stack names, with encrypted secrets", async () => {
      select(keyResource(key));
      await revoke("--stack", "prod");
      assert.deepEqual(
        cli.ran.filter((line) => line.startsWith("pulumi stack")),
        ["pulumi stack export --non-interactive --color never --stack prod"],
      );
    });

    it("shows a stack once that is also given as a file", async () => {
      select(keyResource(key));
      cli.write("a.json", exported([keyResource(key)]));
      const { out } = await revoke("--stack-export", "a.json");
      assert.equal(out.split("the current key of").length, 2);
    });
  });

  describe("revokes the key, and warns, if the stack's state cannot be read because", () => {
    for (const [what, result, reason] of [
      ["no stack is selected", { status: 255, stderr: "error: no stack selected" }, "no stack is"],
      ["the CLI fails", { status: 255, stderr: "error: \u001b[2Jlocked" }, "status 255: error: "],
      ["its output is not an export", { stdout: "{}" }, "it is JSON, but not a stack's export"],
      ["there is no CLI", undefined, "there is no pulumi CLI on the PATH"],
    ] as const) {
      it(what, async () => {
        cli.write("Pulumi.yaml", "name: shop\nruntime: nodejs\n");
        if (result !== undefined) {
          cli.programs.set("pulumi config", { stdout: "{}" });
          cli.programs.set("pulumi stack export", result);
        }
        const { status, err } = await revoke();
        assert.deepEqual([status, isRevoked()], [0, true]);
        assert(err.startsWith(`warning: no stack was looked at, because `), err);
        assert(err.includes(reason), err);
        assert(!err.includes("\u001b"));
      });
    }

    it("of --no-stack, although an export is given", async () => {
      cli.write("a.json", exported([keyResource(key)]));
      const { out, err } = await revoke("--stack-export", "a.json", "--no-stack");
      assert.match(out, /the current key of/);
      assert.match(err, /the selected stack was not looked at: --no-stack was given/);
    });
  });

  describe("rejects, without a change,", () => {
    const assertRejected = async (
      id: string,
      status: number,
      message: RegExp,
      ...args: string[]
    ) => {
      const result = await cli.command("revoke", id, "--yes", ...args);
      assert.equal(result.status, status, result.err);
      assert.match(result.err, message);
      assert.deepEqual(fixture.writes, []);
      assert(!result.err.includes(key.value));
    };

    it("the value of a key, which it does not print", async () => {
      await assertRejected(
        key.value,
        2,
        /^Could not revoke an API key\.\n {2}Reason: this is the value of a key, not its id\n.*look for sk_01\*\*\*/,
      );
      assert.deepEqual(fixture.log, []);
    });

    for (const id of ["user_01JGFJJZZ859W94MHA3429NM3G", "sk_01***NP", "secret_../x", ""]) {
      it(`"${id}", which is not a key's id`, async () => {
        await assertRejected(id, 2, /is not the id of a key, which is like secret_/);
        assert.deepEqual(fixture.log, []);
      });
    }

    it("a key that does not exist, is revoked, or is publishable", async () => {
      const publishable = fixture.emulator.createKey(account.id, fixture.operator.environmentId, {
        name: "p",
        type: "publishable_key",
      });
      fixture.emulator.revokeKey(key.id);
      fixture.passReplicaLag();
      for (const id of ["secret_01JGFJJZZ86S8ZYV050ZAQV38V", key.id, publishable.id]) {
        await assertRejected(
          id,
          3,
          /sees no key with this id\. The key is revoked already, or publishable, or of another environment or tenant\.\n/,
        );
      }
    });

    it("a young key that a read replica may not have yet", async () => {
      const { id } = cli.key(account.id, "young");
      fixture.emulator.revokeKey(id);
      await assertRejected(id, 3, /created less than ten minutes ago, so a read replica may not/);
    });

    it("a key of others unless the caller is a super_admin user", async () => {
      const own = cli.useAccount(["super_admin"]);
      await assertRejected(
        key.id,
        3,
        new RegExp(`or of another owner than service_account ${own}: only a super_admin user sees`),
      );
    });

    it("the key of its own credential", async () => {
      const own = String(fixture.emulator.keys()[0]?.id);
      await assertRejected(
        own,
        3,
        /seems to be the operator's own credential, from .*FLEXPRICE_API_KEY\n.*create another key for the operator/,
      );
    });

    it("the key of its own credential, even if the keys of its owner cannot be listed", async () => {
      const own = String(fixture.emulator.keys()[0]?.id);
      fixture.emulator.faults.decide = ({ path }) =>
        path.includes("user_id=") ? { kind: "status", status: 403, when: "before" } : undefined;
      await assertRejected(own, 3, /seems to be the operator's own credential/);
    });

    it("a key that a state shows to be of another tenant", async () => {
      cli.write("a.json", exported([keyResource({ ...key, tenantId: "tenant_2" })]));
      const message = /Reason: it belongs to tenant tenant_2, but the credential/;
      await assertRejected(key.id, 3, message, "--stack-export", "a.json");
    });

    it("a key that a state shows to be of another environment", async () => {
      const { accessToken, environmentId } = fixture.operator;
      cli.useToken(accessToken, environmentId);
      cli.write("a.json", exported([keyResource(key, { environmentId: "env_2" })]));
      const message = /Reason: it belongs to environment env_2, the settings name env_/;
      await assertRejected(key.id, 3, message, "--stack-export", "a.json");
    });

    it("an unreadable export", async () => {
      await assertRejected(
        key.id,
        3,
        /read the stack export nope\.json/,
        "--stack-export",
        "nope.json",
      );
    });
  });

  it("revokes a user's key with an access token", async () => {
    const { accessToken, environmentId, userId } = fixture.operator;
    cli.useToken(accessToken, environmentId);
    key = cli.key(userId, "laptop");
    const { status, out, err } = await revoke();
    assert.deepEqual([status, isRevoked()], [0, true]);
    assert.match(out, new RegExp(`\\n {2}of user ${userId}, in tenant`));
    assert.match(err, /^warning: it is the key of a user\. .* Replace it there first\.$/m);
  });

  it("sends the request again if its response is lost", async () => {
    fixture.fault({ kind: "reset" }, "after", { match: { method: "DELETE" } });
    assert.equal((await revoke()).status, 0);
    assert.deepEqual(fixture.writes.length, 2);
  });

  it("waits while the list still has the key", async () => {
    let lists = 0;
    fixture.emulator.faults.decide = ({ method, path }) => {
      // The first list finds the key; the next two come from a replica that lags behind.
      if (method === "DELETE") lists = 1;
      if (method !== "GET" || !path.includes(`user_id=${account.id}`) || lists > 2)
        return undefined;
      lists += 1;
      const item = {
        ...{ id: key.id, name: key.name, type: "private_key", status: "published" },
        ...{ user_id: account.id, created_at: key.createdAt.toISOString() },
      };
      const body = { items: [item], pagination: { total: 1, limit: 1, offset: 1 } };
      return { kind: "status", status: 200, body, when: "before" };
    };
    const start = fixture.clock.now;
    assert.equal((await revoke()).status, 0);
    assert.equal(Math.round((fixture.clock.now - start) / SECOND), 2);
  });

  it("fails if the list never drops the key", async () => {
    fixture.fault({ kind: "status", status: 204 }, "before", { match: { method: "DELETE" } });
    const { status, err } = await revoke();
    assert.equal(status, 3);
    assert.match(err, /the server has confirmed it, but the list still has the key/);
    assert.equal(isRevoked(), false);
  });

  it("reports the confirmed revocation if only the list fails afterwards", async () => {
    fixture.emulator.faults.decide = ({ method, path }) =>
      method === "GET" && path.includes("user_id=")
        ? { kind: "status", status: 500, when: "before" }
        : undefined;
    const { status, err } = await revoke();
    assert.deepEqual([status, isRevoked()], [3, true]);
    assert.match(
      err,
      /Reason: the server has confirmed it, but .* 500.*\n.*look for the key in a min/,
    );
  });

  it("tells how to check the key if the repeated request does not find it", async () => {
    const missing = { code: "not_found", message: "Secret not found", http_status_code: 404 };
    let deletes = 0;
    fixture.emulator.faults.decide = ({ method }) => {
      if (method !== "DELETE") return undefined;
      deletes += 1;
      if (deletes === 1) return { kind: "reset", when: "after" };
      return { kind: "status", status: 404, body: missing, when: "before" };
    };
    const { status, err } = await revoke();
    assert.deepEqual([status, isRevoked()], [3, true]);
    assert.match(
      err,
      /404 not_found: Secret not found .*\n.*look for the key in a minute, with "npx/,
    );
  });
});
