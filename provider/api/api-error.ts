import type { Credential } from "../config/read";
import { type ErrorKind, FlexpriceError } from "../shared/errors";
import { parseJson } from "../shared/json";
import { redact } from "../shared/redaction";
import { isTransient, type Safety } from "./retry";
import { type ApiError, apiErrorSchema } from "./schemas";
import {
  type HttpRequest,
  type HttpResponse,
  proxyVariable,
  type TransportFailure,
} from "./transport";

/** The parts of a call that its errors describe. */
export interface DescribedCall {
  readonly method: HttpRequest["method"];
  /** Below the base URL, with a leading slash; already encoded. */
  readonly path: string;
  readonly safety: Safety;
  /** What the call alone does, in the infinitive, for errors outside of any operation. */
  readonly label: string;
}

/** Where calls go, and with what. */
interface Target {
  /** With `/v1`, without a slash at the end. */
  readonly baseUrl: string;
  readonly credential: Pick<Credential, "kind" | "source">;
}

/** The error for a 2xx response that cannot be read. */
export function unreadableResponse(
  call: DescribedCall,
  { status }: HttpResponse,
  fault: string,
  { baseUrl }: Target,
): FlexpriceError {
  return new FlexpriceError({
    kind: call.safety === "unsafe" ? "outcome_unknown" : "malformed_response",
    defaultOperation: call.label,
    reason: `${endpointOf(call, baseUrl)} answered ${status}, but the response ${fault}`,
    fix: `check that ${baseUrl} is a Flexprice API and that no proxy in between rewrites or truncates its responses.`,
    status,
  });
}

/** The error for a response other than 2xx, and what the response says about the server. */
export function responseError(
  call: DescribedCall,
  response: HttpResponse,
  target: Target,
): {
  readonly error: FlexpriceError;
  /** Whether Flexprice itself rejected the request, before it changed anything. */
  readonly isRefusal: boolean;
  /** Whether it failed because of its own outage. */
  readonly isOutage: boolean;
} {
  const { status, body } = response;
  const { baseUrl } = target;
  const apiError = parseApiError(response);
  const kind = kindOf(call, response, apiError);
  const location = redirectTarget(baseUrl + call.path, response);
  const message = apiError === undefined ? excerpt(body) : formatApiError(apiError);
  const code = apiError?.code === undefined ? "" : ` ${apiError.code}`;
  return {
    isRefusal: apiError !== undefined && status >= 400 && status < 500 && !isTransient(status),
    isOutage: isOutage(response, apiError),
    error: new FlexpriceError({
      kind,
      defaultOperation: call.label,
      reason: `Flexprice answered ${status}${code}: ${
        location === undefined ? message : `it redirects to ${location}`
      } (${endpointOf(call, baseUrl)})`,
      fix: responseFix(call, response, location, baseUrl) ?? fixFor(kind, target),
      status,
      code: apiError?.code,
    }),
  };
}

/** The error for a request without a complete response. */
export function requestError(
  call: DescribedCall,
  failure: TransportFailure,
  target: Target,
): FlexpriceError {
  const { baseUrl } = target;
  const kind = kindOfFailure(call, failure);
  return new FlexpriceError({
    kind,
    defaultOperation: call.label,
    reason: `no response from ${endpointOf(call, baseUrl)}: ${failure.message}`,
    fix:
      connectionFix(failure, baseUrl) ??
      (kind === "server_error"
        ? `run the command again; if it keeps failing, check whether ${baseUrl} can be reached from here without a gateway that closes connections.`
        : fixFor(kind, target)),
  });
}

function endpointOf({ method, path }: DescribedCall, baseUrl: string): string {
  return `${method} ${baseUrl}${path}`;
}

function kindOfFailure({ safety }: DescribedCall, { requestSent }: TransportFailure): ErrorKind {
  if (requestSent === "no") return "unreachable";
  return safety === "unsafe" ? "outcome_unknown" : "server_error";
}

/** The fix for a kind of error. */
function fixFor(kind: ErrorKind, { credential, baseUrl }: Target): string {
  switch (kind) {
    case "unauthenticated":
      return `check the credential from ${credential.source}: it is unknown, expired or revoked there, or belongs to another server than ${baseUrl}. A server whose database is down responds like this too. refresh and destroy use the config of the last update: after changing a credential in the config run "pulumi up" first, or set the environment variable.`;
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
    case "malformed_response":
      return `check that ${baseUrl} is a Flexprice API (it ends in /v1).`;
    case "outcome_unknown":
      return "run the command again: the provider looks for what this request may have created.";
    case "server_error":
      return "run the command again. The server failed; repeating this request is safe.";
    default:
      return "correct the program or the settings and run the command again.";
  }
}

