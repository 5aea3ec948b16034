import { follow } from "./follow";

follow("docs/concepts.md", {
  edits: ["const aliases", '"event_ingestor", "event_reader"', "const reader"],
});
