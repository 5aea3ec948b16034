import type { ContractCase } from "./case";
import {
  AUTHENTICATION,
  ENVIRONMENTS_AND_PROTOCOL,
  PERMISSIONS_OF_KEYS,
  ROLES,
} from "./cases/access";
import {
  ARCHIVING_ACCOUNTS,
  CREATING_ACCOUNTS,
  READING_AND_RENAMING_ACCOUNTS,
} from "./cases/accounts";
import { CREATING_KEYS, LISTING_KEYS, REVOKING_KEYS } from "./cases/keys";
import { SEARCHING_ACCOUNTS } from "./cases/search";

/** The responses of a Flexprice server, by subject. */
export const CASES: Readonly<Record<string, readonly ContractCase[]>> = {
  authentication: AUTHENTICATION,
  "creating accounts": CREATING_ACCOUNTS,
  "searching accounts": SEARCHING_ACCOUNTS,
  "reading and renaming accounts": READING_AND_RENAMING_ACCOUNTS,
  "archiving accounts": ARCHIVING_ACCOUNTS,
  "creating keys": CREATING_KEYS,
  "listing keys": LISTING_KEYS,
  "revoking keys": REVOKING_KEYS,
  roles: ROLES,
  "permissions of keys": PERMISSIONS_OF_KEYS,
  "environments and protocol": ENVIRONMENTS_AND_PROTOCOL,
};
