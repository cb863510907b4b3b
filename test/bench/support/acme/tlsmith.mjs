// Certificates by the built package: a server, its file storage, tls-alpn-01 on its own port.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Seconds from making the server to the last of the certificates being served. */
export async function obtain({ pebble, names, entry }) {
  const { acme, createSecureServer, fileStorage } = await import(entry);
  const folder = mkdtempSync(join(tmpdir(), 'bench-acme-'));
  const began = performance.now();
  const { directoryUrl, serverCaFile } = pebble;
  const secure = createSecureServer(
    {
      sources: acme({ domains: names, termsOfServiceAgreed: true, directoryUrl, serverCaFile }),
      ...{ storage: fileStorage(folder), logger: false },
    },
    (request, response) => response.end(),
  );
  try {
    await secure.listen({ port: pebble.tlsPort, host: '127.0.0.1' });
    await secure.ready();
    return (performance.now() - began) / 1_000;
  } finally {
    await secure.close({ graceMs: 0 });
    rmSync(folder, { recursive: true });
  }
}
