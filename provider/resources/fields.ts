import { z } from "zod";
import { once } from "../once";
import { onceKnown } from "./unknowns";

/** Id of a service account. */
export const accountId = once(() =>
  onceKnown(z.string().regex(/^user_\w+$/, 'must be the id of a service account ("user_…")')),
);

/** Name of a connection in `flexprice:connections`. */
export const connectionName = once(() =>
  onceKnown(z.string("must name a connection").min(1, "must name a connection")),
);

/** Half of a surrogate pair would be another character on the server than in the program. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

export const NOT_WELL_FORMED = "must be well-formed Unicode";
