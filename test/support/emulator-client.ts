import { Emulator, type EmulatorOptions } from "../../provider/emulator";

/** A clock that only moves when a test moves it. */
export class ManualClock {
  private milliseconds = Date.parse("2026-08-22T10:00:00Z");

  readonly read = (): Date => new Date(this.milliseconds);

  advance({ seconds }: { seconds: number }): void {
    this.milliseconds += seconds * 1000;
  }
}

export interface ClientResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** undefined when the body is not JSON. */
  readonly json: unknown;
}

export interface Credential {
  apiKey?: string;
  accessToken?: string;
  environmentId?: string;
}

/** Sends requests to one emulator with one credential. */
export class EmulatorClient {
  constructor(
    readonly url: string,
    readonly credential: Credential,
  ) {}

  as(credential: Credential): EmulatorClient {
    return new EmulatorClient(this.url, credential);
  }

  /** The response with an unread body, for tests of the body. */
  open(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const { apiKey, accessToken, environmentId } = this.credential;
    return fetch(this.url + path, {
      method,
      headers: {
        ...(apiKey !== undefined && { "x-api-key": apiKey }),
        ...(accessToken !== undefined && { Authorization: `Bearer ${accessToken}` }),
        ...(environmentId !== undefined && { "X-Environment-ID": environmentId }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  }

  async send(method: string, path: string, body?: unknown): Promise<ClientResponse> {
    const response = await this.open(method, path, body);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }

  async status(method: string, path: string, body?: unknown): Promise<number> {
    return (await this.send(method, path, body)).status;
  }

  /** Whether the server still accepts the credential. */
  me(): Promise<number> {
    return this.status("GET", "/users/me");
  }

  makeAccount(roles = ["event_ingestor"], name = "ci-bot"): Promise<ClientResponse> {
    return this.send("POST", "/users", { type: "service_account", name, roles });
  }
}

/** Starts an emulator with one tenant, and a client with the operator's credential. */
export async function startEmulator(options: EmulatorOptions = {}) {
  const emulator = await Emulator.start(options);
  const operator = emulator.createTenant();
  return {
    emulator,
    operator,
    client: new EmulatorClient(emulator.url, { apiKey: operator.apiKey }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
