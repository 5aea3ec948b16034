import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ok, PulumiWorkspace, type Verb } from "../../scripts/workspace";
import { atNight } from "../support/sample";
import { step } from "../support/scenario";
import { runCli } from "./command-line";
import { use } from "./consumer";
import { type EngineFixture, isOurs, succeeded, withStack } from "./fixture";
import { assertStatesAreTheServer } from "./shared-home";

const STACKS = 10;
const SERVICES = 10;

/** As on an engine that scales out: each stack has its own machine, with its own PULUMI_HOME. */
const PROGRAM = `
import * as flexprice from "pulumi-flexprice";
for (let n = 0; n < ${SERVICES}; n += 1) {
  new flexprice.ServiceIdentity("service" + n, { roles: ["event_ingestor"], expiresIn: "90d" });
}`;

/** Requests of one run beside its writes. */
const FEW = 10;

atNight(() =>
  describe(`${STACKS} stacks of one tenant that run at once, with ${SERVICES} services each`, () => {
    it("create, keep and delete all objects exactly once", () =>
      withStacks(async (fixture, workspaces) => {
        /** Runs every stack at once, and counts what the server sees. */
        async function all(verb: Verb): Promise<{ requests: number; writes: number }> {
          fixture.emulator.clearRequests();
          const results = await Promise.all(workspaces.map((workspace) => workspace.perform(verb)));
          for (const result of results) {
            succeeded(result);
            assert.doesNotMatch(result.output, /warning/);
          }
          return {
            requests: fixture.emulator.requests.length,
            writes: fixture.emulator.writes().length,
          };
        }

        const notes = () =>
          workspaces.flatMap(({ scratch }) => {
            const folder = join(scratch, "home", "flexprice", "creates");
            return readdirSync(folder).filter((name) => name.endsWith(".json"));
          });

        await step("up creates every object once, with few other requests", async () => {
          const { requests, writes } = await all("up");
          const count = STACKS * SERVICES;
          assert.deepEqual([fixture.accounts().length, fixture.keys().length], [count, count]);
          assert.equal(writes, 2 * count);
          assert.ok(requests <= writes + STACKS * FEW, `${requests} requests`);
          await assertStatesAreTheServer(fixture, ...workspaces);
          assert.deepEqual(notes(), []);
        });

        await step("the states have the value of every key", async () => {
          const states = await Promise.all(
            workspaces.map((workspace) => workspace.exportState({ showSecrets: true })),
          );
          const values = states
            .flatMap(({ deployment }) => (deployment.resources ?? []).filter(isOurs))
            .flatMap(({ outputs }) =>
              outputs?.["apiKey"] === undefined ? [] : [outputs["apiKey"]],
            )
            .map((secret) => Object(secret).plaintext);
          assert.equal(new Set(values).size, STACKS * SERVICES);
          for (const value of values) assert.equal(await use(fixture, JSON.parse(value)), 200);
        });

        await step("orphans finds none", async () => {
          await sleep(1_100);
          const files = [];
          for (const [n, workspace] of workspaces.entries()) {
            succeeded(await workspace.perform("refresh"));
            const { stdout } = await ok(workspace.run(["stack", "export"]));
            files.push(join(fixture.workspace.scratch, `export-${n}.json`));
            writeFileSync(String(files.at(-1)), stdout);
          }
          const { stdout } = await runCli(fixture, [
            ...["orphans", "--stack", "test", "--older-than", "1s", "--json"],
            ...["--stack-export", ...files],
          ]);
          const { keys, accounts, leftOut } = JSON.parse(stdout);
          assert.deepEqual(
            { keys, accounts, leftOut },
            { keys: [], accounts: [], leftOut: { own: 1 } },
          );
        });

        await step("an up without changes sends few requests", async () => {
          const { requests, writes } = await all("up");
          assert.equal(writes, 0);
          assert.ok(requests <= STACKS * FEW, `${requests} requests`);
        });

        await step("destroy deletes everything, with few other requests", async () => {
          const { requests, writes } = await all("destroy");
          assert.deepEqual([...fixture.accounts(), ...fixture.keys()], []);
          assert.equal(writes, 2 * STACKS * SERVICES);
          assert.ok(requests <= writes + STACKS * FEW, `${requests} requests`);
        });
      }));
  }),
);

/** Opens all stacks for one test, and closes them also after a failure. */
function withStacks(
  run: (fixture: EngineFixture, workspaces: readonly PulumiWorkspace[]) => Promise<void>,
): Promise<void> {
  return withStack(PROGRAM, { ownProcess: true }, async (fixture) => {
    const { FLEXPRICE_BASE_URL, FLEXPRICE_API_KEY } = fixture.workspace.env;
    const workspaces = [fixture.workspace];
    try {
      for (let n = 1; n < STACKS; n += 1) {
        const workspace = await PulumiWorkspace.create({
          program: { source: PROGRAM },
          stack: `tenth${n}`,
          env: { FLEXPRICE_BASE_URL, FLEXPRICE_API_KEY },
        });
        workspaces.push(workspace);
      }
      await run(fixture, workspaces);
    } finally {
      await Promise.all(workspaces.slice(1).map((workspace) => workspace.dispose()));
    }
  });
}
