import type {
  PolicyResource,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import { isApiKeyType, isServiceAccountType } from "../shared/resource-types";
import { known, type PolicyOptions, validateAccounts, validateKeys } from "./policy";

/**
 * Rejects service accounts with `super_admin`, and private keys that do not act for a service account. A key without
 * `serviceAccountId` acts for the caller, and a caller who creates keys for others is a super_admin.
 *
 * Checks resources before they are created. It does not see the roles of accounts that other stacks manage.
 *
 * @param options - Options of the policy.
 */
export function noSuperAdmin(options: PolicyOptions = {}): ResourceValidationPolicy {
  return {
    name: "flexprice-no-super-admin",
    description: "Services do not act with super_admin.",
    ...options,
    validateResource: [
      validateAccounts(({ roles }, _args, reportViolation) => {
        if (!roles.includes("super_admin")) return;
        reportViolation(
          "super_admin can do everything in the tenant, including creating keys for others. Give the account the roles that its service needs: event_ingestor to send events, event_reader to read them.",
        );
      }),
      validateKeys((key, _args, reportViolation) => {
        if (key.type === "publishable_key" || Object.hasOwn(key, "serviceAccountId")) return;
        reportViolation(
          "Without serviceAccountId the key acts for the caller, with all permissions of the caller. Set serviceAccountId to the id of a ServiceAccount.",
        );
      }),
    ],
  };
}

/**
 * One service account per service, as Flexprice's guide recommends. Rejects accounts of the same name, which look
 * alike in the dashboard, and several private keys of one account, which is what two services that share an account
 * look like. Compares only accounts and keys of the same connection.
 *
 * Accounts without a `name` have unique names. Several may share a `namePrefix`, such as the name of their team.
 *
 * Runs at the end of a preview or an update. It does not see who uses a key, or what other stacks create.
 *
 * @param options - Options of the policy.
 */
export function accountPerService(options: PolicyOptions = {}): StackValidationPolicy {
  return {
    name: "flexprice-account-per-service",
    description: "Each service has its own service account.",
    ...options,
    validateStack({ resources }, reportViolation) {
      const accounts = resources.filter(({ type }) => isServiceAccountType(type));
      for (const { names, urn } of duplicatesBy(accounts, ({ props }) => known(props, "name"))) {
        reportViolation(
          `Service accounts ${names} have the same name, and look alike in the dashboard. Name each after its service.`,
          urn,
        );
      }
      const keys = resources.filter(
        ({ type, props }) => isApiKeyType(type) && known(props, "type") === "private_key",
      );
      for (const { names, urn } of duplicatesBy(keys, ownerOf)) {
        reportViolation(
          `API keys ${names} act for the same service account. Create one account per service, so that each has its own roles and can be revoked alone.`,
          urn,
        );
      }
    },
  };
}

/** The account's id, or the resource it comes from while the id is unknown. */
function ownerOf({ props, propertyDependencies }: PolicyResource): unknown {
  const [account, ...others] = propertyDependencies["serviceAccountId"] ?? [];
  return known(props, "serviceAccountId") ?? (others.length === 0 ? account?.urn : undefined);
}

/** Groups of two or more resources of one connection with the same trait. */
function duplicatesBy(
  resources: readonly PolicyResource[],
  traitOf: (resource: PolicyResource) => unknown,
): { names: string; urn: string | undefined }[] {
  const groups = new Map<string, PolicyResource[]>();
  for (const resource of resources) {
    const trait = traitOf(resource);
    if (trait === undefined) continue;
    const group = JSON.stringify([trait, known(resource.props, "connection")]);
    groups.set(group, [...(groups.get(group) ?? []), resource]);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.sort((a, b) => a.urn.localeCompare(b.urn)))
    .map((group) => ({ names: quotedNames(group), urn: group.at(-1)?.urn }));
}

function quotedNames(resources: readonly PolicyResource[]): string {
  return resources.map(({ name }) => `"${name}"`).join(", ");
}
