/** A typical hand-written dynamic provider: closures over `fetch`, and a request for every call. */
import * as pulumi from "@pulumi/pulumi";

interface Account {
  name: string;
  roles: string[];
}

interface Key {
  serviceAccountId: string;
  name: string;
  type: string;
}

async function ask(method: string, path: string, body?: object) {
  const response = await fetch(`${process.env["FLEXPRICE_BASE_URL"]}${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      "x-api-key": process.env["FLEXPRICE_API_KEY"] ?? "",
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

const accounts: pulumi.dynamic.ResourceProvider<Account> = {
  async create(inputs) {
    const { id, tenant } = await ask("POST", "/users", { type: "service_account", ...inputs });
    return { id, outs: { ...inputs, tenantId: tenant.id } };
  },
  async diff(_id, olds, news) {
    const replaces = JSON.stringify(olds.roles) === JSON.stringify(news.roles) ? [] : ["roles"];
    return { changes: replaces.length > 0 || olds.name !== news.name, replaces };
  },
  async read(id, props) {
    const { items } = await ask("POST", "/users/search", { user_ids: [id], limit: 1 });
    if (items.length === 0) return { id: "" };
    return { id, props: { ...props, name: items[0].name, roles: items[0].roles } };
  },
  async update(id, olds, news) {
    await ask("PUT", `/users/${id}`, { name: news.name });
    return { outs: { ...olds, name: news.name } };
  },
  async delete(id) {
    await ask("DELETE", `/users/${id}`);
  },
};

const keys: pulumi.dynamic.ResourceProvider<Key> = {
  async create(inputs) {
    const { secret, api_key } = await ask("POST", "/secrets/api/keys", {
      name: inputs.name,
      type: inputs.type,
      service_account_id: inputs.serviceAccountId,
    });
    return {
      id: secret.id,
      outs: {
        ...inputs,
        apiKey: api_key,
        displayId: secret.display_id,
        roles: secret.roles,
        userId: secret.user_id,
        userType: secret.user_type,
        createdAt: secret.created_at,
      },
    };
  },
  async diff(_id, olds, news) {
    const replaces = (["serviceAccountId", "name", "type"] as const).filter(
      (property) => olds[property] !== news[property],
    );
    return { changes: replaces.length > 0, replaces };
  },
  async read(id, props) {
    const { items } = await ask("GET", `/secrets/api/keys?user_id=${props?.serviceAccountId}`);
    const found = items.find((item: { id: string }) => item.id === id);
    if (found === undefined) return { id: "" };
    return { id, props: { ...props, name: found.name, roles: found.roles } };
  },
  async delete(id) {
    await ask("DELETE", `/secrets/api/keys/${id}`);
  },
};

export class ServiceAccount extends pulumi.dynamic.Resource {
  constructor(name: string, args: { roles: string[] }) {
    super(accounts, name, { name, ...args, tenantId: undefined }, undefined, "naive", "Account");
  }
}

export class ApiKey extends pulumi.dynamic.Resource {
  constructor(name: string, args: { serviceAccountId: pulumi.Input<string> }) {
    const outputs = {
      apiKey: undefined,
      displayId: undefined,
      roles: undefined,
      userId: undefined,
    };
    super(
      keys,
      name,
      { name, type: "private_key", ...args, ...outputs, userType: undefined, createdAt: undefined },
      { additionalSecretOutputs: ["apiKey"] },
      "naive",
      "ApiKey",
    );
  }
}
