import { CASES } from "./cases";
import { run } from "./exchange";
import { isRealServer, startTarget, type Target, whyEmulatorOnly } from "./target";

describe("contract of the API", () => {
  let target: Target;

  // Each case has its own emulator. A real server is shared by all.
  beforeEach(async () => {
    target = await startTarget();
  });

  afterEach(() => target.stop());

  for (const [subject, cases] of Object.entries(CASES)) {
    describe(subject, () => {
      for (const contractCase of cases) {
        const title = `${contractCase.title}: ${[contractCase.status].flat().join(" or ")}`;
        const reason = whyEmulatorOnly(contractCase);
        if (isRealServer && reason !== undefined) {
          it.skip(`${title} (only with the emulator: ${reason})`);
        } else {
          it(title, () => run(contractCase, target));
        }
      }
    });
  }
});
