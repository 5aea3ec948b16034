import { type Answer, created, ok, refuse } from "./answers";
import { bind, type Call, invalidField } from "./call";
import type { Environment } from "./database";
import { formatSeconds } from "./instant";

const PAGE = { offset: 0, limit: 50 };
const MAX_PRODUCTION_ENVIRONMENTS = 0;

export function listEnvironments({ state, caller }: Call): Answer {
  state.reach("Failed to list environments");
  const environments = [...state.environments.values()]
    .filter(({ tenantId }) => tenantId === caller.tenantId)
    .map(environmentJson);
  return ok({ environments, total: environments.length, ...PAGE });
}

export function getEnvironment({ state, caller, parameters: [id = ""] }: Call): Answer {
  state.reach("Failed to get environment", undefined, [id]);
  const environment = state.environments.get(id);
  if (environment?.tenantId !== caller.tenantId) {
    throw refuse("not_found", "Environment not found", { environment_id: id });
  }
  return ok(environmentJson(environment));
}

export function createEnvironment(call: Call): Answer {
  const { state, caller } = call;
  const { name, type } = bind(call, "Invalid request payload", (body) => ({
    name: body.string("name"),
    type: body.string("type"),
  }));
  if (name === "") throw invalidField("CreateEnvironmentRequest", "Name", "required");
  if (type === "") throw invalidField("CreateEnvironmentRequest", "Type", "required");
  state.reach("Failed to create environment", undefined, [name, type]);
  if (type === "production") {
    throw refuse(
      "validation_error",
      `You have reached the maximum limit of ${MAX_PRODUCTION_ENVIRONMENTS} production environment(s)`,
    );
  }
  return created(environmentJson(state.addEnvironment(caller.tenantId, name, type)));
}

function environmentJson({ id, name, type, createdAt }: Environment): Record<string, unknown> {
  const time = formatSeconds(createdAt);
  return { id, name, type, created_at: time, updated_at: time };
}
