/** What only the one who read the files can add to an error of a pair: where to look, and where the passphrase came from. */
import { codeOf, isTlsmithError, messageOf, TlsmithError } from '../errors.js';
import { keyEncryptionOf } from './key-encryption.js';
import { matchingKey } from './matching-key.js';
import type { PairMaterial } from './pair-material.js';

/** `error` of proving `material`, with what a person would look up next; never throws. */
export async function explainedPairError(error: unknown, material: PairMaterial): Promise<unknown> {
  switch (codeOf(error)) {
    case 'TLS_KEY_MISMATCH':
      return withMatchingKey(error, material);
    case 'TLS_KEY_PASSPHRASE_REQUIRED':
    case 'TLS_KEY_PASSPHRASE_WRONG':
      return passphraseError(material);
    default:
      return error;
  }
}

async function withMatchingKey(error: unknown, material: PairMaterial): Promise<unknown> {
  const path = await matchingKey(material);
  if (path === undefined || !isTlsmithError(error)) return error;
  return new TlsmithError(
    'TLS_KEY_MISMATCH',
    `${messageOf(error)} The key that does belong to it is ${path}.`,
    { keyFile: material.keyFile.path, matchingKeyFile: path, hint: `Give ${path} as key.` },
  );
}

/** Nothing of the attempt but the length and the last character's kind belongs into a message. */
function passphraseError(material: PairMaterial): TlsmithError {
  const { input, origin, keyFile, passphraseFile } = material;
  const { name = 'encrypted', isRetired = false } = keyEncryptionOf(keyFile.bytes) ?? {};
  const path = keyFile.path;
  if (isRetired) {
    return new TlsmithError(
      'TLS_KEY_UNSUPPORTED',
      `${origin.key} is encrypted (${name}) in a way that OpenSSL no longer opens.`,
      {
        path,
        hint: `Encrypt it anew: openssl pkey -provider legacy -provider default -in ${path} -aes256 -out NEW.key`,
      },
    );
  }
  if (input.passphrase === undefined) {
    return new TlsmithError(
      'TLS_KEY_PASSPHRASE_REQUIRED',
      `${origin.key} is encrypted (${name}) and no passphrase was given.`,
      {
        path,
        hint: 'Set `passphrase` or `passphraseFile`.',
      },
    );
  }
  return wrongPassphrase(input.passphrase, {
    name: `${origin.key} (${name})`,
    path,
    passphraseFile: passphraseFile?.path,
  });
}

/** The error for a passphrase that does not open `name`. */
export function wrongPassphrase(
  passphrase: string,
  { name, path, passphraseFile }: { name: string; path: string; passphraseFile: string | undefined },
): TlsmithError {
  const source =
    passphraseFile === undefined ? 'The passphrase given' : `The passphrase from ${passphraseFile}`;
  return new TlsmithError(
    'TLS_KEY_PASSPHRASE_WRONG',
    `${source} does not open ${name}; it has length ${passphrase.length}, trailing newline: ${passphrase.endsWith('\n') ? 'yes' : 'no'}.`,
    {
      path,
      hint:
        passphraseFile === undefined
          ? 'Check the passphrase; one read from a file often ends in a newline.'
          : 'Check the file; one newline at its end is dropped, other white space is not.',
    },
  );
}
