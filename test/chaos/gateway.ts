import {
  DEFAULT_TRANSPORT_LIMITS,
  type HttpRequest,
  type HttpResponse,
  httpTransport,
  TransportFailure,
} from "../../provider/api/transport";
import type { Emulator } from "../../provider/emulator";
import { type TestFaultKind, testFault } from "../support/faults";
import type { ProviderProcess } from "./process";
import type { Tally } from "./tally";
import type { Timeline } from "./timeline";

/** The response that a process gets, and when. */
interface Hearing {
  readonly answer?: HttpResponse;
  readonly delayMs?: number;
}

/** A fault of a request or its response. */
interface Misfortune {
  readonly name: string;
  readonly befall: (request: HttpRequest) => Promise<Hearing>;
}

/** How long the provider waits for a missing response. */
const TIMEOUT_MS = DEFAULT_TRANSPORT_LIMITS.headersMs;

const NOT_FOUND = { code: "not_found", message: "Failed to retrieve user", http_status_code: 404 };

const PASSED_ON = [
  { status: 500, body: { message: "Internal server error" } },
  { status: 502, body: "Bad Gateway" },
  { status: 504, body: "Gateway Timeout" },
  { status: 429, body: {}, headers: { "retry-after": "2" } },
  { status: 503, body: {}, headers: { "retry-after": "2" } },
];

type TestFault = TestFaultKind & { when: "before" | "after" };

/** Between the processes and the server: forwards requests, late, twice or not at all, and spoils responses. */
export class Gateway {
  private readonly transport = httpTransport();
  private fault: TestFault | undefined;
  /** One in this many requests has a fault. */
  faultOneIn = Number.POSITIVE_INFINITY;
  /** Called for each request that reaches the server, before its effect. */
  onArrival: (request: HttpRequest, by: string) => void = () => undefined;

  constructor(
    emulator: Emulator,
    private readonly timeline: Timeline,
    private readonly random: () => number,
    private readonly tally: Tally,
  ) {
    emulator.faults.decide = () => this.fault && testFault(this.fault, this.fault.when);
  }

  async send(process: ProviderProcess, request: HttpRequest): Promise<HttpResponse> {
    if (process.hasEnded) return await new Promise<never>(() => undefined);
    const { answer, delayMs = 0 } = await new Promise<Hearing>((resolve) =>
      this.timeline.after(this.travelMs(), async () =>
        resolve(await this.arrive(process, request)),
      ),
    );
    await process.after(delayMs + this.travelMs());
    if (answer === undefined) throw new TransportFailure("no whole answer came", "unknown");
    return answer;
  }

  private async arrive(process: ProviderProcess, request: HttpRequest): Promise<Hearing> {
    process.sent.requests += 1;
    if (isCreate(request)) process.sent.creates += 1;
    const { mishap, sent } = process;
    if (mishap.kind !== "nothing" && sent[mishap.counts] === mishap.at) {
      // Only once: the counters continue, so the number does not come again.
      sent[mishap.counts] += 1;
      return await this.strike(process, request);
    }
    return await this.pass(process, request);
  }

  private async strike(process: ProviderProcess, request: HttpRequest): Promise<Hearing> {
    const { kind, lastsMs } = process.mishap;
    this.tally.count(kind);
    switch (kind) {
      case "process killed":
        await process.kill();
        return await this.draw(
          ["before", "after", "late"].map((when) => ({
            name: `killed, the request's effect ${when}`,
            befall: async () => {
              if (when === "after") await this.deliver(request, process.label);
              if (when === "late") this.later(request, process.label);
              return {};
            },
          })),
        ).befall(request);
      case "engine killed":
        process.loseEngine(this.random);
        break;
      case "process frozen":
        process.freeze(lastsMs);
        break;
      case "process frozen, engine killed":
        process.freeze(lastsMs);
        // Leaves out an engine that is killed before it has stored a result from just before the freeze: once the
        // process continues, it assumes that the result was stored.
        this.timeline.after(10_000 + this.random() * lastsMs, () =>
          process.loseEngine(this.random),
        );
        break;
      case "clock set":
        process.aheadMs += lastsMs;
        break;
    }
    return await this.pass(process, request);
  }

  private async pass(process: ProviderProcess, request: HttpRequest): Promise<Hearing> {
    const by = process.label;
    if (this.random() * this.faultOneIn >= 1) return { answer: await this.deliver(request, by) };
    const { name, befall } = this.draw(this.misfortunes(request, by));
    this.tally.count(`fault: ${name}`);
    this.timeline.tell(`${by}: ${name}`);
    return await befall(request);
  }

