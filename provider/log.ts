import { redact } from "./redaction";

/** Shows warnings in the CLI's output, each text once a process. */
export function engineLog(): (message: string) => void {
  const shown = new Set<string>();
  return (message) => {
    const clean = redact(message);
    if (shown.has(clean)) return;
    shown.add(clean);
    console.error(`warning: ${clean}`);
  };
}
