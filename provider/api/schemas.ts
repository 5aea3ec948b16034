import { z } from "zod";

/**
 * The parts of Flexprice's responses that the provider relies on. Other fields are ignored, so that a server which adds
 * some stays readable.
 */

/** Ids go into paths: anything else must not turn into another path. */
const id = z.string().regex(/^\w[\w-]*$/, "is not an id");

const tenant = z.object({ id: z.string().min(1) });

export const user = z.object({
  id,
  // Left out by the server when empty.
  name: z.string().default(""),
  type: z.string(),
  roles: z.array(z.string()).default([]),
  tenant,
});
/** A user or service account, as POST /users, PUT /users/{id}, /users/me and /users/search show it. */
export type User = z.infer<typeof user>;

// `pagination.offset` is of no use: the server answers with the offset asked for plus the limit.
const pagination = z.object({ total: z.number().int().nonnegative() });

export const userPage = z.object({ items: z.array(user), pagination });

const key = z.object({
  id,
  name: z.string().default(""),
  type: z.string(),
  display_id: z.string().default(""),
  roles: z.array(z.string()).nullish(),
  user_type: z.string().default(""),
  user_id: z.string().default(""),
  // Of a service account that is not archived.
  service_account_name: z.string().optional(),
  expires_at: z.string().nullish(),
  status: z.string(),
  created_at: z.string(),
});
/** An API key without its value, as POST and GET /secrets/api/keys show it. */
export type Key = z.infer<typeof key>;

export const keyPage = z.object({ items: z.array(key), pagination });

export const createdKey = z.object({ secret: key, api_key: z.string().min(1) });
/** The only response that ever holds a key's value. */
export type CreatedKey = z.infer<typeof createdKey>;

const role = z.object({
  id: z.string(),
  name: z.string().default(""),
  description: z.string().default(""),
  permissions: z.record(z.string(), z.array(z.string())).default({}),
});
export type Role = z.infer<typeof role>;

export const roles = z.object({ roles: z.array(role) });

/** All three error shapes of the server at once. */
export const apiErrorSchema = z.object({
  code: z.string().optional(),
  message: z.string().optional(),
  error: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type ApiError = z.infer<typeof apiErrorSchema>;