  private misfortunes(request: HttpRequest, by: string): Misfortune[] {
    const spoilt = (name: string, fault: TestFault): Misfortune => ({
      name,
      befall: async () => ({ answer: await this.deliver(request, by, fault) }),
    });
    const misfortune = (name: string, fault: TestFault): Misfortune => ({
      name,
      befall: async () => {
        try {
          return { answer: await this.deliver(request, by, fault) };
        } catch {
          return {};
        }
      },
    });
    const both = (["before", "after"] as const).flatMap((when): Misfortune[] => [
      misfortune(`reset ${when}`, { kind: "reset", when }),
      misfortune(`truncated ${when}`, { kind: "truncated", when }),
      spoilt(`not_json ${when}`, { kind: "not_json", when }),
      spoilt(`wrong_shape ${when}`, { kind: "wrong_shape", when }),
      ...PASSED_ON.map((answer) =>
        spoilt(`${answer.status} ${when}`, { kind: "status", ...answer, when }),
      ),
      {
        name: `timeout ${when}`,
        befall: async () => {
          if (when === "after") await this.deliver(request, by);
          return { delayMs: TIMEOUT_MS };
        },
      },
    ]);
    return [
      ...both,
      spoilt("401 before", {
        kind: "status",
        status: 401,
        body: { error: "Unauthorized" },
        when: "before",
      }),
      spoilt("404 before", { kind: "status", status: 404, body: NOT_FOUND, when: "before" }),
      {
        name: "Date header off by hours",
        befall: async () => {
          const answer = await this.deliver(request, by);
          const wrong = this.timeline.now + (this.random() - 0.5) * 8 * 60 * 60_000;
          const headers = { ...answer.headers, date: new Date(wrong).toUTCString() };
          return { answer: { ...answer, headers } };
        },
      },
      {
        name: "delivered twice",
        befall: async () => {
          const [, second] = [await this.deliver(request, by), await this.deliver(request, by)];
          // Leaves out a duplicate create with a response: nobody could notice the second object. If the response is
          // lost too, the provider finds both objects by their name.
          return isCreate(request) ? {} : { answer: second };
        },
      },
      ...(isWrite(request) ? this.lateEffects(request, by) : []),
      // Faults are more frequent for decisive requests.
      ...(isCreate(request) ? [...this.lateEffects(request, by), ...both] : []),
    ];
  }

  private lateEffects(request: HttpRequest, by: string): Misfortune[] {
    const offered = PASSED_ON.map(({ status }) => ({
      name: `${status}, effect late`,
      befall: async () => {
        this.later(request, by);
        const answer = PASSED_ON.find((one) => one.status === status);
        const { headers = {}, body } = answer ?? {};
        return { answer: { status, headers, body: JSON.stringify(body) } };
      },
    }));
    const unheard = {
      name: "timeout, effect late",
      befall: async () => {
        this.later(request, by);
        return { delayMs: TIMEOUT_MS };
      },
    };
    return [...offered, unheard];
  }

  /** Between a second and twenty minutes from now, with more weight on soon. */
  private later(request: HttpRequest, by: string): void {
    const delayMs = 1_000 * (20 * 60) ** this.random();
    this.timeline.after(delayMs, async () => {
      this.tally.count("late effects");
      await this.deliver(request, `${by}, late`);
    });
  }

  private async deliver(
    request: HttpRequest,
    by: string,
    fault?: TestFault,
  ): Promise<HttpResponse> {
    if (fault?.when !== "before") this.onArrival(request, by);
    this.fault = fault;
    this.timeline.tell(`${by}: ${request.method} ${request.url} ${request.body ?? ""}`);
    try {
      const answer = await this.transport(request);
      this.timeline.tell(`${by}: -> ${answer.status} ${answer.body.slice(0, 200)}`);
      return answer;
    } finally {
      this.fault = undefined;
    }
  }

  private draw(misfortunes: readonly Misfortune[]): Misfortune {
    const one = misfortunes[Math.floor(this.random() * misfortunes.length)];
    if (one === undefined) throw new Error("there is nothing to draw from");
    return one;
  }

  private travelMs(): number {
    return 5 + this.random() * 200;
  }
}

function isCreate({ method, url }: HttpRequest): boolean {
  return method === "POST" && !url.endsWith("/search");
}

function isWrite(request: HttpRequest): boolean {
  return isCreate(request) || request.method === "PUT" || request.method === "DELETE";
}
