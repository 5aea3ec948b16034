import type { Credential } from "../config/read";
import { type ErrorKind, FlexpriceError } from "../shared/errors";
import { parseJson } from "../shared/json";
import { redact } from "../shared/redaction";
import { isTransient, type Safety } from "./retry";
import { type ApiError, apiError } from "./schemas";
import {
  type HttpRequest,
  type HttpResponse,
  proxyVariable,
  type TransportFailure,
} from "./transport";

/** What an error tells of a call. */
export interface DescribedCall {
  readonly method: HttpRequest["method"];
  /** Below the base URL, with a leading slash; already encoded. */
  readonly path: string;
  readonly safety: Safety;
  /** What the call is for, in the infinitive. */
  readonly operation: string;
}

/** Where calls go, and with what. */
interface Target {
  /** With `/v1`, without a slash at the end. */
  readonly baseUrl: string;
  readonly credential: Pick<Credential, "kind" | "source">;
}

/** The error of a 2xx that cannot be read. */
export function unreadableResponse(
  call: DescribedCall,
  { status }: HttpResponse,
  fault: string,
  { baseUrl }: Target,
): FlexpriceError {
  return new FlexpriceError({
    kind: call.safety === "unsafe" ? "outcome_unknown" : "malformed_answer",
    operation: call.operation,
    reason: `${where(call, baseUrl)} answered ${status}, but the answer ${fault}`,
    fix: `check that ${baseUrl} is a Flexprice API and that no proxy in between rewrites or cuts its answers.`,
    status,
  });
}

/** The error of a response that is no 2xx, and what it tells of the server. */
export function responseError(
  call: DescribedCall,
  response: HttpResponse,
  target: Target,
): {
  readonly error: FlexpriceError;
  /** Whether Flexprice itself declined, before it did anything. */
  readonly isRefusal: boolean;
  /** Whether it declined because of trouble of its own. */
  readonly isOutage: boolean;
} {
  const { status, body } = response;
  const { baseUrl } = target;
  const said = parseApiError(response);
  const kind = kindOf(call, response, said);
  const location = redirectTarget(baseUrl + call.path, response);
  const told = said === undefined ? excerpt(body) : formatApiError(said);
  const code = said?.code === undefined ? "" : ` ${said.code}`;
  return {
    isRefusal: said !== undefined && status >= 400 && status < 500 && !isTransient(status),
    isOutage: saysOutage(response, said),
    error: new FlexpriceError({
      kind,
      operation: call.operation,
      reason: `Flexprice answered ${status}${code}: ${
        location === undefined ? told : `it redirects to ${location}`
      } (${where(call, baseUrl)})`,
      fix: responseFix(call, response, location, baseUrl) ?? fixFor(kind, target),
      status,
      code: said?.code,
    }),
  };
}

/** The error of a request that got no whole response. */
export function requestError(
  call: DescribedCall,
  failure: TransportFailure,
  target: Target,
): FlexpriceError {
  const { baseUrl } = target;
  const kind = kindOfFailure(call, failure);
  return new FlexpriceError({
    kind,
    operation: call.operation,
    reason: `no answer from ${where(call, baseUrl)}: ${failure.message}`,
    fix:
      connectionFix(failure, baseUrl) ??
      (kind === "server_error"
        ? `run the command again; if it goes on, look whether ${baseUrl} can be reached from here without a gateway that cuts connections.`
        : fixFor(kind, target)),
  });
}

function where({ method, path }: DescribedCall, baseUrl: string): string {
  return `${method} ${baseUrl}${path}`;
}

function kindOfFailure({ safety }: DescribedCall, { requestSent }: TransportFailure): ErrorKind {
  if (requestSent === "no") return "unreachable";
  return safety === "unsafe" ? "outcome_unknown" : "server_error";
}

/** What helps against a kind of error. */
function fixFor(kind: ErrorKind, { credential, baseUrl }: Target): string {
  switch (kind) {
    case "unauthenticated":
      return `check the credential from ${credential.source}: it is unknown, expired or revoked there, or belongs to another server than ${baseUrl}. A server whose database is down answers like this too. refresh and destroy use the config of the last update: after changing a credential in the config run "pulumi up" first, or set the environment variable.`;
    case "forbidden":
      return `use a credential that may do this (now: ${credential.source}): accounts need a role with write access to users, keys of service accounts a super_admin user.`;
    case "wrong_environment":
      return `set flexprice:environmentId (or FLEXPRICE_ENVIRONMENT_ID) to an environment of this tenant: ${
        credential.kind === "apiKey"
          ? "an API key from a self-hosted server's own configuration needs it, as access tokens do."
          : "access tokens need it."
      }`;
    case "unreachable":
      return `check flexprice:baseUrl (or FLEXPRICE_BASE_URL) and that ${baseUrl} can be reached from here; nothing was sent.`;
    case "throttled":
      return "wait a moment and run the command again; nothing was changed by this request.";
    case "malformed_answer":
      return `check that ${baseUrl} is a Flexprice API (it ends in /v1).`;
    case "outcome_unknown":
      return "run the command again: the provider looks for what this request may have made.";
    case "server_error":
      return "run the command again. The server failed; this request changes nothing twice.";
    default:
      return "correct the program or the settings and run the command again.";
  }
}

