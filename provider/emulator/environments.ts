import { type Answer, created, ok, refuse } from "./answers";
import { bind, type Call, required } from "./call";
import { formatSeconds } from "./instant";
import type { Environment } from "./state";

const PAGE = { offset: 0, limit: 50 };
const MOST_PRODUCTION_ENVIRONMENTS = 0;

export function listEnvironments({ state, caller }: Call): Answer {
  state.reach("Failed to list environments");
  const environments = [...state.environments.values()]
    .filter(({ tenantId }) => tenantId === caller.tenantId)
    .map(environmentJson);
  return ok({ environments, total: environments.length, ...PAGE });
}

export function getEnvironment({ state, caller, parameters: [id = ""] }: Call): Answer {
  state.reach("Failed to get environment");
  const environment = state.environments.get(id);
  if (environment?.tenantId !== caller.tenantId) {
    throw refuse("not_found", "Environment not found", { environment_id: id });
  }
  return ok(environmentJson(environment));
}

export function createEnvironment(call: Call): Answer {
  const { state, caller } = call;
  const { name, type } = bind(call, "Invalid request payload", (body) => ({
    name: required(body, "name"),
    type: required(body, "type"),
  }));
  state.reach("Failed to create environment");
  if (type !== "development") {
    throw refuse(
      "validation_error",
      `You have reached the maximum limit of ${MOST_PRODUCTION_ENVIRONMENTS} ${type} environment(s)`,
    );
  }
  return created(environmentJson(state.addEnvironment(caller.tenantId, name, type)));
}

function environmentJson({ id, name, type, createdAt }: Environment): Record<string, unknown> {
  const time = formatSeconds(createdAt);
  return { id, name, type, created_at: time, updated_at: time };
}
