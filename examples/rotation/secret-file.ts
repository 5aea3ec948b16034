import { rmSync, writeFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";

interface SecretFileInputs {
  path: string;
  content: string;
}

const provider: pulumi.dynamic.ResourceProvider<SecretFileInputs, SecretFileInputs> = {
  async diff(_id, olds, news) {
    return {
      changes: olds.path !== news.path || olds.content !== news.content,
      replaces: olds.path === news.path ? [] : ["path"],
    };
  },
  async create(inputs) {
    writeFileSync(inputs.path, inputs.content, { mode: 0o600 });
    return { id: inputs.path, outs: inputs };
  },
  async update(_id, _olds, news) {
    writeFileSync(news.path, news.content);
    return { outs: news };
  },
  async delete(_id, { path }) {
    rmSync(path, { force: true });
  },
};

/** A file that only its owner can read. It stands for your secret store, such as a Kubernetes secret. */
export class SecretFile extends pulumi.dynamic.Resource {
  constructor(name: string, args: Record<keyof SecretFileInputs, pulumi.Input<string>>) {
    super(provider, name, args, {}, "example", "SecretFile");
  }
}