/** What helps against a failure of the connection itself; undefined: nothing special. */
function connectionFix(
  { code = "", message, requestSent }: TransportFailure,
  baseUrl: string,
): string | undefined {
  const { protocol, hostname } = new URL(baseUrl);
  const set = "set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to";
  if (/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/.test(code)) {
    return "this machine does not know who has signed the server's certificate: write the certificate of that authority into a file, and set the environment variable NODE_EXTRA_CA_CERTS to its path. Nothing was sent.";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate is for another name than ${hostname}: ${set} a name that it has. Nothing was sent.`;
  }
  if (/^CERT_/.test(code)) {
    return "the server's certificate is not valid today: look at its dates, and at the clock of this machine. Nothing was sent.";
  }
  if (
    protocol === "https:" &&
    (code === "EPROTO" || /WRONG_VERSION_NUMBER|packet length/i.test(code + message))
  ) {
    return `the server does not speak TLS at this port: ${set} http://… if it is meant to be so, or to the port for https. Nothing was sent.`;
  }
  const proxy = proxyVariable(baseUrl);
  if (proxy !== undefined && requestSent === "no") {
    return `check the proxy that the environment variable ${proxy} names: it has to be reachable from here and to let ${hostname} through. To go without it to this host, add ${hostname} to NO_PROXY. Nothing was sent.`;
  }
  if (protocol === "http:" && /HPE_INVALID|ECONNRESET|UND_ERR_SOCKET/.test(code)) {
    return `run the command again; if it goes on, and the server speaks TLS at this port, ${set} https://….`;
  }
  return undefined;
}

/** What servers answer who are spoken to without TLS where they expect it: nginx, Go and Apache. */
const WANTS_TLS =
  /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL/i;

/** What helps against one answer in particular; undefined: what helps against its kind. */
function responseFix(
  { path }: DescribedCall,
  { status, body }: HttpResponse,
  target: string | undefined,
  baseUrl: string,
): string | undefined {
  const set = "set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to";
  if (target !== undefined) {
    const moved = target.endsWith(path) ? target.slice(0, -path.length) : undefined;
    return moved === undefined || moved === baseUrl
      ? `${set} the address of the API itself: a redirect is not followed, since the credential goes to one host only. If this is a page to sign in, it must let requests with an API key through.`
      : `${set} ${moved}: a redirect is not followed, since the credential goes to one host only.`;
  }
  if (status === 400 && WANTS_TLS.test(body)) {
    return `the server speaks TLS at this port: ${set} ${baseUrl.replace(/^http:/, "https:")}.`;
  }
  if (status === 403 && /suspended/i.test(body)) {
    return "the tenant is suspended, and no credential can change anything in it: settle that with Flexprice, or with those who run the server, and run the command again.";
  }
  return undefined;
}

/** Where a redirect leads, without the query, which may hold what is to be kept secret; undefined: it is none. */
function redirectTarget(asked: string, { status, headers }: HttpResponse): string | undefined {
  const { location } = headers;
  if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, asked)) {
    return undefined;
  }
  const { origin, pathname } = new URL(location, asked);
  return `${origin}${pathname}`;
}

/** A server says so of a user whose database is away; one that is not there is "User not found". */
function saysOutage({ status }: HttpResponse, said: ApiError | undefined): boolean {
  return status === 404 && said?.message === "Failed to retrieve user";
}

function kindOf(
  call: DescribedCall,
  response: HttpResponse,
  said: ApiError | undefined,
): ErrorKind {
  switch (response.status) {
    case 400:
      // The server has one code for every refused request; only the words tell this one apart.
      return /revoke all api keys/i.test(said?.message ?? "") ? "has_active_keys" : "invalid";
    case 401:
      return "unauthenticated";
    case 403:
      return said?.error === "Access denied" ? "wrong_environment" : "forbidden";
    case 404:
      if (saysOutage(response, said)) return "server_error";
      // A path that the server does not route is plain text: the base URL is wrong, nothing is missing.
      return said?.code === "not_found" ? "not_found" : "malformed_answer";
    case 409:
      return "conflict";
    case 429:
      return "throttled";
  }
  if (response.status >= 500 || response.status === 408) {
    return call.safety === "unsafe" ? "outcome_unknown" : "server_error";
  }
  return response.status < 400 ? "malformed_answer" : "invalid";
}

function parseApiError(response: HttpResponse): ApiError | undefined {
  const parsed = apiError.safeParse(parseJson(response.body));
  if (!parsed.success) return undefined;
  const { code, message, error } = parsed.data;
  return (code ?? message ?? error) ? parsed.data : undefined;
}

function formatApiError({ message, error, details }: ApiError): string {
  const said = [error, message].filter((part) => part !== undefined).join(": ");
  return details === undefined ? said : `${said} ${JSON.stringify(details)}`;
}

/** The beginning of a body, for a reader. */
export function excerpt(body: string): string {
  if (body === "") return "(an empty body)";
  // Before it is cut: half of a secret would not be recognised as one.
  const clean = redact(body);
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}
