import assert from "node:assert/strict";
import { join } from "node:path";
import ts from "typescript";
import { DAY, START, UnitFixture } from "../fixture";
import { TestShell } from "./command-context";

describe("cli/generate", () => {
  let fixture: UnitFixture;
  let shell: TestShell;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new TestShell(fixture);
  });
  afterEach(async () => {
    shell.dispose();
    await fixture.stop();
  });

  const account = (name: string, roles: string[] = ["event_ingestor"]): string => {
    // Ids of the same millisecond have no order.
    fixture.clock.now += 1_000;
    return fixture.emulator.createAccount(fixture.operator.tenantId, { name, roles }).id;
  };
  const key = (owner: string, name: string, expiresAt?: Date) =>
    fixture.emulator.createKey(owner, fixture.operator.environmentId, {
      name,
      ...(expiresAt && { expiresAt }),
    });
  /** Of a program that a compiler takes. */
  const statementsOf = (program: string) => {
    const { diagnostics } = ts.transpileModule(program, { reportDiagnostics: true });
    assert.deepEqual(diagnostics, []);
    const { statements } = ts.createSourceFile("index.ts", program, ts.ScriptTarget.ES2022);
    return statements.map(({ kind }) => ts.SyntaxKind[kind]);
  };
  /** The program behind its header. */
  const body = (program: string) => program.slice(program.indexOf("\n\n") + 2);

  it("takes an account over as it is", async () => {
    const id = account("ci-bot", ["event_reader", "event_ingestor", "event_reader"]);
    const { status, out, err } = await shell.command("generate");
    assert.equal(status, 0);
    assert.equal(
      body(out),
      `new flexprice.ServiceAccount("ci-bot", {
  roles: ["event_ingestor", "event_reader"],
  adopt: "${id}",
});
`,
    );
    assert.equal(
      err,
      "The program: 1 service account to take over, 0 API keys in comments that say what to do. Next: pulumi preview.\n",
    );
    assert.deepEqual(fixture.writes, []);
  });

  it("begins with what it is and what to do", async () => {
    account("a");
    const { out } = await shell.command("generate");
    const lines = out.split("\n");
    assert.deepEqual(lines.slice(0, 2), [
      `// The service accounts of Flexprice tenant ${fixture.operator.tenantId}`,
      `// at ${fixture.emulator.url}, as they were at ${new Date(START + 1_000).toISOString()}.`,
    ]);
    assert.match(
      out,
      /^\/\/ API keys stand in comments, because a key's value cannot be read back\./m,
    );
    assert.match(out, /^import \* as flexprice from "pulumi-flexprice";$/m);
    const long = lines.filter((line) => line.length > 100);
    assert.deepEqual(long, []);
  });

  it("shows keys in comments that become their resources", async () => {
    const id = account("ci-bot");
    const expiresAt = new Date(START + 30 * DAY);
    const forever = key(id, 'the "old" one');
    fixture.clock.now += 1_000;
    const limited = key(id, "limited", expiresAt);
    const { out, err } = await shell.command("generate");
    assert.equal(
      body(out),
      `const accountCiBot = new flexprice.ServiceAccount("ci-bot", {
  roles: ["event_ingestor"],
  adopt: "${id}",
});
// API key "the \\"old\\" one", ${forever.displayId} (${forever.id}), made on 2026-11-24:
// new flexprice.ApiKey("the-old-one", {
//   serviceAccountId: accountCiBot.id,
//   adopt: {
//     id: "${forever.id}",
//     apiKey: config.requireSecret("${forever.id}"),
//   },
// });
// API key "limited", ${limited.displayId} (${limited.id}), made on 2026-11-24, expires ${limited.expiresAt}:
// new flexprice.ApiKey("limited", {
//   serviceAccountId: accountCiBot.id,
//   expiresAt: "${limited.expiresAt}",
//   adopt: {
//     id: "${limited.id}",
//     apiKey: config.requireSecret("${limited.id}"),
//   },
// });
`,
    );
    assert.match(err, /1 service account to take over, 2 API keys in comments/);
    for (const { value } of [forever, limited]) assert(!out.includes(value));
  });

  it("says which keys cannot be taken over, and leaves those of users out", async () => {
    const id = account("a");
    key(id, "dead", new Date(START - DAY));
    key(fixture.operator.userId, "the operator's second");
    const archived = account("gone");
    const stray = key(archived, "stray");
    fixture.emulator.archiveAccount(archived);
    const { out, err } = await shell.command("generate");
    const comments = body(out).split("\n").slice(4);
    const patterns = [
      /^\/\/ API key "dead", .*, has expired: nothing is left to take over\.$/,
      /^$/,
      /^\/\/ API keys of accounts that are archived\. They work all the same/,
      new RegExp(`^// - "stray", .* \\(${stray.id}\\), made on [-0-9]{10}, of ${archived}$`),
      /^$/,
    ];
    assert.equal(comments.length, patterns.length, out);
    for (const [i, pattern] of patterns.entries()) assert.match(String(comments[i]), pattern);
    assert.match(err, /2 API keys in comments/);
  });

  it("says what an account is called, where the resource is called otherwise", async () => {
    const names = ["CI Bot (prod)", "", " \n ", "x".repeat(70), fixture.operator.apiKey, "same"];
    for (const name of names) account(name);
    const { out, err } = await shell.command("generate");
    const found = [...body(out).matchAll(/(?:^\/\/ (.*)\n)?^new .*\("(.*)"/gm)];
    assert.deepEqual(
      found.map(([, comment, logical]) => [logical, comment]),
      [
        ["CI-Bot-prod", '"CI Bot (prod)":'],
        ["account", "Without a name:"],
        ["account-2", '" \\n ":'],
        ["x".repeat(60), `"${"x".repeat(59)}…":`],
        ["redacted", '"[redacted]":'],
        ["same", undefined],
      ],
    );
    assert.match(err, /6 service accounts to take over, 0 API keys/);
    assert(!out.includes(fixture.operator.apiKey));
  });

  it("calls a resource after the prefix of a unique name, and says the name", async () => {
    account("billing-7k3d9x2m4p");
    account("api-management");
    const { out } = await shell.command("generate");
    assert.match(out, /^\/\/ "billing-7k3d9x2m4p":\nnew flexprice\.ServiceAccount\("billing", /m);
    assert.match(out, /^\nnew flexprice\.ServiceAccount\("api-management", /m);
  });

  it("shows a key with any name", async () => {
    const { id } = key(account("a"), " ");
    const { out } = await shell.command("generate");
    assert.match(out, new RegExp(`^// API key " ", .*${id}.*:\n// new .*ApiKey\\("key", `, "m"));
  });

  describe("leaves in a comment, with the reason,", () => {
    /** The comment of the only account, whose text must be a resource once the signs are off. */
    async function reason(name: string, roles?: string[]): Promise<string> {
      const id = account(name, roles);
      const { out, err } = await shell.command("generate");
      const [first = "", ...code] = body(out).trimEnd().split("\n");
      assert.match(out, /^export \{\};$/m);
      assert.match(err, /^The program: 0 service accounts to take over, 1 in a comment that says/);
      assert(code.every((line) => line.startsWith("// ")));
      assert.match(code.join("\n"), new RegExp(`adopt: "${id}",`));
      return first;
    }

    it("one without a role", async () => {
      assert.match(await reason("a", []), /it has no role, and a ServiceAccount needs one\./);
    });

    it("one with a role that the server no longer offers", async () => {
      assert.match(await reason("a", ["old\nrole"]), /Invalid role: old\\u\{a\}role\. Allowed/);
    });

    it("the one that the credential belongs to", async () => {
      const { credential } = fixture.accountWithKey(["super_admin"], "me");
      shell.environment["FLEXPRICE_API_KEY"] = credential.value;
      const { out } = await shell.command("generate");
      assert.match(body(out), /^\/\/ Not taken over: the credential that was used acts for it/);
    });
  });

  it("gives every account its own name, in the order of creation", async () => {
    const ids = [account("a b"), account("a-b"), account("a/b")];
    const { out } = await shell.command("generate");
    const found = [...out.matchAll(/ServiceAccount\("(.*)", \{[^}]*adopt: "(.*)"/g)];
    assert.deepEqual(
      found.map(([, name, id]) => [name, id]),
      [
        ["a-b", ids[0]],
        ["a-b-2", ids[1]],
        ["a-b-3", ids[2]],
      ],
    );
  });

  it("lets no name become a part of the program", async () => {
    const evil = [
      '"); throw 1; ("',
      "\n*/ throw 1; /*",
      "\u2028throw 1",
      "\u0024{throw 1}",
      "\\",
      "\u202e\u2066evil\u2069",
      "// @ts-ignore",
    ];
    for (const name of evil) key(account(name), name);
    const { out } = await shell.command("generate");
    const resources = evil.map(() => "FirstStatement");
    assert.deepEqual(statementsOf(out), ["ImportDeclaration", ...resources]);
    // The same where the signs are off.
    const header = out.slice(0, -body(out).length);
    const bared =
      header.replaceAll(/^\/\/ (?=import \*|const config)/gm, "") +
      body(out).replaceAll(/^\/\/ (?=new|}\);| {2})/gm, "");
    assert.deepEqual(statementsOf(bared), [
      ...["ImportDeclaration", "ImportDeclaration", "FirstStatement"],
      ...evil.flatMap(() => ["FirstStatement", "ExpressionStatement"]),
    ]);
    assert.doesNotMatch(out, /[\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it("names the connection that it was given", async () => {
    key(account("a"), "k");
    const { emulator, operator } = fixture;
    shell.environment["FLEXPRICE_CONNECTIONS"] = JSON.stringify({
      eu: { apiKey: operator.apiKey, baseUrl: emulator.url },
    });
    const { out } = await shell.command("generate", "--connection", "eu");
    assert.match(out, /^ {2}connection: "eu",\n\}\);\n/m);
    assert.match(out, /^\/\/ {3}connection: "eu",\n\/\/ \}\);\n/m);
  });

  it("finds 1,001 accounts on two pages", async () => {
    for (let i = 0; i < 1_001; i++) account(`a${i}`);
    const { out, err } = await shell.command("generate");
    assert.equal(out.match(/^ {2}adopt: /gm)?.length, 1_001);
    assert.equal(new Set(out.match(/^ {2}adopt: .*$/gm)).size, 1_001);
    assert.match(err, /1001 service accounts to take over/);
    assert.equal(fixture.log.filter((line) => line === "POST /users/search").length, 2);
  });

  describe("says that keys may be missing", () => {
    it("where the caller sees its own only", async () => {
      const { credential } = fixture.accountWithKey(["super_admin"]);
      shell.environment["FLEXPRICE_API_KEY"] = credential.value;
      const { out } = await shell.command("generate");
      assert.match(
        out,
        /^\/\/ Keys may be missing here: only a super_admin user sees keys of others/m,
      );
    });

    it("where no environment is named", async () => {
      delete shell.environment["FLEXPRICE_API_KEY"];
      shell.environment["FLEXPRICE_ACCESS_TOKEN"] = fixture.operator.accessToken;
      account("a");
      const { status, out } = await shell.command("generate");
      assert.equal(status, 0);
      assert.match(
        out,
        /^\/\/ Keys may be missing here: they could not be listed\. Flexprice answered 403/m,
      );
      assert.match(out, /adopt: /);
    });
  });

  describe("to a file", () => {
    const run = (...args: string[]) => shell.command("generate", "--out", "index.ts", ...args);

    it("writes the same, and says so", async () => {
      account("a");
      const { out: program } = await shell.command("generate");
      const { status, out, err } = await run();
      assert.deepEqual([status, out], [0, ""]);
      assert.equal(shell.read("index.ts"), program);
      assert.match(err, /^index\.ts: 1 service account to take over/);
    });

    it("does not overwrite one, and asks nothing for it", async () => {
      shell.write("index.ts", "mine");
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.equal(
        err,
        `Could not write ${join(shell.directory, "index.ts")}.\n  Reason: the file exists\n  What to do: name another file, or give --force to overwrite it.\n`,
      );
      assert.equal(shell.read("index.ts"), "mine");
      assert.deepEqual(fixture.log, []);
      assert.equal((await run("--force")).status, 0);
      assert.notEqual(shell.read("index.ts"), "mine");
    });

    it("does not overwrite one that has come meanwhile", async () => {
      fixture.emulator.faults.decide = () => {
        shell.write("index.ts", "mine");
        return undefined;
      };
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.match(err, /\n {2}Reason: the file exists\n/);
      assert.equal(shell.read("index.ts"), "mine");
    });

    it("says why one cannot be written", async () => {
      const { status, err } = await shell.command("generate", "--out", "no/such/folder.ts");
      assert.equal(status, 3);
      assert.match(err, /^Could not write .*folder\.ts\.\n {2}Reason: ENOENT: /);
    });
  });

  it("fails with what the server says", async () => {
    shell.environment["FLEXPRICE_API_KEY"] = "sk_nobody_knows_it";
    const { status, out, err } = await shell.command("generate");
    assert.deepEqual([status, out], [3, ""]);
    assert.match(
      err,
      /^Could not find out who the credential belongs to\.\n {2}Reason: Flexprice answered 401/,
    );
    assert(!err.includes("sk_nobody"));
  });

  it("shows on a terminal what it waits for", async () => {
    shell.onTerminal(80);
    const { err } = await shell.command("generate");
    const steps = ["Asking who the credential belongs to …", "Listing the service accounts …"];
    assert.deepEqual(err.split("\r\u001b[K").slice(0, 4), ["", ...steps, "Listing the API keys …"]);
  });
});
