import {
  type ResourceValidationPolicy,
  type StackValidationPolicy,
  validateResourceOfType,
} from "@pulumi/policy";
import { ApiKey } from "../resources/api-key";
import { durationMs } from "../shared/duration";
import type { PolicyOptions } from "./options";
import { known, rawProperty } from "./props";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** A private key wherever it stands. A publishable one is there to be seen. */
const PRIVATE_KEY = /\bsk_[0-9A-HJKMNP-TV-Z]{26}\b/g;

/** Options of {@link keysExpire}. */
export interface KeysExpireOptions extends PolicyOptions {
  /** The longest time that a key may live, in days; also the policy's config `maxDays`. Default: 90. */
  maxDays?: number;
}

/**
 * Every key has an expiry, within `maxDays` days: of `expiresIn` from its creation, of `expiresAt` from now. An
 * `expiresAt` that has passed is refused by the preview itself.
 *
 * Checked before anything is made; while the expiry is unknown, by `pulumi up`.
 *
 * @param options - Options of the policy.
 */
export function keysExpire(options: KeysExpireOptions = {}): ResourceValidationPolicy {
  const { maxDays: byDefault = 90, ...policy } = options;
  return {
    name: "flexprice-keys-expire",
    description: "API keys expire.",
    ...policy,
    configSchema: {
      properties: { maxDays: { type: "number", exclusiveMinimum: 0, default: byDefault } },
    },
    validateResource: validateResourceOfType(ApiKey, (key, args, reportViolation) => {
      const { maxDays = byDefault } = args.getConfig<{ maxDays?: number }>();
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
   * Names of the stack outputs that may hold a private key, none with `[]`; also the policy's config
   * `allowedOutputs`. Default: any.
   */
  allowedOutputs?: readonly string[];
}

/**
 * A private key leaves its stack through one output at most, and no stack hands on a key that it has not made: who
 * needs it reads it from the stack that makes it.
 *
 * At the end of a preview or an update, so a key that is just made is seen by `pulumi up`. Not seen: whether an
 * output is a secret, since Pulumi shows policies every value in plain; only `allowedOutputs: []` rules a plain
 * output out. A key that is encoded or cut in pieces.
 *
 * @param options - Options of the policy.
 */
export function keyOutputs(options: KeyOutputsOptions = {}): StackValidationPolicy {
  const { allowedOutputs: byDefault, ...policy } = options;
  return {
    name: "flexprice-key-outputs",
    description: "API keys do not spread by stack outputs.",
    ...policy,
    configSchema: {
      properties: {
        allowedOutputs: {
          type: "array",
          items: { type: "string" },
          ...(byDefault === undefined ? {} : { default: [...byDefault] }),
        },
      },
    },
    validateStack({ resources, getConfig }, reportViolation) {
      const { allowedOutputs = byDefault } = getConfig<{ allowedOutputs?: readonly string[] }>();
      const makers = new Map(
        resources
          .filter((resource) => resource.isType(ApiKey))
          .map(({ name, props }) => [known(props, "apiKey"), name]),
      );
      const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
      for (const [key, outputs] of outputsByKey(stack?.props ?? {})) {
        const maker = makers.get(key);
        const where = outputs.map((name) => `"${name}"`).join(", ");
        if (maker === undefined) {
          reportViolation(
            `Output ${where} holds a Flexprice API key that this stack does not make. Read it from the stack that makes it, where it is needed, or make a key for this purpose.`,
          );
        }
        if (maker !== undefined && outputs.length > 1) {
          reportViolation(`API key "${maker}" is in the outputs ${where}. Keep one of them.`);
        }
        const forbidden = outputs.filter((name) => allowedOutputs?.includes(name) === false);
        for (const name of forbidden) {
          reportViolation(
            `Output "${name}" holds a Flexprice API key, and is none of those that may. Remove it, or add its name to allowedOutputs.`,
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
