import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credential, type ProcessOptions, reasons, token, UnitFixture } from "../unit/fixture";
import { CHECKOUT, type Page, parsePage, readPage } from "./page";

/** Messages that consist of several texts, and how to provoke them. */
const PROVOKED: Readonly<Record<string, (fixture: UnitFixture) => Promise<string>>> = {
  "Invalid role: …. Allowed roles: …": async (fixture) => {
    const inputs = { name: "ci", roles: ["event_ingestr"] };
    return reasons(await fixture.process().accounts.check({}, inputs)).join();
  },
  "Flexprice answered 401: Unauthorized": (fixture) =>
    refusalOf(fixture, { credential: credential("sk_01WRONG") }),
  "Flexprice answered 401: Invalid token": (fixture) =>
    refusalOf(fixture, { credential: token("eyJ.expired.token") }),
  "Access denied: Invalid or inaccessible environment": (fixture) =>
    refusalOf(fixture, {
      credential: token(fixture.operator.accessToken),
      environmentId: "env_of_somebody_else",
    }),
  "Cannot find module 'pulumi-flexprice/runtime'": async () => {
    // As the `__provider` in a state does if the program does not have the package.
    const requireElsewhere = createRequire(join(tmpdir(), "program.js"));
    try {
      requireElsewhere("pulumi-flexprice/runtime");
      return "";
    } catch (error) {
      return messageOf(error);
    }
  },
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function refusalOf(fixture: UnitFixture, options: ProcessOptions): Promise<string> {
  const caller = fixture.process(options).connection.caller();
  return await caller.then(() => "", messageOf);
}

describe("messages in documents", () => {
  it("come from the provider or the server: docs/troubleshooting.md", () => {
    const messages = messagesOf(readPage("docs/troubleshooting.md"));
    assert.notEqual(messages.length, 0);
    assert.deepEqual(
      messages.filter((message) => !(message in PROVOKED) && !isIn(message, texts())),
      [],
    );
  });

  for (const [message, provoke] of Object.entries(PROVOKED)) {
    it(`appear as documented: ${message}`, async () => {
      const fixture = await UnitFixture.start();
      const shown = await provoke(fixture).finally(() => fixture.stop());
      assert.ok(isIn(message, [shown]), shown);
    });
  }

  it("are rejected if no source contains them", () => {
    const table = `
| you see                                  | what to do        |
| ---------------------------------------- | ----------------- |
| \`Service accounts must have one role\`  | \`not a message\` |
| \`config key … is unknown\`              |                   |
`;
    const messages = messagesOf(parsePage("a.md", table));
    assert.deepEqual(
      messages.map((message) => [message, isIn(message, texts())]),
      [
        ["Service accounts must have one role", false],
        ["config key … is unknown", true],
      ],
    );
  });
});

function messagesOf({ prose }: Page): string[] {
  const tables = prose.split(/\n\s*\n/).filter((part) => /^\| you see/.test(part.trim()));
  return tables.flatMap((table) =>
    table
      .trim()
      .split("\n")
      .slice(2)
      .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)])
      .map(([, message = ""]) => message),
  );
}

/** Whether one of the texts contains the message, where `…` stands for anything. */
function isIn(message: string, texts: readonly string[]): boolean {
  const literal = message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = new RegExp(literal.replaceAll("…", ".*"));
  return texts.some((text) => pattern.test(text));
}

/** The lines of all sources. The embedded Flexprice has the messages of a real one. */
function texts(): string[] {
  return readdirSync(join(CHECKOUT, "provider"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => readFileSync(join(CHECKOUT, "provider", file), "utf8").split("\n"));
}
