import {
  DEFAULT_TRANSPORT_LIMITS,
  type HttpRequest,
  type HttpResponse,
  httpTransport,
  TransportFailure,
} from "../../provider/api/transport";
import type { Emulator } from "../../provider/emulator";
import { type TestFaultKind, testFault } from "../support/faults";
import type { ProviderProcess } from "./provider-process";
import type { Tally } from "./tally";
import type { Timeline } from "./timeline";

/** The response that a process gets, and when. */
interface Delivery {
  readonly response?: HttpResponse;
  readonly delayMs?: number;
}

/** A fault of a request or its response. */
interface NetworkFault {
  readonly name: string;
  readonly apply: (request: HttpRequest) => Promise<Delivery>;
}

/** How long the provider waits for a missing response. */
const TIMEOUT_MS = DEFAULT_TRANSPORT_LIMITS.headersMs;

const NOT_FOUND = { code: "not_found", message: "Failed to retrieve user", http_status_code: 404 };

const GATEWAY_ERRORS: readonly GatewayError[] = [
  { status: 500, body: { message: "Internal server error" } },
  { status: 502, body: "Bad Gateway" },
  { status: 504, body: "Gateway Timeout" },
  { status: 429, body: {}, headers: { "retry-after": "2" } },
  { status: 503, body: {}, headers: { "retry-after": "2" } },
];

interface GatewayError {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

type TestFault = TestFaultKind & { when: "before" | "after" };

/** Between the processes and the server: forwards requests late, twice or not at all, and replaces responses. */
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

  async send(sender: ProviderProcess, request: HttpRequest): Promise<HttpResponse> {
    if (sender.hasEnded) return await new Promise<never>(() => undefined);
    const { response, delayMs = 0 } = await new Promise<Delivery>((resolve) =>
      this.timeline.after(this.travelMs(), async () => resolve(await this.arrive(sender, request))),
    );
    await sender.after(delayMs + this.travelMs());
    if (response === undefined) {
      throw new TransportFailure("no complete response came", "unknown");
    }
    return response;
  }

  private async arrive(sender: ProviderProcess, request: HttpRequest): Promise<Delivery> {
    sender.sent.requests += 1;
    if (isCreate(request)) sender.sent.creates += 1;
    const { disruption, sent } = sender;
    if (disruption.kind !== "nothing" && sent[disruption.counts] === disruption.at) {
      // Only once: the counters continue, so the number does not come again.
      sent[disruption.counts] += 1;
      return await this.disrupt(sender, request);
    }
    return await this.forward(sender, request);
  }

  private async disrupt(sender: ProviderProcess, request: HttpRequest): Promise<Delivery> {
    const { kind, lastsMs } = sender.disruption;
    this.tally.count(kind);
    switch (kind) {
      case "process killed":
        await sender.kill();
        return await this.pick(
          ["before", "after", "late"].map((when) => ({
            name: `killed, the request's effect ${when}`,
            apply: async () => {
              if (when === "after") await this.deliver(request, sender.label);
              if (when === "late") this.later(request, sender.label);
              return {};
            },
          })),
        ).apply(request);
      case "engine killed":
        sender.loseEngine(this.random);
        break;
      case "process frozen":
        sender.freeze(lastsMs);
        break;
      case "process frozen, engine killed":
        sender.freeze(lastsMs);
        // Leaves out an engine that is killed before it has stored a result from just before the freeze: once the
        // process continues, it assumes that the result was stored.
        this.timeline.after(10_000 + this.random() * lastsMs, () => sender.loseEngine(this.random));
        break;
      case "clock set":
        sender.aheadMs += lastsMs;
        break;
    }
    return await this.forward(sender, request);
  }

  private async forward(sender: ProviderProcess, request: HttpRequest): Promise<Delivery> {
    const by = sender.label;
    if (this.random() * this.faultOneIn >= 1) return { response: await this.deliver(request, by) };
    const { name, apply } = this.pick(this.networkFaults(request, by));
    this.tally.count(`fault: ${name}`);
    this.timeline.log(`${by}: ${name}`);
    return await apply(request);
  }

  private networkFaults(request: HttpRequest, by: string): NetworkFault[] {
    const withResponse = (name: string, fault: TestFault): NetworkFault => ({
      name,
      apply: async () => ({ response: await this.deliver(request, by, fault) }),
    });
    const maybeWithoutResponse = (name: string, fault: TestFault): NetworkFault => ({
      name,
      apply: async () => {
        try {
          return { response: await this.deliver(request, by, fault) };
        } catch {
          return {};
        }
      },
    });
    const both = (["before", "after"] as const).flatMap((when): NetworkFault[] => [
      maybeWithoutResponse(`reset ${when}`, { kind: "reset", when }),
      maybeWithoutResponse(`truncated ${when}`, { kind: "truncated", when }),
      withResponse(`not_json ${when}`, { kind: "not_json", when }),
      withResponse(`wrong_shape ${when}`, { kind: "wrong_shape", when }),
      ...GATEWAY_ERRORS.map((error) =>
        withResponse(`${error.status} ${when}`, { kind: "status", ...error, when }),
      ),
      {
        name: `timeout ${when}`,
        apply: async () => {
          if (when === "after") await this.deliver(request, by);
          return { delayMs: TIMEOUT_MS };
        },
      },
    ]);
    return [
      ...both,
      withResponse("401 before", {
        kind: "status",
        status: 401,
        body: { error: "Unauthorized" },
        when: "before",
      }),
      withResponse("404 before", { kind: "status", status: 404, body: NOT_FOUND, when: "before" }),
      {
        name: "Date header off by hours",
        apply: async () => {
          const response = await this.deliver(request, by);
          const wrongTime = this.timeline.now + (this.random() - 0.5) * 8 * 60 * 60_000;
          const headers = { ...response.headers, date: new Date(wrongTime).toUTCString() };
          return { response: { ...response, headers } };
        },
      },
      {
        name: "delivered twice",
        apply: async () => {
          const [, second] = [await this.deliver(request, by), await this.deliver(request, by)];
          // Leaves out a duplicate create with a response: nobody could notice the second object. If the response is
          // lost too, the provider finds both objects by their name.
          return isCreate(request) ? {} : { response: second };
        },
      },
      ...(isWrite(request) ? this.lateEffects(request, by) : []),
      // Faults are more frequent for decisive requests.
      ...(isCreate(request) ? [...this.lateEffects(request, by), ...both] : []),
    ];
  }

  private lateEffects(request: HttpRequest, by: string): NetworkFault[] {
    const withError = GATEWAY_ERRORS.map(({ status, headers = {}, body }) => ({
      name: `${status}, effect late`,
      apply: async () => {
        this.later(request, by);
        return { response: { status, headers, body: JSON.stringify(body) } };
      },
    }));
    const withTimeout = {
      name: "timeout, effect late",
      apply: async () => {
        this.later(request, by);
        return { delayMs: TIMEOUT_MS };
      },
    };
    return [...withError, withTimeout];
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
    this.timeline.log(`${by}: ${request.method} ${request.url} ${request.body ?? ""}`);
    try {
      const response = await this.transport(request);
      this.timeline.log(`${by}: -> ${response.status} ${response.body.slice(0, 200)}`);
      return response;
    } finally {
      this.fault = undefined;
    }
  }

  private pick(networkFaults: readonly NetworkFault[]): NetworkFault {
    const picked = networkFaults[Math.floor(this.random() * networkFaults.length)];
    if (picked === undefined) throw new Error("there is no fault to pick");
    return picked;
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
