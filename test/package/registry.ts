import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { z } from "zod";

const publication = z.object({
  access: z.string(),
  versions: z.record(z.string(), z.unknown()),
});

/** An empty npm registry that accepts what is published to it. */
export interface Registry {
  /** The settings for npm to use this registry, signed in. */
  readonly env: Record<string, string>;
  readonly publications: readonly z.infer<typeof publication>[];
  stop(): Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const publications: z.infer<typeof publication>[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.method === "PUT") publications.push(publication.parse(JSON.parse(body)));
    response.writeHead(request.method === "PUT" ? 201 : 404).end("{}");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    env: {
      npm_config_registry: `http://${host}/`,
      [`npm_config_//${host}/:_authToken`]: "of this registry alone",
    },
    publications,
    async stop() {
      server.closeAllConnections();
      await new Promise((stopped) => server.close(stopped));
    },
  };
}
