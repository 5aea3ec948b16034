import type {
  EnforcementLevel,
  ReportViolation,
  ResourceValidation,
  ResourceValidationArgs,
} from "@pulumi/policy";
import type { Unwrap } from "@pulumi/pulumi";
import type { ApiKeyArgs } from "../resources/api-key";
import type { ServiceAccountArgs } from "../resources/service-account";
import { isApiKeyType, isServiceAccountType } from "../shared/resource-types";
import { containsUnknown } from "../shared/unknowns";

/** Options of every policy. */
export interface PolicyOptions {
  /** What a violation does: `mandatory` fails the operation, `advisory` warns. Default: the level of the pack. */
  enforcementLevel?: EnforcementLevel;
}

type Props = Readonly<Record<string, unknown>>;

/**
 * A property, even if it is unknown. Reading an unknown property the usual way ends the whole policy for this preview:
 * right for a rule about one resource, too much for a rule about a stack.
 */
export function rawProperty(props: Props, name: string): unknown {
  return Object.getOwnPropertyDescriptor(props, name)?.value;
}

/** A property, or undefined if it or a part of it is unknown. */
export function known(props: Props, name: string): unknown {
  const value = rawProperty(props, name);
  return containsUnknown(value) ? undefined : value;
}

type Validation<Inputs> = (
  inputs: Inputs,
  args: ResourceValidationArgs,
  reportViolation: ReportViolation,
) => void;

/** A rule for service accounts, whichever front end manages them. */
export function validateAccounts(
  validate: Validation<Unwrap<ServiceAccountArgs>>,
): ResourceValidation {
  return ofType(isServiceAccountType, validate);
}

/** A rule for API keys, whichever front end manages them. */
export function validateKeys(validate: Validation<Unwrap<ApiKeyArgs>>): ResourceValidation {
  return ofType(isApiKeyType, validate);
}

function ofType<Inputs>(
  isOfType: (type: string) => boolean,
  validate: Validation<Inputs>,
): ResourceValidation {
  return (args, reportViolation) => {
    if (isOfType(args.type)) validate(args.props as Inputs, args, reportViolation);
  };
}
