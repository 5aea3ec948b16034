/**
 * A consumer of a key: sends one usage event with the key in FLEXPRICE_API_KEY, and prints the response of Flexprice.
 * Exits with status 0 if the event was accepted.
 */
const server = process.env["FLEXPRICE_BASE_URL"] || "https://us.api.flexprice.io";
// Accepts an address with or without /v1, like the provider.
const baseUrl = server.replace(/(\/v1)?\/*$/, "/v1");

async function sendEvent(): Promise<void> {
  const response = await fetch(`${baseUrl}/events`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-api-key": process.env["FLEXPRICE_API_KEY"] ?? "",
    },
    body: JSON.stringify({
      event_name: "api_call",
      external_customer_id: "quickstart-customer",
      properties: { endpoint: "/v1/reports" },
      source: "quickstart",
    }),
  });
  console.log(`POST /events: ${response.status} ${await response.text()}`);
  process.exitCode = response.ok ? 0 : 1;
}

void sendEvent();
