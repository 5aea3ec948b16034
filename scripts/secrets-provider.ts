import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

const PREFIX = "vault:v1:";

/**
 * Stands in for HashiCorp Vault as a stack's secrets provider. Its ciphertext is the plaintext with a prefix. With a
 * passphrase, the CLI would derive the key again in each operation, which takes a seventh of its time.
 */
export class SecretsProvider {
  readonly #server = createServer((request, response) => {
    json(request).then(
      (body) => {
        const { plaintext = "", ciphertext = "" } = body as Record<string, string>;
        const data = request.url?.includes("/encrypt/")
          ? { ciphertext: `${PREFIX}${plaintext}` }
          : { plaintext: ciphertext.slice(PREFIX.length) };
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ data }));
      },
      () => response.writeHead(400).end(),
    );
  });

  /** For `pulumi stack init`. */
  readonly option = "--secrets-provider=hashivault://scratch";

  /** Returns the environment with which a CLI finds it. */
  async start(): Promise<Record<string, string>> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    return { VAULT_SERVER_URL: `http://127.0.0.1:${port}`, VAULT_SERVER_TOKEN: "scratch" };
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
