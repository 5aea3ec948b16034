import { type Answer, accepted, failure, ok, refuse } from "./answers";
import { bind, type Call, invalidField, type OpenCall, required } from "./call";
import { Body, DecodeError } from "./decoding";

const INVALID_EVENT = "Invalid request payload";
const BULK_REQUEST = "BulkIngestEventRequest";
const MAX_EVENTS = 1_000;
const MAX_BODY_BYTES = 32 * 1024 * 1024;

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
  const events = readEvents(call.body);
  if (events.length === 0) throw invalidField(BULK_REQUEST, "Events", "required");
  if (events.length > MAX_EVENTS) throw invalidField(BULK_REQUEST, "Events", "max");
  return accepted({ message: "Events accepted for processing" });
}

/** A mismatch has the response of the validator, including the format of its JSON. */
function readEvents(body: string): string[] {
  let path = "Events";
  try {
    return Body.parse(body)
      .objects("events")
      .map((event, index) => {
        path = `Events[${index}].EventName`;
        return readEvent(event);
      });
  } catch (error) {
    if (error instanceof DecodeError) throw invalidField(BULK_REQUEST, path, "required");
    throw error;
  }
}

/** After the check of the role, this needs ClickHouse, which the embedded server does not have. */
export function queryEvents(): Answer {
  return failure("database_error", "Failed to query events");
}

/** Reads that need no role: any valid key gets an empty page. */
export function emptyPage(): Answer {
  return ok({ items: [], pagination: { total: 0, limit: 50, offset: 50 } });
}

/** The response of routes that only check the caller's role. The rest is not embedded. */
export function notEmbedded(): Answer {
  return failure("not_implemented", "Not part of the embedded Flexprice");
}

function readEvent(body: Body): string {
  required(body, "event_name");
  required(body, "external_customer_id");
  body.optionalInstant("timestamp");
  body.string("source");
  body.optionalObject("properties");
  return body.string("event_id");
}

function checkSize({ body }: OpenCall): void {
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) {
    throw refuse(
      "validation_error",
      "Request body exceeds the maximum size; split the batch into smaller requests",
    );
  }
}
