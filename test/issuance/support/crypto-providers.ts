/** Both WebCrypto implementations, for `describe.each`: nothing may depend on the inside of one of them. */
import { type CryptoProvider, portableCrypto } from '../../../src/x509/crypto-provider.js';

/** Name and loader; undefined stands for Node's own. */
export const CRYPTO_PROVIDERS: readonly [string, () => Promise<CryptoProvider | undefined>][] = [
  ['native', () => Promise.resolve(undefined)],
  ['@peculiar/webcrypto', portableCrypto],
];
