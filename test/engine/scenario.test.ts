import assert from "node:assert/strict";
import { step, withFixture } from "../support/scenario";

const failure = (run: () => Promise<void>): Promise<Error> =>
  run().then(
    () => assert.fail("It passes."),
    (error: Error) => error,
  );

describe("a scenario", () => {
  it("names the step that fails in the original error", async () => {
    const original = new assert.AssertionError({ message: "$& differs", actual: 1, expected: 2 });
    const error = await failure(() => step("up creates a key", () => Promise.reject(original)));
    assert.equal(error, original);
    assert.equal(error.message, 'In the step "up creates a key":\n$& differs');
    assert.ok(error.stack?.includes(error.message), error.stack);
    assert.match(String(error.stack), /\n {4}at .*scenario\.test\.ts/);
    assert.deepEqual([original.actual, original.expected], [1, 2]);
  });

  it("closes the fixture after a failure, and adds an error of closing to the test's error", async () => {
    let closed = 0;
    const fixture = {
      async close() {
        closed += 1;
        throw new Error("a key is in the output");
      },
    };
    const opening = () => Promise.resolve(fixture);
    const both = await failure(() =>
      withFixture(opening(), () => Promise.reject(new Error("the test fails"))),
    );
    assert.match(both.message, /^the test fails\nClosing failed too: .*a key is in the output$/);
    const leak = await failure(() => withFixture(opening(), async () => {}));
    assert.equal(leak.message, "a key is in the output");
    assert.equal(closed, 2);
  });
});
