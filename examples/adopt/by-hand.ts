/**
 * Creates an account and a key, as somebody could have done before the program existed. Prints their ids and the value
 * of the key as variables for a shell.
 */
const server = process.env["FLEXPRICE_BASE_URL"] || "https://us.api.flexprice.io";
// Accepts an address with or without /v1, like the provider.
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
