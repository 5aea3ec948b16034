import {
  type PolicyResource,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
  validateResourceOfType,
} from "@pulumi/policy";
import { ApiKey } from "../resources/api-key";
import { ServiceAccount } from "../resources/service-account";
import type { PolicyOptions } from "./options";
import { known } from "./props";

/**
 * No service account holds `super_admin`, and every private key acts for a service account: one without
 * `serviceAccountId` acts for the caller, and a caller who makes keys for others is a super_admin.
 *
 * Checked before anything is made. Not seen: the roles of an account that another stack manages.
 *
 * @param options - Options of the policy.
 */
export function noSuperAdmin(options: PolicyOptions = {}): ResourceValidationPolicy {
  return {
    name: "flexprice-no-super-admin",
    description: "Services do not act with super_admin.",
    ...options,
    validateResource: [
      validateResourceOfType(ServiceAccount, ({ roles }, _args, reportViolation) => {
        if (!roles.includes("super_admin")) return;
        reportViolation(
          "super_admin may do everything in the tenant, make keys for others included. Give the account the roles that its service needs: event_ingestor to send events, event_reader to read them.",
        );
      }),
      validateResourceOfType(ApiKey, (key, _args, reportViolation) => {
        if (key.type === "publishable_key" || Object.hasOwn(key, "serviceAccountId")) return;
        reportViolation(
          "Without serviceAccountId the key acts for the caller, with all that the caller may do. Set serviceAccountId to the id of a ServiceAccount.",
        );
      }),
    ],
  };
}

/**
 * One service account a service, as Flexprice's guide asks. Of that a stack shows two things: accounts of the same
 * name, which no dashboard tells apart, and several private keys of one account, which is what two services that
 * share it look like. Keys and accounts of different connections are compared with their like only.
 *
 * Accounts whose program sets no `name` have unique names. Several may share a `namePrefix`, such as that of their
 * team: it does not tell who uses them.
 *
 * At the end of a preview or an update. Not seen: who uses a key, and what other stacks make.
 *
 * @param options - Options of the policy.
 */
export function accountPerService(options: PolicyOptions = {}): StackValidationPolicy {
  return {
    name: "flexprice-account-per-service",
    description: "Each service has a service account of its own.",
    ...options,
    validateStack({ resources }, reportViolation) {
      const accounts = resources.filter((resource) => resource.isType(ServiceAccount));
      for (const { names, urn } of alike(accounts, ({ props }) => known(props, "name"))) {
        reportViolation(
          `Service accounts ${names} have the same name, which no dashboard tells apart. Name each after its service.`,
          urn,
        );
      }
      const keys = resources.filter(
        (resource) => resource.isType(ApiKey) && known(resource.props, "type") === "private_key",
      );
      for (const { names, urn } of alike(keys, ownerOf)) {
        reportViolation(
          `API keys ${names} act for the same service account. Make an account for each service: it then has its own roles, and can be cut off alone.`,
          urn,
        );
      }
    },
  };
}

/** The account's id; while that is unknown, the resource it comes from. */
function ownerOf({ props, propertyDependencies }: PolicyResource): unknown {
  const [account, ...others] = propertyDependencies["serviceAccountId"] ?? [];
  return known(props, "serviceAccountId") ?? (others.length === 0 ? account?.urn : undefined);
}

/** Resources of one connection for which the trait is the same, where there are several. */
function alike(
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
    .map((group) => ({ names: listed(group), urn: group.at(-1)?.urn }));
}

function listed(resources: readonly PolicyResource[]): string {
  return resources.map(({ name }) => `"${name}"`).join(", ");
}
