// Preloaded into each process of an operation: Pulumi's SDK loads the whole TypeScript compiler, a third of the time that
// a process takes to start, and a provider or a program in JavaScript never uses it.
"use strict";

const Module = require("node:module");

const load = Module._load;
Module._load = function (request, ...rest) {
  if (request !== "typescript") return load.call(this, request, ...rest);
  return new Proxy({}, { get: (_, property) => load.call(this, request, ...rest)[property] });
};
