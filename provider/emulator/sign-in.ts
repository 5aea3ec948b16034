import { type Answer, ok, refuse } from "./answers";
import { bind, isEmail, type OpenCall, required } from "./call";
import type { User } from "./database";
import { DecodeError } from "./decoding";
import { isStorable, type State } from "./state";

const INVALID_PAYLOAD = "Please check the request payload";
const MIN_PASSWORD_LENGTH = 8;
/** Of twelve attempts with a wrong password, ten returned 400 and two 403. */
const SHARE_OF_400_FOR_WRONG_PASSWORD = 10 / 12;

/** Of thirty attempts with an unknown address, 21 returned 404 and nine 403. */
const SHARE_OF_404_FOR_UNKNOWN_EMAIL = 21 / 30;

/** A new tenant with one environment and one super_admin. */
export function signUp(call: OpenCall): Answer {
  const { state } = call;
  const { email, password, tenantName } = bind(call, INVALID_PAYLOAD, (body) => {
    const request = {
      email: required(body, "email"),
      password: required(body, "password"),
      tenantName: body.string("tenant_name"),
    };
    if ([...request.password].length < MIN_PASSWORD_LENGTH)
      throw new DecodeError("password too short");
    if (!isEmail(request.email)) throw new DecodeError("no e-mail address");
    return request;
  });
  state.reach("Failed to retrieve user by email", undefined, [email]);
  if (!isStorable(tenantName)) throw refuse("database_error", "Failed to create tenant");
  if (userByEmail(state, email)) {
    throw refuse("already_exists", "An account with this email already exists", { email });
  }
  const user = addTenantWithAdministrator(state, tenantName || "Flexprice", email, password);
  return session(call, user);
}

export function logIn(call: OpenCall): Answer {
  const { state } = call;
  const { email, password } = bind(call, INVALID_PAYLOAD, (body) => ({
    email: required(body, "email"),
    password: required(body, "password"),
  }));
  state.reach("Failed to retrieve user by email", undefined, [email]);
  const user = userByEmail(state, email);
  if (!user) {
    const isNotFound = state.random() < SHARE_OF_404_FOR_UNKNOWN_EMAIL;
    const code = isNotFound ? "not_found" : "permission_denied";
    throw refuse(code, "User not found with the provided email", { email });
  }
  if (user.password !== password) {
    const isValidation = state.random() < SHARE_OF_400_FOR_WRONG_PASSWORD;
    throw refuse(isValidation ? "validation_error" : "permission_denied", "Invalid password");
  }
  return session(call, user);
}

export function addTenantWithAdministrator(
  state: State,
  tenantName: string,
  email: string,
  password: string,
): User {
  const tenant = state.addTenant(tenantName);
  state.addEnvironment(tenant.id, "Sandbox");
  return state.addUser({
    tenantId: tenant.id,
    type: "user",
    email,
    password,
    roles: ["super_admin"],
  });
}

function session({ issueToken }: OpenCall, { id, tenantId }: User): Answer {
  return ok({ token: issueToken(id, tenantId), user_id: id, tenant_id: tenantId });
}

function userByEmail(state: State, email: string): User | undefined {
  return [...state.users.values()].find(
    (user) => user.email === email && user.status === "published",
  );
}
