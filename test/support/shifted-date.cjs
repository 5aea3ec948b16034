// Preloaded into every process of an operation: sets its clock forward by CLOCK_OFFSET_MS.

// A process with a shifted clock preloads this file instead of the one that scripts/workspace.ts sets.
require("../../scripts/lazy-typescript.cjs");

const RealDate = Date;
const now = () => RealDate.now() + Number(process.env.CLOCK_OFFSET_MS);

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, property) => (property === "now" ? now : Reflect.get(target, property)),
});
