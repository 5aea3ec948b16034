#!/usr/bin/env node
/** The process that the engine starts as `pulumi-resource-flexprice [flags] <engine address>`. */
import { setFlagsFromString } from "node:v8";
import { onEngineExit } from "../lifecycle/engine-exit";
import { asEngineAddress } from "../shared/engine-log";
import { grpc, providerService } from "../shared/grpc";
import { ProviderServer } from "./server";

// Else V8 optimizes the HTTP parser of undici, for which this process needs half as much memory again.
setFlagsFromString("--liftoff-only");

const server = new (grpc().Server)({
  // Pulumi's own limit is 400 MB: the schema and large states must fit.
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
});
const provider = new ProviderServer(asEngineAddress(process.argv.at(-1)));
server.addService(providerService().ResourceProviderService, provider.handlers());
onEngineExit(() => provider.onEngineExit());
server.bindAsync("127.0.0.1:0", grpc().ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  // The engine reads the port from the first line.
  process.stdout.write(`${port}\n`);
});
