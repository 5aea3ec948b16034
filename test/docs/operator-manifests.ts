import { parseAllDocuments } from "yaml";
import { z } from "zod";

/**
 * The part of the schema of `stacks.pulumi.com/v1` that the example uses: the names, types and required fields in the
 * CustomResourceDefinition of pulumi/pulumi-kubernetes-operator 2 (operator/config/crd/bases/pulumi.com_stacks.yaml,
 * commit 19e812f37bc7), written down by hand. Nothing that a package registry has contains that file. In
 * `workspaceTemplate` it includes `PodSpec` of Kubernetes. Unknown fields, which an API server would silently drop, are
 * errors.
 */
const resourceRef = z.strictObject({
  // The schema allows any text. Version 2 of the operator rejects others.
  type: z.enum(["Secret", "Literal"]),
  secret: z.strictObject({ name: z.string(), key: z.string() }).optional(),
  literal: z.strictObject({ value: z.string() }).optional(),
});

const podSpec = z.strictObject({
  securityContext: z.strictObject({ fsGroup: z.int() }),
  containers: z.tuple([
    z.strictObject({
      name: z.string(),
      volumeMounts: z.tuple([z.strictObject({ name: z.string(), mountPath: z.string() })]),
    }),
  ]),
  volumes: z.tuple([
    z.strictObject({
      name: z.string(),
      persistentVolumeClaim: z.strictObject({ claimName: z.string() }),
    }),
  ]),
});

const metadata = z.strictObject({ name: z.string(), namespace: z.string() });

const stack = z.strictObject({
  apiVersion: z.literal("pulumi.com/v1"),
  kind: z.literal("Stack"),
  metadata,
  spec: z.strictObject({
    stack: z.string(),
    projectRepo: z.string(),
    branch: z.string(),
    serviceAccountName: z.string(),
    resyncFrequencySeconds: z.int(),
    continueResyncOnCommitMatch: z.boolean(),
    refresh: z.boolean(),
    workspaceReclaimPolicy: z.enum(["Retain", "Delete"]),
    destroyOnFinalize: z.boolean(),
    envRefs: z.record(z.string(), resourceRef),
    workspaceTemplate: z.strictObject({
      spec: z.strictObject({
        image: z.string(),
        securityProfile: z.enum(["baseline", "restricted"]),
        podTemplate: z.strictObject({ spec: podSpec }),
      }),
    }),
  }),
});

const account = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("ServiceAccount"),
  metadata,
});

const binding = z.strictObject({
  apiVersion: z.literal("rbac.authorization.k8s.io/v1"),
  kind: z.literal("ClusterRoleBinding"),
  metadata: z.strictObject({ name: z.string() }),
  roleRef: z.strictObject({
    apiGroup: z.literal("rbac.authorization.k8s.io"),
    kind: z.literal("ClusterRole"),
    name: z.literal("system:auth-delegator"),
  }),
  subjects: z.array(z.strictObject({ kind: z.string(), name: z.string(), namespace: z.string() })),
});

const claim = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("PersistentVolumeClaim"),
  metadata,
  spec: z.strictObject({
    accessModes: z.array(z.enum(["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"])),
    resources: z.strictObject({ requests: z.strictObject({ storage: z.string() }) }),
  }),
});

/** The four manifests of the example, in its order. */
export function manifestsOf(yaml: string) {
  const documents = parseAllDocuments(yaml).map((document) => document.toJS());
  const [first, second, third, fourth] = z.tuple([account, binding, claim, stack]).parse(documents);
  return { account: first, binding: second, claim: third, stack: fourth };
}
