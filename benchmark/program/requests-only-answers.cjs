// Loaded by Pulumi's provider process. What no provider can go below: a write is one request, and nothing else is done.
"use strict";

const { serviceAccount, apiKey } = require("./do-nothing-answers.cjs");
const { Agent } = require("undici");

const agent = new Agent({ connections: 10 });
const origin = new URL(process.env.FLEXPRICE_BASE_URL);

async function ask(method, path, body) {
  const response = await agent.request({
    origin: origin.origin,
    path: `${origin.pathname}${path}`,
    method,
    headers: { "content-type": "application/json", "x-api-key": process.env.FLEXPRICE_API_KEY },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.body.text();
  if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

exports.serviceAccount = {
  ...serviceAccount,
  create: async (inputs) => {
    const { outs } = await serviceAccount.create(inputs);
    const { name, roles } = outs;
    const { id } = await ask("POST", "/users", { type: "service_account", name, roles });
    return { id, outs };
  },
  delete: async (id) => {
    await ask("DELETE", `/users/${id}`);
  },
};

exports.apiKey = {
  ...apiKey,
  create: async (inputs) => {
    const { outs } = await apiKey.create(inputs);
    const { serviceAccountId, name, type } = outs;
    const body = { name, type, service_account_id: serviceAccountId };
    const { secret } = await ask("POST", "/secrets/api/keys", body);
    return { id: secret.id, outs };
  },
  delete: async (id) => {
    await ask("DELETE", `/secrets/api/keys/${id}`);
  },
};
