// Preloaded into a provider's process: Pulumi's SDK loads the whole TypeScript compiler, a third of the time that the
// process takes to start, for functions that a program's process alone uses.
"use strict";

const Module = require("node:module");

const load = Module._load;
Module._load = function (request, ...rest) {
  if (request !== "typescript") return load.call(this, request, ...rest);
  return new Proxy({}, { get: (_, property) => load.call(this, request, ...rest)[property] });
};
