import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { z } from "zod";
import { type ApiCall, Client, type Platform } from "../../../provider/api/client";
import { seeded } from "../../../provider/emulator";
import { credential, MINUTE, START } from "../fixture";

/** Time that stops during work, and then jumps to the end of the shortest pause. */
class VirtualTime {
  now = START;
  private readonly sleepers: { readonly until: number; readonly wake: () => void }[] = [];

  readonly sleep = (ms: number) =>
    new Promise<void>((wake) => {
      this.sleepers.push({ until: this.now + ms, wake });
    });

  /** Advances time until the work has ended. */
  async until(done: Promise<unknown>): Promise<void> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    void done.then(over, over);
    for (;;) {
      await turn();
      if (isOver) return;
      this.sleepers.sort((a, b) => a.until - b.until);
      const next = this.sleepers.shift();
      assert(next !== undefined, "no work is in progress, and nothing waits");
      this.now = next.until;
      next.wake();
    }
  }
}

const CREATE: ApiCall<{ id: string }> = {
  method: "POST",
  path: "/things",
  body: {},
  safety: "unsafe",
  label: "create the thing",
  responseSchema: z.object({ id: z.string() }),
};

describe("api/client with a server that allows 60 requests per minute", () => {
  for (const retryAfter of [undefined, "0", "60"]) {
    it(`creates 100 objects with ${retryAfter === undefined ? "no Retry-After" : `Retry-After ${retryAfter}`}`, async () => {
      const time = new VirtualTime();
      const quota = new Map<number, number>();
      let requests = 0;
      const platform: Platform = {
        transport: async () => {
          requests++;
          const minute = Math.floor(time.now / MINUTE);
          const used = quota.get(minute) ?? 0;
          if (used < 60) {
            quota.set(minute, used + 1);
            return { status: 201, headers: {}, body: '{"id":"a"}' };
          }
          return { status: 429, headers: { "retry-after": retryAfter }, body: "" };
        },
        now: () => time.now,
        random: seeded(3),
        sleep: time.sleep,
      };
      const baseUrl = "https://flexprice.example/v1";
      const client = new Client({ baseUrl, credential: credential("sk_1"), platform });
      const created = Promise.all(Array.from({ length: 100 }, () => client.call(CREATE)));
      await time.until(created);
      assert.equal((await created).length, 100);
      // Each of the 40 waiting callers retries every few seconds at most.
      assert(requests < 100 + 40 * 20, String(requests));
    });
  }
});
