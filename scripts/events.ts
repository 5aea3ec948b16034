import { readFileSync } from "node:fs";

/** A step of the engine on one resource, done or, in a preview, planned. */
interface Step {
  /** e.g. `create`, `update`, `same`, `delete`, `create-replacement`, `replace`, `delete-replaced`, `refresh`. */
  op: string;
  urn: string;
  type: string;
  /** The resource's logical name: the end of its URN. */
  name: string;
  /** Properties that force the replacement, sorted: the engine lists them in random order. */
  replaceKeys: string[];
  /** Properties that differ. */
  diffs: string[];
  /** Kind of change of each differing property path, e.g. `update` or `add-replace`. */
  diffKinds: Record<string, string>;
  /** `done` in a preview: the step was planned. `begun`: the operation ended before the step did. */
  outcome: "begun" | "done" | "failed";
}

/** A message that the engine shows: from itself, the program or the provider. */
interface Diagnostic {
  severity: string;
  message: string;
  urn?: string;
}

export interface EngineLog {
  steps: Step[];
  /** Without those of severity `debug`. */
  diagnostics: Diagnostic[];
  /** The number of resources for each op, from the engine's summary; empty if it failed early. */
  changes: Record<string, number>;
}

interface StepMetadata {
  op: string;
  urn: string;
  type: string;
  keys?: string[] | null;
  diffs?: string[] | null;
  detailedDiff?: Record<string, { diffKind: string }> | null;
}

interface EngineEvent {
  resourcePreEvent?: { metadata: StepMetadata };
  resOutputsEvent?: { metadata: StepMetadata };
  resOpFailedEvent?: { metadata: StepMetadata };
  diagnosticEvent?: { severity: string; message: string; prefix?: string; urn?: string };
  summaryEvent?: { resourceChanges?: Record<string, number> };
}

/** Reads the file of `--event-log`. The log of a killed CLI may be incomplete. */
export function readEngineLog(file: string): EngineLog {
  const log: EngineLog = { steps: [], diagnostics: [], changes: {} };
  for (const event of eventsIn(file)) {
    if (event.resourcePreEvent) log.steps.push(stepOf(event.resourcePreEvent.metadata));
    if (event.resOutputsEvent) settle(log.steps, event.resOutputsEvent.metadata, "done");
    if (event.resOpFailedEvent) settle(log.steps, event.resOpFailedEvent.metadata, "failed");
    if (event.diagnosticEvent && event.diagnosticEvent.severity !== "debug") {
      const { severity, message, urn } = event.diagnosticEvent;
      log.diagnostics.push({ severity, message, ...(urn ? { urn } : {}) });
    }
    if (event.summaryEvent) log.changes = event.summaryEvent.resourceChanges ?? {};
  }
  return log;
}

function* eventsIn(file: string): Generator<EngineEvent> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return;
  }
  for (const line of text.split("\n")) {
    try {
      yield JSON.parse(line) as EngineEvent;
    } catch {
      // The empty last line, or an incomplete one of a killed CLI.
    }
  }
}

function stepOf(metadata: StepMetadata): Step {
  return {
    op: metadata.op,
    urn: metadata.urn,
    type: metadata.type,
    name: metadata.urn.split("::").at(-1) ?? "",
    replaceKeys: [...(metadata.keys ?? [])].sort(),
    diffs: metadata.diffs ?? [],
    diffKinds: Object.fromEntries(
      Object.entries(metadata.detailedDiff ?? {}).map(([path, { diffKind }]) => [path, diffKind]),
    ),
    outcome: "begun",
  };
}

/**
 * The engine repeats a step's metadata at its end, which is where a refresh learns its changes; a
 * stack's ends a second time, with its outputs.
 */
function settle(steps: Step[], metadata: StepMetadata, outcome: "done" | "failed"): void {
  const settled = { ...stepOf(metadata), outcome };
  const ofResource = (step: Step) => step.urn === metadata.urn;
  let index = steps.findIndex((step) => ofResource(step) && step.outcome === "begun");
  if (index === -1) index = steps.findIndex((step) => ofResource(step) && step.op === metadata.op);
  if (index === -1) steps.push(settled);
  else steps[index] = settled;
}
