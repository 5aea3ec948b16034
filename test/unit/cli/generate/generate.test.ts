import assert from "node:assert/strict";
import ts from "typescript";
import { DAY, START } from "../../fixture";
import { accountResource, exported, keyResource, pendingCreate, resource } from "../exported";
import { assertFits, CliFixture } from "../fixture";

describe("cli/generate", () => {
  const cli = CliFixture.forEachTest();
  const fixture = cli.server;

  const account = (name: string, roles?: string[]): string => cli.account(name, roles).id;
  const key = (owner: string, name: string, expiresAt?: Date) => cli.key(owner, name, expiresAt);
  /** The kinds of statements of a program, which must compile. */
  const statementsOf = (program: string) => {
    const { diagnostics } = ts.transpileModule(program, { reportDiagnostics: true });
    assert.deepEqual(diagnostics, []);
    const { statements } = ts.createSourceFile("index.ts", program, ts.ScriptTarget.ES2022);
    return statements.map(({ kind }) => ts.SyntaxKind[kind]);
  };
  /** The program after its header. */
  const body = (program: string) => program.slice(program.indexOf("\n\n") + 2);

  it("adopts an account", async () => {
    const id = account("ci-bot", ["event_reader", "event_ingestor", "event_reader"]);
    const { status, out, err } = await cli.command("generate");
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
      "The program: 1 service account to adopt, 0 API keys in comments that say what to do. Next: pulumi preview.\n",
    );
    assert.deepEqual(fixture.writes, []);
  });

  it("starts with instructions in comments", async () => {
    account("a");
    const { out } = await cli.command("generate");
    const lines = out.split("\n");
    assert.deepEqual(lines.slice(0, 2), [
      `// The service accounts of Flexprice tenant ${fixture.operator.tenantId}`,
      `// at ${fixture.emulator.url}, as they were at ${new Date(START + 1_000).toISOString()}.`,
    ]);
    assert.match(
      out,
      /^\/\/ API keys are in comments, because the value of a key cannot be read again\./m,
    );
    assert.match(out, /^import \* as flexprice from "pulumi-flexprice";$/m);
    assertFits(out, 100);
  });

  it("puts keys into comments that become their resources", async () => {
    const id = account("ci-bot");
    const expiresAt = new Date(START + 30 * DAY);
    const endless = key(id, 'the "old" one');
    fixture.clock.now += 1_000;
    const limited = key(id, "limited", expiresAt);
    const { out, err } = await cli.command("generate");
    assert.equal(
      body(out),
      `const accountCiBot = new flexprice.ServiceAccount("ci-bot", {
  roles: ["event_ingestor"],
  adopt: "${id}",
});
// API key "the \\"old\\" one", ${endless.displayId} (${endless.id}), created on 2026-11-24:
// new flexprice.ApiKey("the-old-one", {
//   serviceAccountId: accountCiBot.id,
//   adopt: {
//     id: "${endless.id}",
//     apiKey: config.requireSecret("${endless.id}"),
//   },
// });
// API key "limited", ${limited.displayId} (${limited.id}), created on 2026-11-24, expires ${limited.expiresAt}:
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
    assert.match(err, /1 service account to adopt, 2 API keys in comments/);
    for (const { value } of [endless, limited]) assert(!out.includes(value));
  });

  it("comments on keys that cannot be adopted, and omits keys of users", async () => {
    const id = account("a");
    key(id, "dead", new Date(START - DAY));
    key(fixture.operator.userId, "the operator's second");
    const archived = account("gone");
    const orphan = key(archived, "orphan");
    fixture.emulator.archiveAccount(archived);
    const { out, err } = await cli.command("generate");
    const comments = body(out).split("\n").slice(4);
    const patterns = [
      /^\/\/ API key "dead", .*: it has expired, and there is nothing to adopt\.$/,
      /^$/,
      /^\/\/ API keys of archived accounts\. They still work/,
      new RegExp(`^// - "orphan", .* \\(${orphan.id}\\), created on [-0-9]{10}, of ${archived}$`),
      /^$/,
    ];
    assert.equal(comments.length, patterns.length, out);
    for (const [i, pattern] of patterns.entries()) assert.match(String(comments[i]), pattern);
    assert.match(err, /2 API keys in comments/);
  });

  it("puts the name of an account into a comment if the logical name differs", async () => {
    const names = ["CI Bot (prod)", "", " \n ", "x".repeat(70), fixture.operator.apiKey, "same"];
    for (const name of names) account(name);
    const { out, err } = await cli.command("generate");
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
    assert.match(err, /6 service accounts to adopt, 0 API keys/);
    assert(!out.includes(fixture.operator.apiKey));
  });

  it("includes a key with a blank name", async () => {
    const { id } = key(account("a"), " ");
    const { out } = await cli.command("generate");
    assert.match(out, new RegExp(`^// API key " ", .*${id}.*:\n// new .*ApiKey\\("key", `, "m"));
  });

  describe("puts into a comment, with the reason,", () => {
    /** The comment of the only account. Without the comment signs, it must be a resource. */
    async function reason(name: string, roles?: string[]): Promise<string> {
      const id = account(name, roles);
      const { out, err } = await cli.command("generate");
      const [first = "", ...code] = body(out).trimEnd().split("\n");
      assert.match(out, /^export \{\};$/m);
      assert.match(err, /^The program: 0 service accounts to adopt, 1 in comments that say/);
      assert(code.every((line) => line.startsWith("// ")));
      assert.match(code.join("\n"), new RegExp(`adopt: "${id}",`));
      return first;
    }

    it("an account without a role", async () => {
      assert.match(await reason("a", []), /it has no role, and a ServiceAccount needs one\./);
    });

    it("an account with a role that the server no longer offers", async () => {
      assert.match(await reason("a", ["old\nrole"]), /Invalid role: old\\u\{a\}role\. Allowed/);
    });

    it("the account that the credential belongs to", async () => {
      cli.useAccount(["super_admin"]);
      const { out } = await cli.command("generate");
      assert.match(body(out), /^\/\/ Not adopted: the credential belongs to it/);
    });
  });

  it("gives every account a unique name, oldest first", async () => {
    const ids = [account("a b"), account("a-b"), account("a/b")];
    const { out } = await cli.command("generate");
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

  it("keeps names from becoming code", async () => {
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
    const { out } = await cli.command("generate");
    const resources = evil.map(() => "FirstStatement");
    assert.deepEqual(statementsOf(out), ["ImportDeclaration", ...resources]);
    // The same without the comment signs.
    const header = out.slice(0, -body(out).length);
    const uncommented =
      header.replaceAll(/^\/\/ (?=import \*|const config)/gm, "") +
      body(out).replaceAll(/^\/\/ (?=new|}\);| {2})/gm, "");
    assert.deepEqual(statementsOf(uncommented), [
      ...["ImportDeclaration", "ImportDeclaration", "FirstStatement"],
      ...evil.flatMap(() => ["FirstStatement", "ExpressionStatement"]),
    ]);
    assert.doesNotMatch(out, /[\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it("sets the given connection on its resources", async () => {
    key(account("a"), "k");
    const { emulator, operator } = fixture;
    cli.environment["FLEXPRICE_CONNECTIONS"] = JSON.stringify({
      eu: { apiKey: operator.apiKey, baseUrl: emulator.url },
    });
    const { out } = await cli.command("generate", "--connection", "eu");
    assert.match(out, /^ {2}connection: "eu",\n\}\);\n/m);
    assert.match(out, /^\/\/ {3}connection: "eu",\n\/\/ \}\);\n/m);
  });

  describe("warns that keys may be missing", () => {
    it("if the caller sees only its own keys", async () => {
      cli.useAccount(["super_admin"]);
      const { out } = await cli.command("generate");
      assert.match(
        out,
        /^\/\/ Keys may be missing here: only a super_admin user sees keys of others/m,
      );
    });

    it("if no environment is configured", async () => {
      cli.useToken(fixture.operator.accessToken);
      account("a");
      const { status, out } = await cli.command("generate");
      assert.equal(status, 0);
      assert.match(
        out,
        /^\/\/ Keys may be missing here: they could not be listed\. Flexprice answered 403/m,
      );
      assert.match(out, /adopt: /);
    });
  });

  describe("with --out", () => {
    const run = (...args: string[]) => cli.command("generate", "--out", "index.ts", ...args);

    it("writes the program to a file, and prints a summary", async () => {
      account("a");
      const { out: program } = await cli.command("generate");
      const { status, out, err } = await run();
      assert.deepEqual([status, out], [0, ""]);
      assert.equal(cli.read("index.ts"), program);
      assert.match(err, /^index\.ts: 1 service account to adopt/);
    });

    it("overwrites a file only with --force, and else fails before any request", async () => {
      cli.write("index.ts", "notes");
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.match(err, /index\.ts\.\n {2}Reason: the file exists\n/);
      assert.equal(cli.read("index.ts"), "notes");
      assert.deepEqual(fixture.log, []);
      assert.equal((await run("--force")).status, 0);
      assert.notEqual(cli.read("index.ts"), "notes");
    });

    it("does not overwrite a file that was created meanwhile", async () => {
      fixture.emulator.faults.decide = () => {
        cli.write("index.ts", "notes");
        return undefined;
      };
      const { status, err } = await run();
      assert.equal(status, 3);
      assert.match(err, /\n {2}Reason: the file exists\n/);
      assert.equal(cli.read("index.ts"), "notes");
    });

    it("reports why a file cannot be written", async () => {
      await cli.assertFails(
        3,
        /^Could not write .*folder\.ts\.\n {2}Reason: ENOENT: /,
        "generate",
        "--out",
        "no/such/folder.ts",
      );
    });
  });

  describe("with --stack-export", () => {
    it("omits and counts what a stack has, and keeps keys of its accounts that no stack has", async () => {
      const [full, held] = [cli.account("full"), cli.account("held")];
      const heldKey = key(held.id, "held");
      const byHand = key(held.id, "by hand");
      const free = account("free");
      const freeKey = key(free, "of dev");
      cli.writeExport("prod.json", [full, held].map(accountResource));
      cli.write("dev.json", exported([heldKey, freeKey].map((row) => keyResource(row))));
      const { status, out, err } = await cli.command(
        "generate",
        ...["--stack-export", "prod.json", "dev.json"],
      );
      assert.equal(status, 0);
      assert.equal(
        body(out),
        `new flexprice.ServiceAccount("free", {
  roles: ["event_ingestor"],
  adopt: "${free}",
});

// Of "held" (${held.id}), which a given stack has:
// API key "by hand", ${byHand.displayId} (${byHand.id}), created on 2026-11-24:
// new flexprice.ApiKey("by-hand", {
//   serviceAccountId: "${held.id}",
//   adopt: {
//     id: "${byHand.id}",
//     apiKey: config.requireSecret("${byHand.id}"),
//   },
// });
`,
      );
      const leftOut = "Left out: 2 service accounts and 2 API keys, which the given stacks have.";
      assert.ok(out.includes(`// ${leftOut}\n`));
      assert.equal(
        err,
        `warning: the program has 1 service account that may be newer than the state in dev.json. If its stack has created some of them since, export it again: two programs must not manage one account.
The program: 1 service account to adopt, 1 API key in comments that say what to do. ${leftOut} Next: pulumi preview.\n`,
      );
      assert.deepEqual(statementsOf(out), ["ImportDeclaration", "ExpressionStatement"]);
    });

    it("omits keys that a rotation left to expire", async () => {
      const held = cli.account("ci");
      const predecessor = key(held.id, "ci-7k3d9x2m4p", new Date(START + 10 * DAY));
      const current = key(held.id, "ci-8k3d9x2m4p", new Date(START + 90 * DAY));
      const state = keyResource(current, { onDelete: "expire", namePrefix: "ci" });
      cli.write("prod.json", exported([accountResource(held), state]));
      const { out, err } = await cli.command("generate", "--stack-export", "prod.json");
      assert(!out.includes(predecessor.id));
      assert.match(
        err,
        /Left out: 1 service account and 2 API keys, which the given stacks have\./,
      );
    });

    it("adopts nothing that an interrupted operation may have created", async () => {
      const [pendingAccount, other] = [cli.account("ci-7k3d9x2m4p"), cli.account("other")];
      const pending = [
        pendingCreate("ServiceAccount", { namePrefix: "ci", roles: pendingAccount.roles }),
        pendingCreate("ApiKey", { namePrefix: "k", serviceAccountId: "user_elsewhere" }),
      ];
      const itsKey = key(pendingAccount.id, "by hand");
      cli.write("prod.json", exported([], { pending_operations: pending }));
      const { out, err } = await cli.command("generate", "--stack-export", "prod.json");
      assert.match(
        out,
        /^\/\/ Not adopted: an interrupted operation of a given stack may have created it\. Run "pulumi up" there/m,
      );
      assert.match(out, new RegExp(`\\(${itsKey.id}\\), .*: an interrupted operation`));
      assert.match(out, new RegExp(`^ {2}adopt: "${other.id}",$`, "m"));
      assert.match(err, /1 service account to adopt, 1 in comments that say why not/);
    });

    it("rejects exports of another tenant", async () => {
      account("a");
      cli.write("prod.json", exported([resource("ServiceAccount", "user_1", { tenantId: "t" })]));
      await cli.assertFails(
        3,
        /Reason: the exports hold resources of tenant t, but the credential from .* tenant tenant_/,
        "generate",
        "--stack-export",
        "prod.json",
      );
    });

    it("rejects a file that is not an export, before any request", async () => {
      cli.write("prod.json", "{}");
      await cli.assertFails(
        3,
        /^Could not read the stack export prod\.json\./,
        "generate",
        "--stack-export",
        "prod.json",
      );
      assert.deepEqual(fixture.log, []);
    });

    it("rejects standard input that is given twice", async () => {
      await cli.assertFails(
        2,
        /"-" was given more than once/,
        "generate",
        "--stack-export",
        "-",
        "-",
      );
    });

    it("accepts a stack without resources", async () => {
      account("a");
      cli.write("new.json", exported([]));
      const { status, err } = await cli.command("generate", "--stack-export", "new.json");
      assert.equal(status, 0);
      assert.match(err, /Left out: 0 service accounts and 0 API keys, which the given stacks have/);
    });
  });

  describe("chooses accounts", () => {
    const namesOf = (program: string) =>
      [...program.matchAll(/^new flexprice.*\("(.*)", \{$/gm)].map(([, name]) => name);

    const patterns: Record<string, string[]> = {
      "ci-*": ["ci-bot", "ci-x"],
      "*-bot": ["ci-bot"],
      "ci*bot": ["ci-bot"],
      "*": ["ci-bot", "ci-x", "CI-x", "a.b"],
      "ci-bot": ["ci-bot"],
      "ci-bo": [],
      "a.b": ["a.b"],
      "c.-bot": [],
      "": [],
    };
    for (const [pattern, expected] of Object.entries(patterns)) {
      it(`whose name matches ${JSON.stringify(pattern)}`, async () => {
        for (const name of ["ci-bot", "ci-x", "CI-x", "a.b"]) account(name);
        const { out } = await cli.command("generate", `--name=${pattern}`);
        // A logical name for each, in the order of their age.
        assert.deepEqual(namesOf(out), expected);
      });
    }

    it("with a given role, and counts the others and their keys", async () => {
      const reader = account("ci-reader", ["event_reader"]);
      const both = account("ci-both", ["event_ingestor", "event_reader"]);
      const neither = account("neither");
      const [readers] = [key(reader, "r"), key(neither, "n"), key(neither, "n")];
      const archived = account("gone");
      key(archived, "orphan");
      fixture.emulator.archiveAccount(archived);
      const { out, err } = await cli.command("generate", "--role", "event_reader", "--name=ci*");
      for (const id of [reader, both, String(readers?.id)]) assert.ok(out.includes(id));
      for (const id of [neither, archived]) assert.ok(!out.includes(id));
      const leftOut =
        'Left out: 1 service account and 3 API keys, which do not match --name "ci*" and --role "event_reader".';
      assert.ok(out.includes(`// ${leftOut}\n`), out);
      assert.ok(err.includes(leftOut), err);
    });

    it("counting what a stack has apart from what does not match", async () => {
      const [held] = [cli.account("ci-held"), account("ci-free"), account("other")];
      cli.write("prod.json", exported([accountResource(held)]));
      const { out, err } = await cli.command(
        "generate",
        ...["--name", "ci-*", "--stack-export", "prod.json"],
      );
      assert.deepEqual(namesOf(out), ["ci-free"]);
      assert.match(err, /: 1 service account and 0 API keys, which the given stacks have\. Left/);
      assert.match(err, /: 1 service account and 0 API keys, which do not match --name "ci-\*"\. /);
    });
  });

  describe("with --component", () => {
    const generated = (...args: string[]) => cli.command("generate", "--component", ...args);
    const soon = new Date(START + 30 * DAY);

    it("declares a component for an account and its key", async () => {
      const id = account("ci-bot", ["event_reader"]);
      const adopted = key(id, "one", soon);
      const { out, err } = await generated();
      assert.equal(
        body(out),
        `new flexprice.ServiceIdentity("ci-bot", {
  roles: ["event_reader"],
  adopt: {
    serviceAccountId: "${id}",
    // API key "one", ${adopted.displayId} (${adopted.id}), created on 2026-11-24, expires ${adopted.expiresAt}:
    // key: { id: "${adopted.id}", apiKey: config.requireSecret("${adopted.id}") },
  },
});
`,
      );
      assert.match(err, /1 service account to adopt, 1 API key in comments that say what to do/);
      assert.match(out, /^\/\/ {3}line with "key:" and the two lines about "config" below:$/m);
    });

    it("compiles with and without its comments", async () => {
      for (const name of ["a", "b"]) key(account(name), "k", soon);
      const { out } = await generated();
      assert.deepEqual(statementsOf(out), [
        "ImportDeclaration",
        ...["ExpressionStatement", "ExpressionStatement"],
      ]);
      const uncommented = out.replace(/^( *)\/\/ (key:|import|const config)/gm, "$1$2");
      assert.deepEqual(statementsOf(uncommented), [
        ...["ImportDeclaration", "ImportDeclaration", "FirstStatement"],
        ...["ExpressionStatement", "ExpressionStatement"],
      ]);
      assert.equal(uncommented.match(/^ {4}key: \{ id: .*\},$/gm)?.length, 2);
    });

    it("explains why keys cannot be adopted", async () => {
      const id = account("a");
      const endless = key(id, "forever");
      const dead = key(id, "dead", new Date(START - DAY));
      const { out } = await generated();
      const comments = body(out).match(/^ {4}\/\/ .*$/gm);
      assert.deepEqual(comments, [
        "    // The component creates a key, because none can be adopted.",
        `    // API key "forever", ${endless.displayId} (${endless.id}), created on 2026-11-24:`,
        "    // it never expires, so a component cannot adopt it. A ServiceAccount with an ApiKey can.",
        `    // API key "dead", ${dead.displayId} (${dead.id}), created on 2026-11-24, expires ${dead.expiresAt}:`,
        "    // it has expired, and there is nothing to adopt.",
      ]);
    });

    it("offers a choice between several keys", async () => {
      const id = account("a");
      const ids = [key(id, "one", soon), key(id, "two", soon)].map((row) => row.id);
      const { out } = await generated();
      assert.match(out, /^ {4}\/\/ It adopts one key: the one that its service uses\./m);
      const offered = [...out.matchAll(/^ {4}\/\/ key: \{ id: "(.*?)"/gm)].map(
        ([, offeredId]) => offeredId,
      );
      assert.deepEqual(offered, ids);
    });

    it("adopts no account whose key another stack has, because a destroy would revoke that key", async () => {
      const id = account("a");
      const managed = key(id, "managed", soon);
      cli.write("prod.json", exported([keyResource(managed)]));
      const { out, err } = await generated("--stack-export", "prod.json");
      assert.match(
        out,
        new RegExp(
          `^// Not adopted: a given stack has its key ${managed.id}, which a destroy`,
          "m",
        ),
      );
      assert.match(err, /0 service accounts to adopt, 1 in comments that say why not/);
      assert.deepEqual(statementsOf(out), ["ExportDeclaration"]);
    });

    it("sets the given connection on its resources", async () => {
      account("a");
      const { FLEXPRICE_BASE_URL: baseUrl, FLEXPRICE_API_KEY: apiKey } = cli.environment;
      cli.environment["FLEXPRICE_CONNECTIONS"] = JSON.stringify({ eu: { baseUrl, apiKey } });
      const { out } = await generated("--connection", "eu");
      assert.match(body(out), /^ {2}\},\n {2}connection: "eu",\n\}\);$/m);
    });
  });

  it("fails with the server's error", async () => {
    cli.environment["FLEXPRICE_API_KEY"] = "sk_nobody_knows_it";
    const err = await cli.assertFails(
      3,
      /^Could not find out who the credential belongs to\.\n {2}Reason: Flexprice answered 401/,
      "generate",
    );
    assert(!err.includes("sk_nobody"));
  });

  it("shows its progress on a terminal", async () => {
    cli.onTerminal(80);
    cli.isSlow = true;
    const { err } = await cli.command("generate", "--no-stack");
    const steps = ["Asking who the credential belongs to …", "Listing the service accounts …"];
    const shown = err.split("\r\u001b[K").filter((line) => line.endsWith(" …"));
    assert.deepEqual(shown, ["Reading the stack's config …", ...steps, "Listing the API keys …"]);
  });
});
