import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { assertShown, type Exchange, exchangesOf, type } from "./console";
import { EngineFixture } from "./fixture";
import { placePlugin } from "./languages/program";

const CHECKOUT = resolve(__dirname, "..", "..");

/** What somebody who has tried an example has there. */
const GENERATED: readonly string[] = ["node_modules", "sdks", "venv", "go.sum"];

/** A copy of an example, whose README is followed section by section. */
export class Example {
  private readonly sections: Map<string, Exchange[]>;
  private readonly unfollowed: Set<string>;

  private constructor(
    readonly fixture: EngineFixture,
    readonly readme: string,
    /** The copy of the example's folder. */
    readonly folder: string,
    private readonly copy: string,
  ) {
    this.sections = sectionsOf(readme);
    this.unfollowed = new Set(this.sections.keys());
  }

  static async open(name: string): Promise<Example> {
    // Inside the checkout, where programs find their packages.
    const copy = join(CHECKOUT, ".scratch", randomBytes(6).toString("hex"));
    const folder = join(copy, "examples", name);
    cpSync(join(CHECKOUT, "examples"), join(copy, "examples"), {
      recursive: true,
      filter: (source) => !GENERATED.includes(basename(source)),
    });
    // Where `npm install` puts it.
    const commands = join(copy, "node_modules", ".bin");
    mkdirSync(commands, { recursive: true });
    placePlugin(commands);
    // A policy pack checks another example.
    const isProgram = existsSync(join(folder, "Pulumi.yaml"));
    const project = isProgram ? folder : join(copy, "examples", "quickstart");
    const fixture = await EngineFixture.on(project);
    return new Example(fixture, readFileSync(join(folder, "README.md"), "utf8"), folder, copy);
  }

  /** The commands of a section. */
  commands(section: string): string[] {
    return this.exchanges(section).map(({ command }) => command);
  }

  /** Runs the commands of a section in one shell, and compares their output with the README. */
  async follow(section: string): Promise<void> {
    const outputs = await this.type(this.commands(section));
    for (const [index, { command, documented }] of this.exchanges(section).entries()) {
      assertShown(command, documented, outputs[index] ?? "");
    }
    this.unfollowed.delete(section);
  }

  /** A preview with a refresh finds no changes, and sends no request for a change. */
  async assertSettled(): Promise<void> {
    this.fixture.takeWrites();
    await this.type(["pulumi preview --refresh --expect-no-changes"]);
    assert.deepEqual(this.fixture.takeWrites(), []);
  }

  /** Follows the last section. After it, every command of the README was run. */
  async cleanUp(): Promise<void> {
    await this.follow("Clean up");
    assert.deepEqual([...this.unfollowed], [], "sections that were not followed");
  }

  /** Closes everything, after a search for secrets in everything that was printed or written. */
  async close(): Promise<void> {
    try {
      await this.fixture.close(this.copy);
    } finally {
      rmSync(this.copy, { recursive: true, force: true });
    }
  }

  private exchanges(section: string): Exchange[] {
    const exchanges = this.sections.get(section);
    assert.ok(exchanges, `no section "${section}" of the README has commands`);
    return exchanges;
  }

  private type(commands: readonly string[]): Promise<string[]> {
    return type(this.fixture, commands, this.folder);
  }
}

/** The console blocks under each heading. */
function sectionsOf(readme: string): Map<string, Exchange[]> {
  const sections = new Map<string, Exchange[]>();
  let section = "";
  const parts = readme.matchAll(/^```(\w*)\n(.*?)^```$|^#+ ([^\n]+)$/gms);
  for (const [, language, block = "", title] of parts) {
    section = title ?? section;
    if (language !== "console") continue;
    sections.set(section, [...(sections.get(section) ?? []), ...exchangesOf(block)]);
  }
  return sections;
}
