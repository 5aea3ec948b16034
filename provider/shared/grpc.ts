/**
 * gRPC and Pulumi's messages, from the SDK's own dependencies. Loads what it is asked for, and never the SDK itself,
 * which takes longer than most operations.
 */
import { createRequire } from "node:module";
import { lazy } from "./lazy";

type Grpc = typeof import("@grpc/grpc-js");
type ProviderService = typeof import("@pulumi/pulumi/proto/provider_grpc_pb");
type ProviderMessages = typeof import("@pulumi/pulumi/proto/provider_pb");
type PluginMessages = typeof import("@pulumi/pulumi/proto/plugin_pb");
type StatusMessages = typeof import("@pulumi/pulumi/proto/status_pb");
type EngineService = typeof import("@pulumi/pulumi/proto/engine_grpc_pb");
type EngineMessages = typeof import("@pulumi/pulumi/proto/engine_pb");
type MonitorService = typeof import("@pulumi/pulumi/proto/resource_grpc_pb");
type MonitorMessages = typeof import("@pulumi/pulumi/proto/resource_pb");
type AliasMessages = typeof import("@pulumi/pulumi/proto/alias_pb");
type Structs = typeof import("google-protobuf/google/protobuf/struct_pb");
type Empties = typeof import("google-protobuf/google/protobuf/empty_pb");
type Anys = typeof import("google-protobuf/google/protobuf/any_pb");

const sdk = lazy(() => createRequire(require.resolve("@pulumi/pulumi/package.json")));

export const grpc = lazy((): Grpc => sdk()("@grpc/grpc-js"));
export const providerService = lazy(
  (): ProviderService => sdk()("@pulumi/pulumi/proto/provider_grpc_pb"),
);
export const providerMessages = lazy(
  (): ProviderMessages => sdk()("@pulumi/pulumi/proto/provider_pb"),
);
export const pluginMessages = lazy((): PluginMessages => sdk()("@pulumi/pulumi/proto/plugin_pb"));
export const statusMessages = lazy((): StatusMessages => sdk()("@pulumi/pulumi/proto/status_pb"));
export const engineService = lazy(
  (): EngineService => sdk()("@pulumi/pulumi/proto/engine_grpc_pb"),
);
export const engineMessages = lazy((): EngineMessages => sdk()("@pulumi/pulumi/proto/engine_pb"));
export const monitorService = lazy(
  (): MonitorService => sdk()("@pulumi/pulumi/proto/resource_grpc_pb"),
);
export const monitorMessages = lazy(
  (): MonitorMessages => sdk()("@pulumi/pulumi/proto/resource_pb"),
);
export const aliasMessages = lazy((): AliasMessages => sdk()("@pulumi/pulumi/proto/alias_pb"));
export const structs = lazy((): Structs => sdk()("google-protobuf/google/protobuf/struct_pb"));
export const empties = lazy((): Empties => sdk()("google-protobuf/google/protobuf/empty_pb"));
export const anys = lazy((): Anys => sdk()("google-protobuf/google/protobuf/any_pb"));
