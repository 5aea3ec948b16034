import assert from "node:assert/strict";
import { testFault } from "../support/faults";
import { nightly } from "../support/sample";
import { nightlyStep, step, withFixture } from "../support/scenario";
import { type JobResult, Repository, type System } from "./ci-repository";
import { accountWithKey, CHANGES_SEEN, prefixOf } from "./fixture";

const PROGRAM = accountWithKey({ key: 'expiresIn: "90d", rotateBefore: "14d"' });

const WITH_BAD_ROLE = PROGRAM.replace("event_ingestor", "event_ingestr");

const ACCOUNT_POST = /^\/v1\/users$/;

function succeeded(result: JobResult): JobResult {
  assert.equal(result.exitCode, 0, result.output);
  return result;
}

function failed(result: JobResult): JobResult {
  assert.notEqual(result.exitCode, 0, result.output);
  return result;
}

/** Runs the jobs of a CI system's example. */
export function describeJobs(system: System): void {
  it("preview, update, rotate and check a stack for drift", () =>
    withFixture(Repository.open(system, PROGRAM), async (repository) => {
      const { fixture } = repository;
      const writes = () => fixture.takeWrites().map(({ request }) => request);

      await step("preview shows the changes of a pull request, and changes nothing", async () => {
        succeeded(await repository.run("preview"));
        assert.match(
          repository.report(),
          /\+ pulumi-nodejs:dynamic\/flexprice:ServiceAccount: \(create\)/,
        );
        assert.deepEqual(writes(), []);
      });

      await nightlyStep("preview rejects an invalid role", async () => {
        fixture.setSource(WITH_BAD_ROLE);
        const { output } = failed(await repository.run("preview"));
        assert.match(output, /Invalid role: event_ingestr\. Allowed roles: .* Did you mean/);
        assert.match(repository.report(), /Invalid role: event_ingestr/);
        assert.deepEqual(writes(), []);
        fixture.setSource(PROGRAM);
      });

      await nightlyStep("preview without secrets rejects an invalid role too", async () => {
        fixture.emulator.clearRequests();
        fixture.setSource(WITH_BAD_ROLE);
        assert.match(failed(await repository.run("preview", {})).output, /Invalid role/);
        fixture.setSource(PROGRAM);
        const { output } = succeeded(await repository.run("preview", {}));
        assert.match(
          output,
          /No Flexprice credential is configured: roles are checked against the/,
        );
        assert.match(output, /ServiceAccount: \(create\)/);
        assert.deepEqual(fixture.emulator.requests, []);
      });

      await step("up creates an account and a key", async () => {
        succeeded(await repository.run("up"));
        assert.deepEqual(writes(), ["POST /v1/users", "POST /v1/secrets/api/keys"]);
      });

      await nightlyStep("drift fails if the account was renamed", async () => {
        const [account] = fixture.accounts();
        assert.ok(account);
        const { id, name } = account;
        fixture.emulator.renameAccount(id, "in the dashboard");
        const { exitCode, output } = await repository.run("drift");
        assert.equal(exitCode, CHANGES_SEEN, output);
        assert.match(output, new RegExp(`"in the dashboard", and its own name is "${name}"`));
        fixture.emulator.renameAccount(id, name);
        assert.deepEqual(writes(), []);
      });

      await nightlyStep("up on a schedule rotates the key when it is due", async () => {
        const [before] = fixture.keys();
        fixture.clock.advance("77d");
        succeeded(await repository.run("up"));
        assert.deepEqual(writes(), [
          "POST /v1/secrets/api/keys",
          `DELETE /v1/secrets/api/keys/${before?.id}`,
        ]);
        succeeded(await repository.run("drift"));
      });

      await nightlyStep(
        "up on a new machine reports a lost create, and removes nothing",
        async () => {
          fixture.setSource(
            `${PROGRAM} new flexprice.ServiceAccount("late", { roles: ["event_reader"] });`,
          );
          fixture.emulator.faults.add({
            ...testFault({ kind: "slow", bytesPerSecond: 40 }, "after"),
            match: { method: "POST", path: ACCOUNT_POST },
          });
          await repository.runUntil("up", () =>
            fixture.emulator.requests.some(
              ({ method, path }) => method === "POST" && ACCOUNT_POST.test(path),
            ),
          );
          repository.replaceMachine();
          assert.match(failed(await repository.run("up")).output, /pulumi cancel/);
          assert.equal((await fixture.workspace.run(["cancel", "--yes"])).exitCode, 0);
          const [lost, ...others] = fixture
            .accounts()
            .filter(({ name }) => name.startsWith("late-"));
          assert.ok(lost !== undefined && others.length === 0);
          const { output } = succeeded(await repository.run("up"));
          assert.match(
            output,
            new RegExp(`interrupted while it created service account "${lost.name}"`),
          );
          assert.deepEqual(
            fixture
              .accounts()
              .map(({ name }) => prefixOf(name))
              .sort(),
            ["ci", "late", "late"],
          );
          assert.doesNotMatch(
            succeeded(await repository.run("up")).output,
            /interrupted while it created/,
          );
        },
      );
    }));
}

/** Separate from the others: here the state contains the key in plain text. */
export function describePlainOutput(system: System): void {
  nightly("fail if an output has a key in plain text, and do not show it", async () => {
    const repository = await Repository.open(system, "");
    const { fixture } = repository;
    try {
      fixture.setSource(
        `${PROGRAM} import * as pulumi from "@pulumi/pulumi"; export const plain = pulumi.unsecret(key.apiKey);`,
      );
      const { output } = failed(await repository.run("up"));
      assert.match(output, /An output of this stack holds an API key in plain/);
      const [key] = fixture.keys();
      assert.ok(key !== undefined && !output.includes(key.value));
    } finally {
      await repository.discard();
    }
  });
}
