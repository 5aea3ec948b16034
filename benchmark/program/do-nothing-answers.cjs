// Loaded by Pulumi's provider process. Ids and values are as long as Flexprice's own, so that states are as large.
"use strict";

let made = 0;

function ulid() {
  made += 1;
  return `01K${String(made).padStart(23, "0")}`;
}

/** A name that nothing else has, as long as pulumi-flexprice's own. */
function uniqueName(prefix) {
  made += 1;
  return `${prefix}-${String(made).padStart(10, "0")}`;
}

const tenantId = `tenant_${ulid()}`;

const alike = {
  check: async (_olds, inputs) => ({ inputs }),
  diff: async () => ({ changes: false }),
  update: async (_id, _olds, news) => ({ outs: news }),
  delete: async () => {},
};

exports.serviceAccount = {
  ...alike,
  create: async ({ namePrefix, roles }) => {
    const name = uniqueName(namePrefix);
    return { id: `user_${ulid()}`, outs: { name, autoName: name, namePrefix, roles, tenantId } };
  },
  read: async (id, props) => {
    const { namePrefix, roles } = props;
    return { id, props, inputs: { namePrefix, roles } };
  },
};

exports.apiKey = {
  ...alike,
  create: async ({ serviceAccountId, namePrefix, type }) => {
    const name = uniqueName(namePrefix);
    return {
      id: `secret_${ulid()}`,
      outs: {
        serviceAccountId,
        name,
        autoName: name,
        namePrefix,
        type,
        apiKey: `sk_${ulid()}`,
        displayId: "sk_01***NP",
        roles: ["event_ingestor"],
        userId: serviceAccountId,
        userType: "service_account",
        createdAt: "2026-11-24T00:29:38.318555394Z",
        tenantId,
      },
    };
  },
  read: async (id, props) => ({ id, props }),
};
