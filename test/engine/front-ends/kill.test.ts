import { nightly, sample } from "../../support/sample";
import { failed, succeeded } from "../fixture";
import { ACCOUNT_POST, identity, KEY_POST, SharedTenant, type Stack } from "../identity/fixture";
import { describeBoth } from "./fixture";

describeBoth("a kill -9 in the middle of up", (frontEnd) => {
  let tenant: SharedTenant;
  let stack: Stack;
  beforeEach(async () => {
    tenant = await SharedTenant.open();
    stack = await tenant.stack(identity(), "laptop", frontEnd.program);
  });
  afterEach(() => tenant.close());

  async function converges(): Promise<void> {
    tenant.endLeases();
    await stack.up();
    await tenant.assertNothingIsLeft();
    succeeded(await stack.perform("preview", "--refresh", "--expect-no-changes"));
  }

  for (const [what, request] of sample([
    ["a key", KEY_POST],
    ["an account", ACCOUNT_POST],
  ] as const)) {
    it(`of the provider while ${what} is created leaves nothing behind after the next up`, async () => {
      const up = await stack.upTo(tenant.gateway.intercept({ ...request, responds: "on release" }));
      stack.workspace.killProviders();
      failed(await up.done);
      await converges();
    });

    nightly(
      `of the CLI while ${what} is created ends the provider, and leaves nothing behind`,
      async () => {
        const up = await stack.upTo(
          tenant.gateway.intercept({ ...request, responds: "on release" }),
        );
        await stack.killCli(up);
        await stack.workspace.providersEnd();
        await stack.cancel();
        await converges();
      },
    );
  }
});
