import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { atNight, sample } from "../support/sample";
import { accountWithKey, EngineFixture, messages, succeeded } from "./fixture";
import { ACCOUNT_POST, KEY_POST } from "./identity/fixture";
import type { Gateway } from "./identity/gateway";
import {
  assertStatesAreTheServer,
  gatewayBefore,
  Notes,
  reached,
  secondStack,
  warningsOf,
} from "./shared-home";

/** Obstacles to writing notes in a folder. */
interface Obstacle {
  readonly put: (folder: string) => void;
  readonly clear: (folder: string) => void;
}

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { stdio: "ignore" });

const OBSTACLES: Record<string, Obstacle> = {
  "is a file": {
    put: (folder) => {
      mkdirSync(dirname(dirname(folder)), { recursive: true });
      writeFileSync(dirname(folder), "");
    },
    clear: (folder) => rmSync(dirname(folder)),
  },
  "may not be written": {
    put: (folder) => {
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o500);
    },
    clear: (folder) => chmodSync(folder, 0o700),
  },
  "is another user's": {
    put: (folder) => {
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o700);
      run("chown", "65534", folder);
    },
    clear: (folder) => run("chown", "0", folder),
  },
  "is frozen": {
    put: (folder) => {
      mkdirSync(folder, { recursive: true });
      run("chattr", "+i", folder);
    },
    clear: (folder) => run("chattr", "-i", folder),
  },
  "is full": {
    put: (folder) => {
      mkdirSync(folder, { recursive: true });
      run("mount", "-t", "tmpfs", "-o", "size=4k", "none", folder);
      writeFileSync(join(folder, "whatever"), "x".repeat(4_096));
    },
    clear: (folder) => run("umount", folder),
  },
};

/** Needs root, and a file system that supports it. The others run anywhere. */
const isPossible = ({ put, clear }: Obstacle): boolean => {
  const folder = join(
    __dirname,
    "..",
    "..",
    ".scratch",
    `obstacle-${process.pid}`,
    "flexprice",
    "x",
  );
  try {
    put(folder);
    clear(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(dirname(dirname(folder)), { recursive: true, force: true });
  }
};

/** Permissions do not apply to root, unless it drops its privileges. */
function bindByPermissions({ workspace }: EngineFixture): void {
  if (process.getuid?.() !== 0) return;
  const privileges = "-dac_override,-dac_read_search,-fowner";
  const folder = join(workspace.scratch, "bound");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "node"),
    `#!/bin/sh\nexec setpriv --bounding-set=${privileges} --inh-caps=${privileges} "${process.execPath}" "$@"\n`,
    { mode: 0o755 },
  );
  workspace.env["PATH"] = `${folder}:${workspace.env["PATH"]}`;
}

/** Replaces the key in each round, and adds this many accounts. */
const program = (round: number, accounts = 0) =>
  accountWithKey({
    name: "ci",
    key: `rotationTriggers: { round: "${round}" }`,
    more: `for (let n = 0; n < ${accounts}; n += 1) new flexprice.ServiceAccount("more" + n, { roles: ["event_reader"] });`,
  });

describe("a folder of notes that cannot be written", () => {
  let fixture: EngineFixture;
  let notes: Notes;
  beforeEach(async () => {
    fixture = await EngineFixture.open(program(1));
    notes = new Notes(fixture);
    bindByPermissions(fixture);
  });
  afterEach(() => fixture.close());

  for (const [what, obstacle] of sample(Object.entries(OBSTACLES))) {
    if (!isPossible(obstacle)) continue;
    it(`because it ${what}, makes up warn once and continue`, async () => {
      obstacle.put(notes.folder);
      try {
        for (const round of [1, 2]) {
          fixture.setSource(program(round));
          const up = succeeded(await fixture.up());
          const [warning = "", ...more] = messages(up, "warning");
          assert.deepEqual([more, messages(up, "error")], [[], []]);
          assert.ok(warning.includes(`cannot be kept in ${notes.folder} (`), warning);
          assert.match(warning, /Make the folder writable .*, or set PULUMI_HOME to one that is/);
          assert.deepEqual([fixture.accounts().length, fixture.keys().length], [1, 1]);
          await assertStatesAreTheServer(fixture);
        }
      } finally {
        obstacle.clear(notes.folder);
      }
    });
  }
});

/** Obstacles to removing an existing note. */
const LOCKS: Record<string, Obstacle> = {
  "may not be written any more": {
    put: (folder) => chmodSync(folder, 0o500),
    clear: (folder) => chmodSync(folder, 0o700),
  },
  "only allows new files": {
    put: (folder) => {
      mkdirSync(folder, { recursive: true });
      run("chattr", "+a", folder);
    },
    clear: (folder) => run("chattr", "-a", folder),
  },
};

atNight(() =>
  describe("a note that cannot be removed", () => {
    let fixture: EngineFixture;
    let notes: Notes;
    let gateway: Gateway;
    beforeEach(async () => {
      fixture = await EngineFixture.open(program(1));
      gateway = await gatewayBefore(fixture);
      notes = new Notes(fixture);
      bindByPermissions(fixture);
    });
    afterEach(async () => {
      await gateway.close();
      await fixture.close();
    });

    for (const [how, lock] of Object.entries(LOCKS)) {
      if (how !== "may not be written any more" && !isPossible(lock)) continue;
      for (const [what, request] of [
        ["a key", KEY_POST],
        ["an account", ACCOUNT_POST],
      ] as const) {
        it(`about ${what}, in a folder that ${how}, does not lead to a second object`, async () => {
          try {
            const held = gateway.intercept({ ...request, responds: "on release" });
            const running = fixture.workspace.start("up");
            await reached(held, running);
            lock.put(notes.folder);
            held.releaseResponses();
            const up = succeeded(await running.done);
            const [warning = "", ...more] = messages(up, "warning");
            assert.deepEqual(more, []);
            assert.ok(warning.includes(notes.folder), warning);
            // Each round creates more, and leaves one more note.
            for (const accounts of [1, 2]) {
              fixture.setSource(program(1, accounts));
              succeeded(await fixture.up());
              assert.deepEqual(
                [fixture.accounts().length, fixture.keys().length],
                [1 + accounts, 1],
              );
              await assertStatesAreTheServer(fixture);
            }
          } finally {
            lock.clear(notes.folder);
          }
          // Another run acts on every note that is left now.
          notes.age("3m");
          const second = await secondStack(fixture, accountWithKey());
          try {
            assert.deepEqual(warningsOf(succeeded(await second.up())), []);
            await assertStatesAreTheServer(fixture, fixture.workspace, second);
          } finally {
            await second.dispose();
          }
        });
      }
    }
  }),
);
