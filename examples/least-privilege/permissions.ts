/** Tries what the keys in INGESTOR_KEY and DASHBOARD_KEY can do, and prints the status of each response. */
const server = process.env["FLEXPRICE_BASE_URL"] || "https://us.api.flexprice.io";
// Accepts an address with or without /v1, like the provider.
const baseUrl = server.replace(/(\/v1)?\/*$/, "/v1");

const event = { event_name: "api_call", external_customer_id: "example-customer" };

const attempts = [
  { what: "send an event", method: "POST", path: "/events", body: event },
  { what: "read events", method: "POST", path: "/events/query", body: {} },
  { what: "read customers", method: "GET", path: "/customers" },
  { what: "create a customer", method: "POST", path: "/customers", body: {} },
  { what: "read service accounts", method: "POST", path: "/users/search", body: { limit: 1 } },
  { what: "read API keys", method: "GET", path: "/secrets/api/keys" },
  { what: "create an API key", method: "POST", path: "/secrets/api/keys", body: {} },
];

async function statusOf(apiKey = "", { method, path, body }: (typeof attempts)[number]) {
  const response = await fetch(baseUrl + path, {
    method,
    headers: { "content-type": "application/json", "x-api-key": apiKey },
    ...(body && { body: JSON.stringify(body) }),
  });
  await response.body?.cancel();
  return response.status;
}

function line(what: string, request: string, ingestor: string, dashboard: string): string {
  return [what.padEnd(22), request.padEnd(23), ingestor.padEnd(9), dashboard].join(" ");
}

async function tryAll(): Promise<void> {
  const { INGESTOR_KEY, DASHBOARD_KEY } = process.env;
  console.log(line("", "", "ingestor", "dashboard"));
  for (const attempt of attempts) {
    const ingestor = await statusOf(INGESTOR_KEY, attempt);
    const dashboard = await statusOf(DASHBOARD_KEY, attempt);
    const request = `${attempt.method} ${attempt.path}`;
    console.log(line(attempt.what, request, String(ingestor), String(dashboard)));
  }
}

void tryAll();
