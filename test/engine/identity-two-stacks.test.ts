import assert from "node:assert/strict";
import { nightly, sample } from "../support/sample";
import { messages } from "./fixture";
import {
  ACCOUNT_POST,
  anotherAccount,
  identity,
  KEY_POST,
  SharedTenant,
  type Stack,
} from "./identity/fixture";

/** The request of the first run when it is killed. Everything else is in its state. */
const LATE = anotherAccount("late");
const LATE_POST = { ...ACCOUNT_POST, body: /"name":"late/ };

const NAMES = [
  ["chosen by the provider", {}],
  ["set by the program", { account: 'name: "ci",', key: 'name: "ci",' }],
] as const;

let tenant: SharedTenant;
beforeEach(async () => {
  tenant = await SharedTenant.open();
});
afterEach(() => tenant.close());

/** Only the CLI is killed, moments after account and key are in the state. */
async function killOnceHeld(stack: Stack): Promise<void> {
  const late = tenant.gateway.intercept({ ...LATE_POST, responds: "on release" });
  const up = await stack.upTo(late);
  await stack.holds(2);
  await stack.killCli(up);
  await stack.workspace.providersEnd();
  late.releaseResponses();
}

for (const [whose, names] of NAMES) {
  describe(`two stacks of one program on one machine, with names ${whose}`, () => {
    const program = identity({ ...names, more: LATE });

    nightly(
      "keep their objects if the first is killed after its objects are in its state",
      async () => {
        const first = await tenant.stack(program);
        const second = await tenant.stack(program);
        await killOnceHeld(first);
        const before = await first.ids();

        await second.up();
        assert.deepEqual(await first.ids(), before);
        await tenant.assertNothingIsTaken();

        tenant.endLeases();
        await first.cancel();
        await first.up();
        const { "ServiceAccount ci": account, "ApiKey ci": key } = await first.ids();
        assert.deepEqual(
          { account, key },
          { account: before["ServiceAccount ci"], key: before["ApiKey ci"] },
        );
        await tenant.assertNothingIsLeft();
      },
    );
  });

  describe(`a stack that was killed and run again, with names ${whose}`, () => {
    nightly("gets a new account and a new key if the resources move into a component", async () => {
      const stack = await tenant.stack(identity({ ...names, more: LATE }));
      await killOnceHeld(stack);
      await stack.cancel();
      await stack.up();
      const before = await stack.ids();
      await tenant.assertNothingIsTaken();

      tenant.endLeases();
      stack.workspace.setSource(identity({ ...names, more: LATE, isComponent: true }));
      await stack.up();
      const after = await stack.ids();
      for (const what of ["ServiceAccount ci", "ApiKey ci"]) {
        assert.notEqual(after[what], before[what], what);
      }
      await tenant.assertNothingIsLeft();
    });
  });
}

describe("two stacks on two machines behind a gateway that answers 502 but forwards later", () => {
  const program = identity({ more: anotherAccount("other") });

  for (const [when, effect] of sample([
    ["while the run that sent them looks", 700],
    ["after both runs", "on release"],
  ] as const)) {
    it(`keep their objects if the requests succeed ${when}`, async () => {
      const first = await tenant.stack(program, "one");
      const second = await tenant.stack(program, "two");
      const refused = [ACCOUNT_POST, KEY_POST].map((post) =>
        tenant.gateway.intercept({ ...post, times: 2, effect, response: { status: 502 } }),
      );
      const [one, two] = await Promise.all([first.up(), second.up()]);
      for (const requests of refused) {
        await requests.arrived(2);
        await requests.releaseEffects();
      }
      await tenant.assertNothingIsTaken();
      assert.deepEqual([...messages(one, "warning"), ...messages(two, "warning")], []);
      const before = [await first.ids(), await second.ids()];

      tenant.endLeases();
      const next = identity({ more: anotherAccount("other") + anotherAccount("next") });
      for (const stack of [first, second]) {
        stack.workspace.setSource(next);
        await stack.up();
      }
      const after = [await first.ids(), await second.ids()];
      for (const [place, ids] of before.entries()) {
        assert.deepEqual({ ...after[place], ...ids }, after[place]);
      }
      await tenant.assertNothingIsLeft();
    });
  }
});
