// A certificate and key for a demonstration. Real ones come from a certificate authority.
import { createSecureServer, selfSigned } from 'tlsmith';

/** A new self-signed pair for `name`, as PEM. */
export async function demoPair(name: string): Promise<{ cert: string; key: string }> {
  const maker = await createSecureServer({ sources: selfSigned({ names: name }) }).start();
  const { cert, key } = maker.tlsOptions;
  await maker.close();
  if (typeof cert !== 'string' || typeof key !== 'string') throw new Error(`no pair was made for ${name}`);
  return { cert, key };
}
