/**
 * Stands for whoever made an account and a key before there was a program: makes both, and prints what is known of
 * them as variables for a shell.
 */
const server = process.env["FLEXPRICE_BASE_URL"] || "https://us.api.flexprice.io";
// With or without /v1, as the provider takes it.
const baseUrl = server.replace(/(\/v1)?\/*$/, "/v1");

async function post<Answer>(path: string, body: object): Promise<Answer> {
  const response = await fetch(baseUrl + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-api-key": process.env["FLEXPRICE_API_KEY"] ?? "",
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

async function makeByHand(): Promise<void> {
  const name = "usage-ingestor";
  const account = await post<{ id: string }>("/users", {
    type: "service_account",
    name,
    roles: ["event_ingestor"],
  });
  const { secret, api_key } = await post<{ secret: { id: string }; api_key: string }>(
    "/secrets/api/keys",
    { name, type: "private_key", service_account_id: account.id },
  );
  console.log(`ACCOUNT_ID=${account.id} KEY_ID=${secret.id} KEY=${api_key}`);
}

void makeByHand();
