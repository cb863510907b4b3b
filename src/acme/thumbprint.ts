/** What a token is answered with by whoever has the account's key, without knowing of any order (RFC 8555 §8.1). */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';

/** Members of a JSON web key that count, in lexicographic order (RFC 7638 §3.2). */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  RSA: ['e', 'kty', 'n'],
};

/**
 * Token and thumbprint of the account's key. It proves nothing to anybody but an authority where that account has
 * an order for the name.
 * @param accountKey - PKCS#8 PEM
 */
export function keyAuthorization(token: string, accountKey: string): string {
  const jwk = createPublicKey(createPrivateKey(accountKey)).export({ format: 'jwk' });
  const members = (MEMBERS[jwk.kty ?? ''] ?? []).map((member) => [member, jwk[member]]);
  const text = JSON.stringify(Object.fromEntries(members));
  return `${token}.${createHash('sha256').update(text).digest('base64url')}`;
}
