import { z } from "zod";
import { lazy } from "../shared/lazy";
import { isKeyName, isWellFormed, KEY_NAME_RULE, NOT_WELL_FORMED } from "../shared/names";
import { unlessUnknown } from "./unknowns";

/** What a unique name begins with: any text that a name can be. */
export const namePrefix = lazy(() =>
  unlessUnknown(
    z.string(KEY_NAME_RULE).refine(isKeyName, KEY_NAME_RULE).refine(isWellFormed, NOT_WELL_FORMED),
  ),
);

/** Id of a service account. */
export const accountId = lazy(() =>
  unlessUnknown(
    z
      .string()
      .regex(
        /^user_\w+$/,
        'must be the id of a service account ("user_…"); getServiceAccount({ name }) looks one up by its name',
      ),
  ),
);

/** Name of a connection in `flexprice:connections`. */
export const connectionName = lazy(() =>
  unlessUnknown(z.string("must name a connection").min(1, "must name a connection")),
);
