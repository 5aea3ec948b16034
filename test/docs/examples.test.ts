import { follow } from "./follow";

follow("examples/README.md", {
  notRun: {
    "export FLEXPRICE_API_KEY=": "asks for a credential of the reader's",
    "dev-server": "runs until somebody ends it",
  },
});