/** The fix for a failure of the connection itself; undefined: no special one. */
function connectionFix(
  { code = "", message, requestSent }: TransportFailure,
  baseUrl: string,
): string | undefined {
  const { protocol, hostname } = new URL(baseUrl);
  const set = "set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to";
  if (/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/.test(code)) {
    return "this machine does not trust the authority that signed the server's certificate: save the certificate of that authority to a file, and set the environment variable NODE_EXTRA_CA_CERTS to its path. Nothing was sent.";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate is for another name than ${hostname}: ${set} a name that it has. Nothing was sent.`;
  }
  if (/^CERT_/.test(code)) {
    return "the server's certificate is not valid today: check its dates and the clock of this machine. Nothing was sent.";
  }
  if (
    protocol === "https:" &&
    (code === "EPROTO" || /WRONG_VERSION_NUMBER|packet length/i.test(code + message))
  ) {
    return `the server does not speak TLS at this port: ${set} http://… if that is intended, or to the port for https. Nothing was sent.`;
  }
  const proxy = proxyVariable(baseUrl);
  if (proxy !== undefined && requestSent === "no") {
    return `check the proxy that the environment variable ${proxy} names: it must be reachable from here and let ${hostname} through. To bypass it for this host, add ${hostname} to NO_PROXY. Nothing was sent.`;
  }
  if (protocol === "http:" && /HPE_INVALID|ECONNRESET|UND_ERR_SOCKET/.test(code)) {
    return `run the command again; if it keeps failing, and the server speaks TLS at this port, ${set} https://….`;
  }
  return undefined;
}

/** The responses of nginx, Go and Apache to plain HTTP at a TLS port. */
const WANTS_TLS =
  /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL/i;

/** The fix for a particular response; undefined: the one for its kind. */
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
      ? `${set} the address of the API itself: a redirect is not followed, since the credential goes to one host only. If it leads to a sign-in page, that page must let requests with an API key through.`
      : `${set} ${moved}: a redirect is not followed, since the credential goes to one host only.`;
  }
  if (status === 400 && WANTS_TLS.test(body)) {
    return `the server speaks TLS at this port: ${set} ${baseUrl.replace(/^http:/, "https:")}.`;
  }
  if (status === 403 && /suspended/i.test(body)) {
    return "the tenant is suspended, and no credential can change anything in it: contact Flexprice, or whoever runs the server, and then run the command again.";
  }
  return undefined;
}

/** The target of a redirect, without its query, which may contain secrets. Undefined for other responses. */
function redirectTarget(url: string, { status, headers }: HttpResponse): string | undefined {
  const { location } = headers;
  if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, url)) {
    return undefined;
  }
  const { origin, pathname } = new URL(location, url);
  return `${origin}${pathname}`;
}

/** Whether the response is that of a server whose database is down. For an unknown user, it is "User not found". */
function isOutage({ status }: HttpResponse, apiError: ApiError | undefined): boolean {
  return status === 404 && apiError?.message === "Failed to retrieve user";
}

function kindOf(
  call: DescribedCall,
  response: HttpResponse,
  apiError: ApiError | undefined,
): ErrorKind {
  switch (response.status) {
    case 400:
      // The server has one code for all 400s; only the message identifies this one.
      return /revoke all api keys/i.test(apiError?.message ?? "") ? "has_active_keys" : "invalid";
    case 401:
      return "unauthenticated";
    case 403:
      return apiError?.error === "Access denied" ? "wrong_environment" : "forbidden";
    case 404:
      if (isOutage(response, apiError)) return "server_error";
      // A 404 without this code comes from a path that the server does not have: the base URL is wrong.
      return apiError?.code === "not_found" ? "not_found" : "malformed_response";
    case 409:
      return "conflict";
    case 429:
      return "throttled";
  }
  if (response.status >= 500 || response.status === 408) {
    return call.safety === "unsafe" ? "outcome_unknown" : "server_error";
  }
  return response.status < 400 ? "malformed_response" : "invalid";
}

function parseApiError(response: HttpResponse): ApiError | undefined {
  const parsed = apiErrorSchema.safeParse(parseJson(response.body));
  if (!parsed.success) return undefined;
  const { code, message, error } = parsed.data;
  return (code ?? message ?? error) ? parsed.data : undefined;
}

function formatApiError({ message, error, details }: ApiError): string {
  const text = [error, message].filter((part) => part !== undefined).join(": ");
  return details === undefined ? text : `${text} ${JSON.stringify(details)}`;
}

/** The beginning of a body, for messages. */
export function excerpt(body: string): string {
  if (body === "") return "(an empty body)";
  // Redact before cutting: half of a secret would not be recognized.
  const clean = redact(body);
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}
