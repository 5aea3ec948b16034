import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { durationMs } from "../shared/duration";
import { isApiKeyType } from "../shared/resource-types";
import { known, type PolicyOptions, rawProperty, validateKeys } from "./policy";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** A private key anywhere in a text. Publishable keys are not secret. */
const PRIVATE_KEY = /\bsk_[0-9A-HJKMNP-TV-Z]{26}\b/g;

/** Options of {@link keysExpire}. */
export interface KeysExpireOptions extends PolicyOptions {
  /** The longest lifetime of a key, in days; also the policy's config `maxDays`. Default: 90. */
  maxDays?: number;
}

/**
 * Rejects keys that never expire, or later than after `maxDays` days: with `expiresIn`, counted from the creation of
 * the key; with `expiresAt`, from now. Previews themselves reject an `expiresAt` in the past.
 *
 * Checks keys before they are created. If the expiry is unknown in the preview, `pulumi up` checks it.
 *
 * @param options - Options of the policy.
 */
export function keysExpire(options: KeysExpireOptions = {}): ResourceValidationPolicy {
  const { maxDays: defaultMaxDays = 90, ...policy } = options;
  return {
    name: "flexprice-keys-expire",
    description: "API keys expire.",
    ...policy,
    configSchema: {
      properties: { maxDays: { type: "number", exclusiveMinimum: 0, default: defaultMaxDays } },
    },
    validateResource: validateKeys((key, args, reportViolation) => {
      const { maxDays = defaultMaxDays } = args.getConfig<{ maxDays?: number }>();
      const { expiresIn, expiresAt } = key;
      if (expiresIn === undefined && expiresAt === undefined) {
        reportViolation(
          `The key never expires. Set expiresIn to at most "${maxDays}d", and rotateBefore, so that it is replaced in time.`,
        );
      }
      if (expiresIn !== undefined && !((durationMs(expiresIn) ?? Infinity) <= maxDays * DAY_MS)) {
        reportViolation(
          `expiresIn "${expiresIn}" is more than ${maxDays} days. Set it to at most "${maxDays}d".`,
        );
      }
      if (expiresAt !== undefined && !(Date.parse(expiresAt) - Date.now() <= maxDays * DAY_MS)) {
        reportViolation(
          `expiresAt ${expiresAt} is more than ${maxDays} days away. Set an earlier instant, or expiresIn.`,
        );
      }
    }),
  };
}

/** Options of {@link keyOutputs}. */
export interface KeyOutputsOptions extends PolicyOptions {
  /**
   * Names of the stack outputs that may hold a private key; `[]` allows none. Also the policy's config
   * `allowedOutputs`. Default: any.
   */
  allowedOutputs?: readonly string[];
}

/**
 * Allows at most one stack output per private key, and none with a key that another stack creates: read such a key
 * from the stack that creates it.
 *
 * Runs at the end of a preview or an update, so `pulumi up` sees a new key. It does not see whether an output is a
 * secret, since Pulumi shows policies every value in plain text: only `allowedOutputs: []` rules out a plain output.
 * It does not recognize keys that are encoded or split.
 *
 * @param options - Options of the policy.
 */
export function keyOutputs(options: KeyOutputsOptions = {}): StackValidationPolicy {
  const { allowedOutputs: defaultAllowed, ...policy } = options;
  return {
    name: "flexprice-key-outputs",
    description: "API keys are not shared through stack outputs.",
    ...policy,
    configSchema: {
      properties: {
        allowedOutputs: {
          type: "array",
          items: { type: "string" },
          ...(defaultAllowed === undefined ? {} : { default: [...defaultAllowed] }),
        },
      },
    },
    validateStack({ resources, getConfig }, reportViolation) {
      const { allowedOutputs = defaultAllowed } = getConfig<{
        allowedOutputs?: readonly string[];
      }>();
      const creators = new Map(
        resources
          .filter(({ type }) => isApiKeyType(type))
          .map(({ name, props }) => [known(props, "apiKey"), name]),
      );
      const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
      for (const [key, outputs] of outputsByKey(stack?.props ?? {})) {
        const creator = creators.get(key);
        const where = outputs.map((name) => `"${name}"`).join(", ");
        if (creator === undefined) {
          reportViolation(
            `Output ${where} holds a Flexprice API key that this stack does not create. Read it from the stack that creates it, or create a key for this purpose.`,
          );
        }
        if (creator !== undefined && outputs.length > 1) {
          reportViolation(`API key "${creator}" is in the outputs ${where}. Keep one of them.`);
        }
        const forbidden = outputs.filter((name) => allowedOutputs?.includes(name) === false);
        for (const name of forbidden) {
          reportViolation(
            `Output "${name}" holds a Flexprice API key, but is not in allowedOutputs. Remove it, or add its name there.`,
          );
        }
      }
    },
  };
}

/** The names of the outputs that hold a private key, anywhere in them, by the key. */
function outputsByKey(outputs: Readonly<Record<string, unknown>>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of Object.keys(outputs)) {
    for (const key of new Set(JSON.stringify(rawProperty(outputs, name)).match(PRIVATE_KEY))) {
      found.set(key, [...(found.get(key) ?? []), name]);
    }
  }
  return found;
}
