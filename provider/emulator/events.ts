import { type Answer, accepted, failure, ok, refuse } from "./answers";
import { bind, type Call, type OpenCall, required } from "./call";
import type { Body } from "./decoding";

const INVALID_EVENT = "Invalid request payload";
const LARGEST_BODY = 32 * 1024 * 1024;

export function ingestEvent(call: Call): Answer {
  checkSize(call);
  const id = bind(call, INVALID_EVENT, readEvent);
  return accepted({
    event_id: id || call.state.newId("event"),
    message: "Event accepted for processing",
  });
}

export function ingestEvents(call: Call): Answer {
  checkSize(call);
  const ids = bind(call, INVALID_EVENT, (body) => body.objects("events").map(readEvent));
  if (ids.length === 0) throw refuse("validation_error", INVALID_EVENT);
  return accepted({ message: "Events accepted for processing" });
}

/** Past the gate by role, this needs ClickHouse, which the embedded server does not have. */
export function queryEvents(): Answer {
  return failure("database_error", "Failed to query events");
}

/** Reads that no role is asked for: any valid key gets an empty page. */
export function emptyPage(): Answer {
  return ok({ items: [], pagination: { total: 0, limit: 50, offset: 50 } });
}

/** Behind the right gate, but beyond what is embedded here. */
export function notEmbedded(): Answer {
  return failure("not_implemented", "Not part of the embedded Flexprice");
}

function readEvent(body: Body): string {
  required(body, "event_name");
  required(body, "external_customer_id");
  body.optionalInstant("timestamp");
  return body.string("event_id");
}

function checkSize({ body }: OpenCall): void {
  if (Buffer.byteLength(body) > LARGEST_BODY) {
    throw refuse(
      "validation_error",
      "Request body exceeds the maximum size; split the batch into smaller requests",
    );
  }
}
