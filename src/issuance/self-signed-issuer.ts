/** The issuer that needs nobody: certificates signed by their own key. */
import type { Clock } from '../clock.js';
import type { CryptoProvider } from '../x509/crypto-provider.js';
import type { KeyPairType } from '../x509/key-algorithm.js';
import { createSelfSignedCertificate } from '../x509/self-signed-certificate.js';
import type { Issuer } from './issuer.js';

const DAY_MS = 86_400_000;
/** Clients whose clocks are behind accept the certificate all the same. */
const BACKDATED_MS = 3_600_000;
const DEFAULT_KEY_TYPE: KeyPairType = 'ecdsa-p256';
const DEFAULT_DAYS = 90;

/** Options of {@link selfSignedIssuer}. */
export interface SelfSignedIssuerOptions {
  /** The clock certificates are dated by. */
  readonly clock: Clock;
  /** @defaultValue `'ecdsa-p256'` */
  readonly keyType?: KeyPairType;
  /**
   * Lifetime in days.
   * @defaultValue 90
   */
  readonly days?: number;
  /** The WebCrypto implementation; Node's own if omitted. */
  readonly crypto?: CryptoProvider;
}

/** Makes a self-signed certificate with a new key each time it is asked. */
export function selfSignedIssuer(options: SelfSignedIssuerOptions): Issuer {
  const { clock, keyType = DEFAULT_KEY_TYPE, days = DEFAULT_DAYS, crypto } = options;
  return {
    // The key type is part of it, so that another one takes effect at once and not with the next renewal.
    id: keyType === DEFAULT_KEY_TYPE ? 'self-signed' : `self-signed-${keyType}`,
    isLocal: true,
    issue({ names }) {
      const now = clock.now();
      return createSelfSignedCertificate({
        names,
        keyType,
        notBefore: now - BACKDATED_MS,
        notAfter: now + days * DAY_MS,
        ...(crypto === undefined ? {} : { crypto }),
      });
    },
  };
}
