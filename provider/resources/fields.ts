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
