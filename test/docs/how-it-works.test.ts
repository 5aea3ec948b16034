import { follow } from "./follow";

follow("docs/how-it-works.md", {
  edits: ["const aliases", '"event_ingestor", "event_reader"', "const reader"],
});
