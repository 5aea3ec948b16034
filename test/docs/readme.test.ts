import { follow } from "./follow";

follow("README.md", {
  notRun: {
    "npm install && npm start": "installs from the network, and runs these very tests",
  },
});
