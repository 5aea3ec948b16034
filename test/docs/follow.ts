import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureLanguage } from "../../scripts/pulumi-cli/languages";
import { assertExcerpt, assertShown, exchangesOf, type } from "../engine/console";
import { EngineFixture } from "../engine/fixture";
import { LAUNCHER, launcherText } from "../engine/languages/program";
import { step, withFixture } from "../support/scenario";
import { asModule } from "./module";
import { type Block, CHECKOUT, readPage } from "./page";

/** Blocks are identified by a text in them. */
type ByBlock<What> = Readonly<Record<string, What>>;

/** Requests to other machines fail at once. */
const NO_NETWORK = Object.fromEntries(
  ["http_proxy", "https_proxy"].flatMap((name) => [
    [name, "http://127.0.0.1:9"],
    [name.toUpperCase(), "http://127.0.0.1:9"],
    ["no_proxy", "127.0.0.1,localhost"],
    ["NO_PROXY", "127.0.0.1,localhost"],
  ]),
);

/**
 * Somebody who gives the operator's key where "pulumi config set" asks for a value, and has installed already what a
 * page says: commands.test.ts looks at the names.
 */
const TYPIST = `
pulumi() { printf %s "$OPERATOR_KEY" | command pulumi "$@"; }
npm() { case "$1" in ci | install) ;; *) command npm "$@" ;; esac; }
npx() { shift; node "$PULUMI_FLEXPRICE" "$@"; }`;

/** What a test must know to follow a page. */
export interface Circumstances {
  /** Why a block cannot be run here. */
  readonly notRun?: ByBlock<string>;
  /** Programs that replace the one before, on the same stack. The page continues with them. */
  readonly edits?: readonly string[];
  /** Blocks with their own way to run. */
  readonly run?: ByBlock<(session: DocSession, text: string) => unknown>;
  /** Runs before a block. */
  readonly before?: ByBlock<(session: DocSession) => unknown>;
  /** Assertions after a block. */
  readonly after?: ByBlock<(session: DocSession) => unknown>;
  /** The exit status of a block's last command, or of the program's `up`. Default: 0. */
  readonly status?: ByBlock<number>;
}

/** A stack with one program of a page and an embedded Flexprice. Runs the commands of the page. */
export class DocSession {
  private constructor(readonly fixture: EngineFixture) {}

  /** @param project - A Pulumi.yaml that is a whole program. */
  static async open(program: string, project?: string): Promise<DocSession> {
    const files = { [`node_modules/.bin/${LAUNCHER}`]: launcherText() };
    if (project !== undefined) await ensureLanguage("yaml");
    const fixture = await EngineFixture.open(program, {
      stack: "dev",
      ownProcess: true,
      program: {
        project: "billing",
        files: project === undefined ? files : { ...files, "Pulumi.yaml": project },
      },
      env: { PULUMI_SKIP_CONFIRMATIONS: "true", ...NO_NETWORK },
    });
    fixture.workspace.env["OPERATOR_KEY"] = fixture.operator.apiKey;
    fixture.workspace.env["PULUMI_FLEXPRICE"] = join(CHECKOUT, "dist", "cli", "index.js");
    const session = new DocSession(fixture);
    try {
      await session.type(["pulumi stack select dev"]);
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  /** The output so far. */
  transcript = "";

  /** Runs commands in one shell, and returns the output of each. The last one must end with this status. */
  async type(commands: readonly string[], status = 0): Promise<string[]> {
    const { programDirectory } = this.fixture.workspace;
    const outputs = await type(this.fixture, [TYPIST, ...commands], programDirectory, status);
    this.transcript += outputs.join("");
    return outputs.slice(1);
  }

  /** Replaces the program by one in YAML. */
  setProject(text: string): void {
    writeFileSync(join(this.fixture.workspace.programDirectory, "Pulumi.yaml"), text);
  }

  async close(): Promise<void> {
    await this.fixture.close(this.fixture.workspace.programDirectory);
  }
}

/**
 * Follows a page from top to bottom. Each program has its own stack and Flexprice, and programs in TypeScript are
 * deployed at once. Commands run there, and the output blocks must match what was printed since.
 */
export function follow(path: string, circumstances: Circumstances = {}): void {
  const { blocks } = readPage(path);
  const { notRun = {}, edits = [], run = {}, before = {}, after = {}, status = {} } = circumstances;
  const isEdit = ({ text }: Block) => edits.some((name) => text.includes(name));
  const isProgram = (block: Block) =>
    (block.language === "ts" || isYamlProgram(block)) &&
    !isEdit(block) &&
    named(run, block) === undefined;

  function openFor(block: Block): Promise<DocSession> {
    if (isYamlProgram(block)) return DocSession.open("", block.text);
    return DocSession.open(isProgram(block) ? asModule(block.text) : "");
  }

  async function followBlock(session: DocSession, block: Block): Promise<void> {
    const act = named(run, block) ?? ACTS[block.language];
    assert.ok(act, `nobody knows how to follow a block of ${block.language}`);
    await named(before, block)?.(session);
    if (isEdit(block)) edit(session, block);
    else await act(session, block.text, named(status, block));
    await named(after, block)?.(session);
  }

  describe(path, () => {
    it("works when followed from top to bottom", async () => {
      const followed = blocks.filter((block) => named(notRun, block) === undefined);
      for (const [first, ...others] of partsOf(followed, isProgram)) {
        await withFixture(openFor(first), async (session) => {
          for (const block of [first, ...others]) {
            await step(`line ${block.line}, ${block.language || "output"}`, () =>
              followBlock(session, block),
            );
          }
        });
      }
    });

    it("has exactly one block for each text that its test names", () => {
      const tables = [notRun, run, before, after, status];
      const names = [...edits, ...tables.flatMap((table) => Object.keys(table))];
      const inBlocks = (name: string) => blocks.filter(({ text }) => text.includes(name)).length;
      assert.deepEqual(
        names.filter((name) => inBlocks(name) !== 1),
        [],
      );
    });
  });
}

/** The blocks of a page, from one program to the next. */
function partsOf(
  blocks: readonly Block[],
  isProgram: (block: Block) => boolean,
): [Block, ...Block[]][] {
  const parts: [Block, ...Block[]][] = [];
  for (const block of blocks) {
    const part = parts.at(-1);
    if (part === undefined || isProgram(block)) parts.push([block]);
    else part.push(block);
  }
  return parts;
}

const ACTS: ByBlock<
  (session: DocSession, text: string, status: number | undefined) => Promise<unknown>
> = {
  yaml: async () => {},
  ts: (session, _text, status) => session.type(["pulumi up --yes --skip-preview"], status),
  sh: (session, text, status) => session.type([text], status),
  console: async (session, text, status) => {
    const exchanges = exchangesOf(text);
    const outputs = await session.type(
      exchanges.map(({ command }) => command),
      status,
    );
    for (const [index, { command, documented }] of exchanges.entries())
      assertShown(command, documented, outputs[index] ?? "");
  },
  "": async (session, text) => assertExcerpt(text, session.transcript),
};

function isYamlProgram({ language, text }: Block): boolean {
  return language === "yaml" && /^runtime: yaml$/m.test(text);
}

function edit(session: DocSession, block: Block): void {
  if (isYamlProgram(block)) session.setProject(block.text);
  else session.fixture.setSource(asModule(block.text));
}

function named<What>(table: ByBlock<What>, { text }: Block): What | undefined {
  return Object.entries(table).find(([name]) => text.includes(name))?.[1];
}
