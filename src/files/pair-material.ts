/** What was read of a pair, before it is proven. */
import type { CredentialInput, CredentialOrigin } from '../credential/credential.js';
import { isKeyEncrypted } from '../credential/pem.js';
import { openedKey } from './opened-key.js';
import { type PairFile, readPairFile, type ReadPairFileOptions } from './read-pair-file.js';

/** The files of one pair. */
export interface PairFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly chainFile?: string;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string;
}

/** A pair that was read and is to be proven. */
export interface PairMaterial {
  readonly input: CredentialInput;
  /** What certificate and key are called in messages. */
  readonly origin: CredentialOrigin;
  readonly certFile: PairFile;
  readonly keyFile: PairFile;
  /** The file of the chain, if it has one of its own. */
  readonly chainFile?: PairFile;
  /** Whether who reads `keyFile` needs a passphrase to get the key. */
  readonly isKeyEncrypted: boolean;
  /** The file that the passphrase came from, if it came from one. */
  readonly passphraseFile?: PairFile;
}

/** Reads the files of a pair side by side. */
export async function readPair(
  { certFile, keyFile, chainFile, passphrase }: PairFiles,
  reading?: ReadPairFileOptions,
): Promise<PairMaterial> {
  const [cert, key, chain] = await Promise.all([
    readPairFile(certFile, 'Certificate file', reading),
    readPairFile(keyFile, 'Private key', reading),
    chainFile === undefined ? undefined : readPairFile(chainFile, 'Chain file', reading),
  ]);
  return {
    input: {
      cert: cert.bytes,
      // What cannot be opened here is left to node, which says why.
      key: (await openedKey(key.bytes, passphrase)) ?? key.bytes,
      ...(chain === undefined ? {} : { chain: chain.bytes }),
      ...(passphrase === undefined ? {} : { passphrase }),
    },
    origin: { cert: `Certificate file ${cert.path}`, key: `Private key ${key.path}` },
    certFile: cert,
    keyFile: key,
    ...(chain === undefined ? {} : { chainFile: chain }),
    isKeyEncrypted: isKeyEncrypted(key.bytes.toString('latin1')),
  };
}
